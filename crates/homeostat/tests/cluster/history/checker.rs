//! Whether what hosts were told can have happened one after the other, each between its beginning and its end.
//!
//! The store says in which order it took writes: their revisions. Given that order, a history of one key is linearizable exactly
//! when every answer agrees with it, and when what began after something else had ended is not before it. So nothing has to be searched for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use homeostat_engine::store::Changed;

use super::recorder::{Operation, What};

/// How much was looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// Acknowledged.
    pub(super) puts: usize,
    /// Of which nobody knew whether they were done, and of those the ones that were.
    pub(super) doubtful: usize,
    pub(super) doubtful_done: usize,
    pub(super) reads: usize,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { puts, doubtful, doubtful_done, reads } = self;
        write!(
            f,
            "{puts} acknowledged puts and {reads} reads are linearizable; {doubtful} puts were in doubt, {doubtful_done} of them done"
        )
    }
}

/// Says what is wrong with the first thing that is.
pub(super) fn check(operations: &[Operation], history: &[Changed]) -> Result<Counted, String> {
    let mut counted = Counted::default();
    let mut taken: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
    let mut by_value: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for changed in history {
        let value = changed.value.as_deref().ok_or("nobody deletes anything")?;
        let value = std::str::from_utf8(value).map_err(|error| error.to_string())?;
        if by_value.insert((&changed.key, value), changed.revision).is_some() {
            return Err(format!("`{value}` was done twice: {changed:?}"));
        }
        taken.insert(changed.revision, (&changed.key, value));
    }
    let mut ordered = Vec::with_capacity(operations.len());
    for operation in operations {
        let of = |value, revision: u64| taken.get(&revision) == Some(&(&*operation.key, value));
        let revision = match &operation.what {
            What::Put { value, .. } if operation.answered.is_none() => {
                counted.doubtful += 1;
                let Some(revision) = by_value.get(&(&*operation.key, value)) else { continue };
                counted.doubtful_done += 1;
                *revision
            }
            What::Put { value, revision } if of(value, *revision) => {
                counted.puts += 1;
                *revision
            }
            What::Put { .. } => return Err(format!("an acknowledged put is lost: {operation:?}")),
            What::Read { value, revision } if *revision == 0 && value.is_empty() || of(value, *revision) => {
                counted.reads += 1;
                *revision
            }
            What::Read { .. } => return Err(format!("what was read was never put: {operation:?}")),
        };
        ordered.push((operation, revision));
    }
    let keys: BTreeSet<&str> = ordered.iter().map(|(operation, _)| &*operation.key).collect();
    for key in keys {
        in_order(ordered.iter().filter(|(operation, _)| operation.key == key).copied().collect())?;
    }
    Ok(counted)
}

/// Of one key: nothing is before what had ended when it began.
fn in_order(mut all: Vec<(&Operation, u64)>) -> Result<(), String> {
    let mut ended: Vec<_> =
        all.iter().filter(|(operation, _)| operation.answered.is_some()).copied().collect();
    ended.sort_by_key(|(operation, _)| operation.answered);
    all.sort_by_key(|(operation, _)| operation.asked);
    let mut ended = ended.into_iter().peekable();
    let mut last: Option<(&Operation, u64)> = None;
    for (operation, revision) in all {
        while let Some(before) = ended.next_if(|(before, _)| before.answered < Some(operation.asked)) {
            last = last.filter(|last| last.1 >= before.1).or(Some(before));
        }
        let Some((before, seen)) = last else { continue };
        let is_after = match operation.what {
            What::Put { .. } => revision > seen,
            What::Read { .. } => revision >= seen,
        };
        if !is_after {
            return Err(format!(
                "at revision {revision}, and {seen} was told before: {before:?}, then {operation:?}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// A key, from when to when, and what.
    fn operations(all: &[(u64, Option<u64>, What)]) -> Vec<Operation> {
        let zero = Instant::now();
        let at = |millis| zero + Duration::from_millis(millis);
        let all = all.iter().map(|(asked, answered, what)| Operation {
            key: "k".into(),
            asked: at(*asked),
            answered: answered.map(at),
            what: what.clone(),
        });
        all.collect()
    }

    fn put(value: &str, revision: u64) -> What {
        What::Put { value: value.into(), revision }
    }

    fn read(value: &str, revision: u64) -> What {
        What::Read { value: value.into(), revision }
    }

    fn history(all: &[(&str, u64)]) -> Vec<Changed> {
        let changed = |(value, revision): &(&str, u64)| Changed {
            key: "k".into(),
            value: Some(value.as_bytes().into()),
            revision: *revision,
        };
        all.iter().map(changed).collect()
    }

    #[track_caller]
    fn refused(all: &[(u64, Option<u64>, What)], taken: &[(&str, u64)], why: &str) {
        let wrong = check(&operations(all), &history(taken)).unwrap_err();
        assert!(wrong.contains(why), "{wrong}");
    }

    #[test]
    fn what_can_have_happened_is_taken() {
        let all = [
            (0, Some(1), read("", 0)),
            (0, Some(10), put("a", 5)),
            // While it was under way it was read already, and by another not yet.
            (2, Some(4), read("a", 5)),
            (1, Some(3), read("", 0)),
            (11, None, put("b", 0)),
            (12, None, put("never", 0)),
            (13, Some(14), read("a", 5)),
            (40, Some(41), read("b", 6)),
        ];
        let counted = check(&operations(&all), &history(&[("a", 5), ("b", 6)])).unwrap();
        assert_eq!(counted, Counted { puts: 1, doubtful: 2, doubtful_done: 1, reads: 5 });
    }

    #[test]
    fn what_cannot_have_happened_is_found() {
        refused(&[(0, Some(1), put("a", 5))], &[], "an acknowledged put is lost");
        refused(&[(0, Some(1), put("a", 5))], &[("a", 6)], "an acknowledged put is lost");
        refused(&[(0, Some(1), read("a", 5))], &[], "never put");
        refused(&[(0, Some(1), put("a", 5)), (2, Some(3), read("", 0))], &[("a", 5)], "was told before");
        let two = [("a", 5), ("b", 6)];
        refused(&[(0, Some(1), read("b", 6)), (2, Some(3), read("a", 5))], &two, "was told before");
        refused(&[(0, Some(1), put("b", 6)), (2, Some(3), put("a", 5))], &two, "was told before");
        refused(&[(0, Some(1), read("b", 6)), (2, None, put("a", 0))], &two, "was told before");
        refused(&[(0, None, put("a", 0))], &[("a", 5), ("a", 6)], "done twice");
    }
}
