//! The real binary, from outside.
#![allow(clippy::unwrap_used)]

mod api;
mod broken;
mod cluster;
mod deploys;
mod diagnostics;
mod doc;
mod ends;
mod etcd;
mod examples;
mod exchange;
mod fmt;
mod graph;
mod kv;
mod mcl;
mod pages;
mod place;
mod plan;
mod reload;
mod run;
mod secrets;
mod topology;
mod usage;
