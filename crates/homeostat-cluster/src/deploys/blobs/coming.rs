//! What is coming in: which content, in which way, and how much room it will need.
//!
//! What this host fetches goes before what others give it: it is checked against nobody's gift, and a gift that would take its room
//! ends. So whoever gives slowly, or something else than it says, holds up nothing.

use std::collections::BTreeMap;

use super::super::manifest::Hash;
use super::depot::KEPT_BYTES_MAX;

/// How a content comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// This host asks others for it; what came stays for the next attempt.
    Fetched,
    /// Somebody gives it: the so-and-so-many-th time that anybody does.
    Given(u64),
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    at: u64,
    bytes: u64,
}

/// All that is coming in.
#[derive(Debug, Default)]
pub(super) struct Coming(BTreeMap<(Hash, Way), Reached>);

impl Coming {
    /// It begins, with so much that is there already. Not twice in the same way.
    pub(super) fn begin(&mut self, hash: Hash, way: Way, at: u64, bytes: u64) -> bool {
        let is_new = !self.0.contains_key(&(hash, way));
        if is_new {
            self.0.insert((hash, way), Reached { at, bytes });
        }
        is_new
    }

    pub(super) fn reached(&mut self, hash: Hash, way: Way, at: u64) {
        if let Some(reached) = self.0.get_mut(&(hash, way)) {
            reached.at = at;
        }
    }

    pub(super) fn end(&mut self, hash: Hash, way: Way) {
        self.0.remove(&(hash, way));
    }

    pub(super) fn has(&self, hash: Hash, way: Way) -> bool {
        self.0.contains_key(&(hash, way))
    }

    pub(super) fn is_any(&self, hash: Hash) -> bool {
        self.0.keys().any(|(coming, _)| *coming == hash)
    }

    /// Whether what comes in a way has room in these free bytes, beside all else that comes.
    pub(super) fn has_room(&self, way: Way, free: u64) -> bool {
        let is_given = |(_, way): &(Hash, Way)| matches!(way, Way::Given(_));
        let (given, fetched): (Vec<_>, Vec<_>) = self.0.iter().partition(|(key, _)| is_given(key));
        let left = |some: &[(&(Hash, Way), &Reached)]| -> u64 {
            some.iter().map(|(_, reached)| reached.bytes.saturating_sub(reached.at)).sum()
        };
        match way {
            Way::Fetched => free + given.iter().map(|(_, reached)| reached.at).sum::<u64>() >= left(&fetched),
            Way::Given(_) => {
                let all = given.iter().map(|(_, reached)| reached.bytes).sum::<u64>();
                all <= KEPT_BYTES_MAX && free >= left(&fetched) + left(&given)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_is_not_there_yet_needs_room_and_what_is_fetched_goes_before_what_is_given() {
        let [a, b, c] = ["a", "b", "c"].map(|name| Hash::of(name.as_bytes()));
        let mut coming = Coming::default();
        assert!(coming.begin(a, Way::Given(0), 0, 6 * GIB));
        assert!(!coming.begin(a, Way::Given(0), 0, 6 * GIB));
        assert!(coming.has_room(Way::Given(0), 10 * GIB));
        // A second gift needs the room that the first has not taken yet.
        assert!(coming.begin(b, Way::Given(1), 0, 6 * GIB));
        assert!(!coming.has_room(Way::Given(1), 10 * GIB));
        coming.end(b, Way::Given(1));
        // Half of the first is there. What is fetched fits once that is gone.
        coming.reached(a, Way::Given(0), 3 * GIB);
        assert!(coming.begin(c, Way::Fetched, 0, 9 * GIB));
        assert!(coming.has_room(Way::Fetched, 7 * GIB));
        assert!(!coming.has_room(Way::Given(0), 7 * GIB));
        assert!(!coming.has_room(Way::Fetched, 5 * GIB));
        assert!(coming.is_any(c) && !coming.has(c, Way::Given(0)));
    }

    #[test]
    fn gifts_are_not_more_than_is_kept() {
        let mut coming = Coming::default();
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            let way = Way::Given(at as u64);
            assert!(coming.begin(Hash::of(name.as_bytes()), way, 0, 16 * GIB));
            assert_eq!(coming.has_room(way, 1000 * GIB), at < 2);
        }
    }
}
