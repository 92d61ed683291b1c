//! The real binary, from outside.
#![allow(clippy::unwrap_used)]

mod broken;
mod diagnostics;
mod doc;
mod ends;
mod etcd;
mod examples;
mod fmt;
mod graph;
mod kv;
mod mcl;
mod place;
mod plan;
mod reload;
mod run;
mod secrets;
mod usage;
