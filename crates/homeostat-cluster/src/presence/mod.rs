//! Who is there and how they stand: a summary of each host, under its lease.
//!
//! A host that ends in order, or is not heard of for the time of its lease, is not listed as alive any more. Nothing else follows
//! from that: what it exports stays.

mod announce;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub use announce::{Contact, announce};
pub use view::{HostView, Seen, follow, hosts, settled_since};

/// How long a host counts as alive without being heard of.
pub const LEASE: Duration = Duration::from_secs(15);
/// Summaries are written at most so often.
const UPDATES: Duration = Duration::from_secs(1);

const FORM: u8 = 1;

/// How a host stands, for the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Nothing is running and nothing could be started.
    pub settled: bool,
    /// Since when it is settled, in milliseconds since 1970 by that host's clock.
    pub since_ms: Option<u64>,
    /// For how long it was settled when this was written, in milliseconds: no two clocks have to agree on that.
    pub settled_for_ms: Option<u64>,
    /// The same as an instant, in the process that writes it.
    #[serde(skip)]
    pub settled_at: Option<Instant>,
    /// Resources of its catalog.
    pub resources: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that wait for one that failed.
    pub blocked: usize,
    /// Those that wait for something outside.
    pub waiting: usize,
    /// Collected resources that are left out.
    pub left_out: usize,
    /// A digest over its catalog, in hexadecimal.
    pub catalog: String,
    /// The release that runs, 0 for none yet; nothing where no releases are followed.
    pub deploy: Option<u64>,
    /// The release that did not do here: it was refused, or settled for the first time with failures.
    pub deploy_failed: Option<u64>,
    /// Something was changed by hand since the release came.
    pub tainted: bool,
    /// The first things that are not in order, for people.
    pub why: Vec<String>,
}

impl Summary {
    /// Whether everything is in order.
    pub fn is_converged(&self) -> bool {
        self.settled && self.failed + self.blocked + self.waiting == 0
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let settled_for =
            self.settled_at.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
        let written = Self { settled_for_ms: settled_for, ..self.clone() };
        let mut bytes = vec![FORM];
        bytes.extend(serde_json::to_vec(&written).expect("a summary is numbers and texts"));
        bytes
    }

    /// Reads a summary as it lies in the store; none if it is in a form that this version does not know.
    pub fn parse(stored: &[u8]) -> Option<Self> {
        match stored.split_first() {
            Some((&FORM, json)) => serde_json::from_slice(json).ok(),
            _ => None,
        }
    }
}

/// Hosts that are alive, by name.
pub type Alive = BTreeMap<Arc<str>, Seen>;

#[cfg(test)]
mod tests;
