//! Joining, staying and leaving: decisions with a real store, connections over loopback, and certificates with a real etcd.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod admission;
mod changes;
mod connections;
mod etcd;
mod setting;
