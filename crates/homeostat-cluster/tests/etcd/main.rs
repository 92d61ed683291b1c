//! The store in etcd against a real etcd.
#![allow(clippy::unwrap_used)]

mod contract;
mod faults;
mod proxy;
mod ranges;
mod setting;
mod tls;
mod watches;
