//! What agents say to each other: HTTP over mutual TLS, on the port of the agents.
//!
//! | request | from whom | what |
//! |---|---|---|
//! | `POST /v1/join` | anybody | where members are, or to be admitted with a token |
//! | `POST /v1/renew` | a host | new certificates |
//! | `POST /v1/leave` | a host | to be taken out of the cluster |
//!
//! Invariants: whoever shows no certificate reaches `join` and nothing else; a certificate that is refused opens nothing,
//! on connections that are there already too; requests, connections and the time for each are bounded.

mod attempts;
pub(crate) mod client;
pub(crate) mod joining;
mod server;

pub(crate) use server::serve;

/// The paths, for both ends.
pub(crate) mod path {
    pub(crate) const JOIN: &str = "/v1/join";
    pub(crate) const RENEW: &str = "/v1/renew";
    pub(crate) const LEAVE: &str = "/v1/leave";
}
