//! Members of real etcds that grow, die, return and are replaced by themselves.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "what took how long is shown when a test fails")]

mod agent;
mod authority;
mod lone;
mod quota;
mod remaining;
mod replacement;
mod rig;
mod roles;
mod versions;
