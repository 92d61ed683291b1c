//! What agents say to each other: HTTP over mutual TLS, on the port of the agents.
//!
//! | request | from whom | what |
//! |---|---|---|
//! | `POST /v1/join` | anybody | where members are, or to be admitted with a token |
//! | `POST /v1/renew` | a host | new certificates |
//! | `POST /v1/return` | anybody | new certificates for the key of a host whose own have ended |
//! | `POST /v1/leave` | a host | to be taken out of the cluster |
//! | `GET /v1/blobs/<hash>` | a host | a large file of a release, also from an offset on; `HEAD`: whether it is there |
//! | `PUT /v1/blobs/<hash>` | a host | to take in a large file that a release names |
//!
//! Invariants: whoever shows no certificate reaches `join` and `return` and nothing else; a certificate that is refused opens nothing,
//! on connections that are there already too; requests, connections and the time for each are bounded.

mod attempts;
mod blobs;
pub(crate) mod client;
mod courier;
pub(crate) mod joining;
mod outgoing;
mod server;
mod turns;

pub(crate) use courier::{AgentCourier, HandOver, hand_over};
pub(crate) use server::serve;

/// The paths, for both ends.
pub(crate) mod path {
    pub(crate) const JOIN: &str = "/v1/join";
    pub(crate) const RENEW: &str = "/v1/renew";
    pub(crate) const RETURN: &str = "/v1/return";
    pub(crate) const LEAVE: &str = "/v1/leave";
    pub(crate) const BLOBS: &str = "/v1/blobs/";
}
