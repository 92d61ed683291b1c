//! The paths that resources declare, so that one which removes what is not declared spares them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use crate::resource::Claim;
use crate::source::AbsPath;

/// Declared paths. The engine adds what a resource provides when it is loaded, and removes it when it leaves the graph.
#[derive(Debug, Default)]
pub struct Declared {
    /// Several resources may declare one path.
    paths: RwLock<BTreeMap<AbsPath, usize>>,
}

impl Declared {
    /// Adds the paths among claims.
    pub fn add(&self, claims: &[Claim]) {
        let mut added: Vec<&AbsPath> = paths_of(claims).collect();
        if added.is_empty() {
            return;
        }
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        if paths.is_empty() {
            // A tree is made of what is sorted faster than it grows.
            added.sort_unstable();
            let counted = added.chunk_by(PartialEq::eq).map(|same| (same[0].clone(), same.len()));
            *paths = counted.collect();
        } else {
            added.into_iter().for_each(|path| *paths.entry(path.clone()).or_insert(0) += 1);
        }
    }

    /// Takes them back.
    pub fn remove(&self, claims: &[Claim]) {
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        for path in paths_of(claims) {
            if let Some(count) = paths.get_mut(path) {
                *count -= 1;
                if *count == 0 {
                    paths.remove(path);
                }
            }
        }
    }

    /// Whether this very path is declared.
    pub fn contains(&self, path: &AbsPath) -> bool {
        let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
        paths.contains_key(path)
    }

    /// Whether anything below a path is declared.
    pub fn has_below(&self, path: &AbsPath) -> bool {
        let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
        // Names that begin with a character before the slash sort between a directory and what is in it.
        let Ok(first) = path.join("\u{1}") else {
            return false;
        };
        paths
            .range((Bound::Excluded(&first), Bound::Unbounded))
            .next()
            .is_some_and(|(next, _)| path.is_above(next))
            || paths.contains_key(&first)
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
}
