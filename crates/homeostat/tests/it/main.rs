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
mod mcl_exchange;
mod modules;
mod pages;
mod place;
mod plan;
mod reload;
mod returning;
mod run;
mod secrets;
mod testing;
mod topology;
mod usage;
mod valid;
mod world;
mod written;
