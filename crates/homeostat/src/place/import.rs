//! Taking along what a host had in a store of its own, when it joins others.

use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, Entry, Operation, StoreError, keys};

/// What becomes of a value that the others have another one for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Conflicts {
    /// Theirs stays, and it is said.
    Refuse,
    /// Ours takes its place.
    Replace,
}

/// What was done, by keys as people know them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) taken: Vec<String>,
    /// Those that were the same already.
    pub(crate) same: usize,
    pub(crate) refused: Vec<String>,
}

/// Takes the `kv` values of one store to another, where this host has this name.
pub(crate) async fn import(
    from: &dyn Store,
    to: &dyn Store,
    host: &str,
    conflicts: Conflicts,
) -> Result<Imported, StoreError> {
    let mut done = Imported::default();
    for entry in from.range(keys::KV).await?.0 {
        let key: Arc<str> = match keys::parse_kv_each(&entry.key) {
            // A host that was alone had one name, whichever that was.
            Some((_, mapped)) => keys::kv_of(mapped, host).into(),
            None => entry.key.clone(),
        };
        let shown = key.strip_prefix(keys::KV_ONE).unwrap_or(&key).to_owned();
        match take(to, &key, &entry, conflicts).await? {
            Taken::New => done.taken.push(shown),
            Taken::Same => done.same += 1,
            Taken::Refused => done.refused.push(shown),
        }
    }
    Ok(done)
}

enum Taken {
    New,
    Same,
    Refused,
}

async fn take(
    to: &dyn Store,
    key: &Arc<str>,
    entry: &Entry,
    conflicts: Conflicts,
) -> Result<Taken, StoreError> {
    let is_same = |known: Option<Entry>| known.is_some_and(|known| known.value == entry.value);
    if is_same(to.get(key).await?) {
        return Ok(Taken::Same);
    }
    let when = match conflicts {
        Conflicts::Refuse => vec![Compare::Missing(key.clone())],
        Conflicts::Replace => Vec::new(),
    };
    let put = Operation::Put { key: key.clone(), value: entry.value.clone(), lease: None };
    match to.transaction(when, vec![put]).await? {
        Commit::Done(_) => Ok(Taken::New),
        // It may be ours that arrived, when an answer was lost.
        Commit::Refused if is_same(to.get(key).await?) => Ok(Taken::Same),
        Commit::Refused => Ok(Taken::Refused),
    }
}

#[cfg(test)]
mod tests {
    use homeostat_engine::EmbeddedStore;

    use super::*;

    #[tokio::test]
    async fn values_come_along_and_those_of_others_stay_unless_told() {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [own, shared] = dirs.each_ref().map(|dir| EmbeddedStore::open(dir.path()));
        let mapped = keys::kv_of("m", "alone");
        for (key, value) in
            [("kv/one/a", "1"), ("kv/one/b", "1"), ("kv/one/c", "1"), (&mapped, "1"), ("x/y", "1")]
        {
            own.put(key, &keys::kv_value(value), None).await.unwrap();
        }
        for (key, value) in [("kv/one/b", "1"), ("kv/one/c", "2")] {
            shared.put(key, &keys::kv_value(value), None).await.unwrap();
        }
        let done = import(&own, &shared, "web", Conflicts::Refuse).await.unwrap();
        let taken = vec!["kv/each/web/m".into(), "a".into()];
        assert_eq!(done, Imported { taken, same: 1, refused: vec!["c".into()] });
        let stored = async |key: &str| {
            let entry = shared.get(key).await.unwrap();
            entry.map(|entry| keys::kv_text(&entry.value).unwrap().to_owned())
        };
        assert_eq!(stored("kv/one/c").await.as_deref(), Some("2"));
        assert_eq!(stored(&keys::kv_of("m", "web")).await.as_deref(), Some("1"));
        assert_eq!(stored("x/y").await, None);
        let done = import(&own, &shared, "web", Conflicts::Replace).await.unwrap();
        assert_eq!((done.taken, done.same), (vec!["c".into()], 3));
        assert_eq!(stored("kv/one/c").await.as_deref(), Some("1"));
    }
}
