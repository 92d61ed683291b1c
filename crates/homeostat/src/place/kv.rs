//! What `homeostat kv` asks of a store, whether through the socket or directly.

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Operation, StoreError, WatchItem, Watching, keys};
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Request {
    /// With a host: what that host has of a mapped key.
    Get {
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
    Put {
        key: String,
        value: String,
    },
    Del {
        key: String,
    },
    List {
        prefix: String,
    },
    /// What each host has of a mapped key.
    Each {
        key: String,
    },
    Watch {
        prefix: String,
    },
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Value(Option<String>),
    Done,
    Entries(Vec<(String, String)>),
    Change(Change),
    Error(String),
}

/// What a watch saw; no value means that the key is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

/// Answers everything but a watch.
pub(crate) async fn handle(store: &dyn Store, request: Request) -> Answer {
    answer(store, request).await.unwrap_or_else(|error| Answer::Error(error.to_string()))
}

async fn answer(store: &dyn Store, request: Request) -> Result<Answer, StoreError> {
    Ok(match request {
        Request::Get { key, of } => {
            let at = of.map_or_else(|| full(&key), |host| keys::kv_of(&key, &host));
            let entry = store.get(&at).await?;
            Answer::Value(entry.map(|entry| text(&entry.value)))
        }
        Request::Put { key, value } => {
            store.put(&full(&key), &keys::kv_value(&value), None).await?;
            Answer::Done
        }
        Request::Del { key } => {
            let delete = Operation::Delete(full(&key).into());
            match store.transaction(Vec::new(), vec![delete]).await? {
                Commit::Done(_) | Commit::Refused => Answer::Done,
            }
        }
        Request::List { prefix } => {
            let (entries, _) = store.range(&full(&prefix)).await?;
            let entries = entries.into_iter().map(|entry| (shown(&entry.key), text(&entry.value)));
            Answer::Entries(entries.collect())
        }
        Request::Each { key } => {
            let (entries, _) = store.range(keys::KV_EACH).await?;
            let entries = entries.iter().filter_map(|entry| {
                let (host, of) = keys::parse_kv_each(&entry.key)?;
                (of == key).then(|| (host, text(&entry.value)))
            });
            Answer::Entries(entries.collect())
        }
        Request::Watch { .. } => Answer::Error("a watch has many answers".into()),
    })
}

fn full(key: &str) -> String {
    keys::kv(key)
}

fn shown(key: &str) -> String {
    key.strip_prefix(keys::KV_ONE).unwrap_or(key).to_owned()
}

fn text(stored: &[u8]) -> String {
    keys::kv_text(stored).unwrap_or("(in a form that this version does not know)").to_owned()
}

/// The changes below a prefix, from now on.
pub(crate) struct Watch {
    prefix: String,
    watching: Watching,
    /// What there was, so that a watch that lost track reports no more and no less than what is different.
    known: std::collections::BTreeMap<String, String>,
}

impl Watch {
    pub(crate) async fn start(store: &dyn Store, prefix: &str) -> Result<Self, StoreError> {
        let prefix = full(prefix);
        let (entries, revision) = store.range(&prefix).await?;
        let watching = store.watch(&prefix, revision).await?;
        let known = entries.into_iter().map(|entry| (shown(&entry.key), text(&entry.value))).collect();
        Ok(Self { prefix, watching, known })
    }

    pub(crate) async fn next(&mut self, store: &dyn Store) -> Result<Vec<Change>, StoreError> {
        match self.watching.recv().await {
            Some(WatchItem::Changes(changes)) => Ok(changes
                .into_iter()
                .map(|changed| {
                    let key = shown(&changed.key);
                    let value = changed.value.map(|value| text(&value));
                    match &value {
                        Some(value) => self.known.insert(key.clone(), value.clone()),
                        None => self.known.remove(&key),
                    };
                    Change { key, value }
                })
                .collect()),
            Some(WatchItem::Lost) | None => self.resync(store).await,
        }
    }

    async fn resync(&mut self, store: &dyn Store) -> Result<Vec<Change>, StoreError> {
        let known = std::mem::take(&mut self.known);
        let below = shown(&self.prefix);
        *self = Self::start(store, &below).await?;
        let gone = known.keys().filter(|key| !self.known.contains_key(*key));
        let gone = gone.map(|key| Change { key: key.clone(), value: None });
        let different = self.known.iter().filter(|(key, value)| known.get(*key) != Some(value));
        let different = different.map(|(key, value)| Change { key: key.clone(), value: Some(value.clone()) });
        Ok(gone.chain(different).collect())
    }
}
