//! How much of what one host exports is kept by those who collect: so no host fills the memory and the disks of all others.
//!
//! What is kept stays; what comes beyond it is left out alone. The first of those are named, the rest is only said to be there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_engine::store::keys;

/// Resources of one host.
const EXPORTS_MAX: usize = 10_000;
/// What they have together.
const MIB_MAX: usize = 64;
/// Of those that are left out, so many of each host are named.
const NAMED_MAX: usize = 100;

/// What becomes of an export.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Kept,
    /// It is left out, and named; why.
    Named(Arc<str>),
    /// It is left out with many others, and this is the first one that is not named; what to say of them.
    First(String),
    Unnamed,
}

/// What is kept of each host.
#[derive(Default)]
pub(super) struct Shares(BTreeMap<String, Share>);

#[derive(Default)]
struct Share {
    /// Sizes, by keys.
    kept: BTreeMap<Arc<str>, usize>,
    bytes: usize,
    named: BTreeSet<Arc<str>>,
    has_more: bool,
}

impl Shares {
    /// Takes an export, or another value of one, if there is room for it.
    pub(super) fn take(&mut self, key: &Arc<str>, bytes: usize) -> Fit {
        let Some((from, _)) = keys::parse_export(key) else { return Fit::Unnamed };
        let share = self.0.entry(from.clone()).or_default();
        share.remove(key);
        if share.kept.len() < EXPORTS_MAX && share.bytes + bytes <= MIB_MAX << 20 {
            share.named.remove(key);
            share.kept.insert(key.clone(), bytes);
            share.bytes += bytes;
            return Fit::Kept;
        }
        let bounds = format!("`{from}` exports more than {EXPORTS_MAX} resources or {MIB_MAX} MiB");
        if share.named.contains(key) || share.named.len() < NAMED_MAX {
            share.named.insert(key.clone());
            return Fit::Named(format!("{bounds}, of which no more is kept").into());
        }
        match std::mem::replace(&mut share.has_more, true) {
            false => Fit::First(format!("{bounds}: more of them are left out than are named")),
            true => Fit::Unnamed,
        }
    }

    /// Gives up what is gone. Whether there is room now for one that was left out.
    pub(super) fn give_back(&mut self, key: &Arc<str>) -> bool {
        let Some((from, _)) = keys::parse_export(key) else { return false };
        let Some(share) = self.0.get_mut(&from) else { return false };
        share.named.remove(key);
        let makes_room = share.remove(key) && (share.has_more || !share.named.is_empty());
        if share.kept.is_empty() && share.named.is_empty() {
            self.0.remove(&from);
        }
        makes_room
    }

    /// Those that are left out and named.
    pub(super) fn named(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.values().flat_map(|share| &share.named)
    }
}

impl Share {
    /// Whether it was kept.
    fn remove(&mut self, key: &Arc<str>) -> bool {
        let bytes = self.kept.remove(key);
        self.bytes -= bytes.unwrap_or_default();
        bytes.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(from: &str, at: usize) -> Arc<str> {
        format!("exports/{from}/file/{at:05}").into()
    }

    #[test]
    fn a_host_that_exports_too_much_takes_nothing_from_another_and_only_some_of_it_is_named() {
        let mut shares = Shares::default();
        assert!((0..EXPORTS_MAX).all(|at| shares.take(&key("a", at), 1) == Fit::Kept));
        assert_eq!(shares.take(&key("b", 0), 1), Fit::Kept);
        assert_eq!(shares.take(&key("a", 3), 2), Fit::Kept, "it is kept already");
        let beyond: Vec<Fit> =
            (0..NAMED_MAX + 2).map(|at| shares.take(&key("a", EXPORTS_MAX + at), 1)).collect();
        assert!(beyond[..NAMED_MAX].iter().all(|fit| matches!(fit, Fit::Named(_))));
        assert!(matches!(&beyond[NAMED_MAX..], [Fit::First(_), Fit::Unnamed]), "{beyond:?}");
        assert_eq!(shares.named().count(), NAMED_MAX);
        assert!(!shares.give_back(&key("a", EXPORTS_MAX)), "it was none of those that are kept");
        assert!(!shares.give_back(&key("b", 0)));
        assert!(shares.give_back(&key("a", 0)));
        assert_eq!(shares.take(&key("a", EXPORTS_MAX + 1), 1), Fit::Kept);
    }

    #[test]
    fn the_sizes_of_what_one_host_exports_are_bounded_together() {
        let mut shares = Shares::default();
        assert!((0..MIB_MAX).all(|at| shares.take(&key("a", at), 1 << 20) == Fit::Kept));
        assert!(matches!(shares.take(&key("a", MIB_MAX), 1), Fit::Named(_)));
        assert_eq!(shares.take(&key("a", 0), 10), Fit::Kept);
        assert_eq!(shares.take(&key("a", MIB_MAX), 1), Fit::Kept);
    }
}
