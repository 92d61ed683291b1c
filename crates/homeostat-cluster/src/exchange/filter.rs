//! Which exports are collected, as far as their keys tell: the rest is neither read nor kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_engine::store::keys;
use homeostat_model::catalog::CollectDecl;
use homeostat_model::collect::runs_code;
use homeostat_model::{KindName, hosts};

/// Hosts that are followed one by one; of more, all that is exported is followed.
const HOSTS_MAX: usize = 16;

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

    /// The parts of the store that hold everything that is collected: those of the hosts that are named, where they are few and none
    /// is meant by a pattern, or that of all exports.
    pub(super) fn prefixes(&self) -> BTreeSet<String> {
        let mut hosts = BTreeSet::new();
        for from in self.0.values() {
            match from {
                From::Named(patterns) if patterns.iter().all(|pattern| !pattern.contains(['*', '?'])) => {
                    hosts.extend(patterns.iter().map(|host| keys::exports_of(host)));
                }
                From::Everybody | From::Named(_) => return [keys::EXPORTS.to_owned()].into(),
            }
        }
        if hosts.len() > HOSTS_MAX { [keys::EXPORTS.to_owned()].into() } else { hosts }
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
    fn only_what_named_hosts_export_is_followed_where_they_are_few() {
        let prefixes = |from: &[&str]| {
            let from = from.iter().map(|host| Arc::from(*host)).collect();
            let collect = CollectDecl { from, ..CollectDecl::of_kind(KindName::new("file")) };
            Filter::of(&[collect]).prefixes().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(prefixes(&["b", "a"]), ["exports/a/", "exports/b/"]);
        assert_eq!(prefixes(&["a", "b*"]), ["exports/"]);
        assert_eq!(prefixes(&[]), ["exports/"]);
        let many: Vec<String> = (0..=HOSTS_MAX).map(|at| format!("h{at}")).collect();
        assert_eq!(prefixes(&many.iter().map(String::as_str).collect::<Vec<_>>()), ["exports/"]);
    }

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
