//! Clusters of the real binary with real etcds, each host with a network of its own. Needs root; counted as skipped without.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "what took how long is of interest")]

mod blobs;
mod eyes;
mod faults;
mod growth;
mod history;
mod latency;
mod partition;
mod removal;
mod rig;
mod seven;
mod topology;
mod troubles;
