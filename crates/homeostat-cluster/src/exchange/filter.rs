//! Which exports are collected, as far as their keys tell: the rest is neither read nor kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_model::catalog::CollectDecl;
use homeostat_model::collect::runs_code;
use homeostat_model::{KindName, hosts};

/// The kinds that are collected, and from whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(BTreeMap<KindName, From>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    Everybody,
    /// Those that these patterns mean.
    Named(BTreeSet<Arc<str>>),
}

impl Filter {
    /// What these collect.
    pub fn of<'a>(collects: impl IntoIterator<Item = &'a CollectDecl>) -> Self {
        let mut kinds: BTreeMap<KindName, From> = BTreeMap::new();
        for collect in collects {
            if collect.from.is_empty() && runs_code(collect.kind.as_str()) {
                continue;
            }
            let from = kinds.entry(collect.kind.clone()).or_insert_with(|| From::Named(BTreeSet::new()));
            match from {
                _ if collect.from.is_empty() => *from = From::Everybody,
                From::Named(patterns) => patterns.extend(collect.from.iter().cloned()),
                From::Everybody => {}
            }
        }
        Self(kinds)
    }

    /// Whether nothing is collected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether exports of this kind and this host are.
    pub fn wants(&self, kind: &KindName, from: &str) -> bool {
        match self.0.get(kind) {
            None => false,
            Some(From::Everybody) => true,
            Some(From::Named(patterns)) => {
                hosts::any_matches(patterns.iter().map(|pattern| &**pattern), from)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_collect_trusts_are_not_even_read() {
        let collect = |kind: &str, from: &[&str]| CollectDecl {
            from: from.iter().map(|host| Arc::from(*host)).collect(),
            ..CollectDecl::of_kind(KindName::new(kind))
        };
        let wants = |collects: &[CollectDecl], kind: &str, from: &str| {
            Filter::of(collects).wants(&KindName::new(kind), from)
        };
        let named = [collect("file", &["a"]), collect("file", &["b*"]), collect("exec", &["a"])];
        assert!(wants(&named, "file", "a") && wants(&named, "file", "b1") && wants(&named, "exec", "a"));
        assert!(!(wants(&named, "file", "c") || wants(&named, "exec", "b1") || wants(&named, "noop", "a")));
        let open = [collect("file", &["a"]), collect("file", &[]), collect("exec", &[])];
        assert!(wants(&open, "file", "c") && !wants(&open, "exec", "a"));
        assert!(Filter::of(&[collect("exec", &[])]).is_empty());
    }
}
