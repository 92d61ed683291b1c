//! The paths that resources declare, so that one which removes what is not declared spares them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::resource::Claim;
use crate::source::AbsPath;

/// Changes that wait to be sorted in, at least.
const PENDING_MAX: usize = 1024;

/// Declared paths. The engine adds what a resource provides when it is loaded, and removes it when it leaves the graph.
#[derive(Debug, Default)]
pub struct Declared {
    paths: Mutex<Paths>,
}

/// Few ask, so what is added and removed is only noted until somebody does.
#[derive(Debug, Default)]
struct Paths {
    /// Several resources may declare one path.
    counted: BTreeMap<AbsPath, usize>,
    pending: Vec<(AbsPath, Change)>,
    /// Above as many they are sorted in, asked for or not.
    pending_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Removed,
}

impl Declared {
    /// Adds the paths among claims.
    pub fn add(&self, claims: &[Claim]) {
        self.note(claims, Change::Added);
    }

    /// Takes them back.
    pub fn remove(&self, claims: &[Claim]) {
        self.note(claims, Change::Removed);
    }

    fn note(&self, claims: &[Claim], change: Change) {
        let mut paths = self.lock();
        if paths.pending.len() > paths.pending_max {
            paths.sort_in();
        }
        let before = paths.pending.len();
        paths.pending.extend(paths_of(claims).map(|path| (path.clone(), change)));
        // What comes after a large load is small, and must not wait until all of that is sorted.
        let added = paths.pending.len() - before;
        paths.pending_max = paths.pending_max.max(added * 2).max(PENDING_MAX);
    }

    /// Whether this very path is declared.
    pub fn contains(&self, path: &AbsPath) -> bool {
        self.sorted().counted.contains_key(path)
    }

    /// Whether anything below a path is declared.
    pub fn has_below(&self, path: &AbsPath) -> bool {
        let paths = self.sorted();
        // Names that begin with a character before the slash sort between a directory and what is in it.
        let Ok(first) = path.join("\u{1}") else {
            return false;
        };
        paths
            .counted
            .range((Bound::Excluded(&first), Bound::Unbounded))
            .next()
            .is_some_and(|(next, _)| path.is_above(next))
            || paths.counted.contains_key(&first)
    }

    fn sorted(&self) -> MutexGuard<'_, Paths> {
        let mut paths = self.lock();
        paths.sort_in();
        paths
    }

    fn lock(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Paths {
    fn sort_in(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.pending_max = PENDING_MAX;
        if self.counted.is_empty() && pending.iter().all(|(_, change)| *change == Change::Added) {
            // A tree is made of what is sorted faster than it grows.
            let mut added: Vec<AbsPath> = pending.into_iter().map(|(path, _)| path).collect();
            added.sort_unstable();
            self.counted = added.chunk_by(PartialEq::eq).map(|same| (same[0].clone(), same.len())).collect();
            return;
        }
        for (path, change) in pending {
            match change {
                Change::Added => *self.counted.entry(path).or_insert(0) += 1,
                Change::Removed => self.take_one(&path),
            }
        }
    }

    fn take_one(&mut self, path: &AbsPath) {
        if let Some(count) = self.counted.get_mut(path) {
            *count -= 1;
            if *count == 0 {
                self.counted.remove(path);
            }
        }
    }
}

fn paths_of(claims: &[Claim]) -> impl Iterator<Item = &AbsPath> {
    claims.iter().filter_map(|claim| match claim {
        Claim::Path(path) => Some(path),
        // Whoever provides a directory provides the path as well.
        Claim::Directory(_) | Claim::User(_) | Claim::Group(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_declared_until_the_last_claim_is_taken_back() {
        let claim = |path| Claim::Path(AbsPath::parse(path).unwrap());
        let path = |text| AbsPath::parse(text).unwrap();
        let declared = Declared::default();
        declared.add(&[claim("/a/b/c"), claim("/a-b")]);
        declared.add(&[claim("/a/b/c")]);
        assert!(declared.contains(&path("/a/b/c")) && !declared.contains(&path("/a/b")));
        assert!(declared.has_below(&path("/a")) && declared.has_below(&path("/")));
        assert!(!declared.has_below(&path("/a/b/c")) && !declared.has_below(&path("/a-b")));
        declared.remove(&[claim("/a/b/c")]);
        assert!(declared.has_below(&path("/a/b")));
        declared.remove(&[claim("/a/b/c")]);
        assert!(!declared.has_below(&path("/a/b")) && !declared.has_below(&path("/a")));
    }

    #[test]
    fn what_was_added_and_removed_before_anybody_asked_counts_all_the_same() {
        let claim = |at: usize| Claim::Path(AbsPath::parse(&format!("/many/{at}")).unwrap());
        let declared = Declared::default();
        for at in 0..PENDING_MAX * 3 {
            declared.add(&[claim(at)]);
            if at % 2 == 1 {
                declared.remove(&[claim(at)]);
            }
        }
        let contains = |at: usize| declared.contains(&AbsPath::parse(&format!("/many/{at}")).unwrap());
        assert!(contains(0) && contains(PENDING_MAX * 3 - 2));
        assert!(!contains(1) && !contains(PENDING_MAX * 3 - 1));
    }

    #[test]
    fn what_nobody_asks_about_does_not_pile_up() {
        let claim = |at: usize| Claim::Path(AbsPath::parse(&format!("/many/{at}")).unwrap());
        let declared = Declared::default();
        let all: Vec<Claim> = (0..PENDING_MAX * 4).map(claim).collect();
        declared.add(&all);
        for at in 0..PENDING_MAX * 10 {
            declared.remove(&[claim(at % all.len())]);
            declared.add(&[claim(at % all.len())]);
            assert!(declared.lock().pending.len() <= all.len() * 2 + 1, "after {at} changes");
        }
        assert_eq!(declared.sorted().counted.len(), all.len());
    }
}
