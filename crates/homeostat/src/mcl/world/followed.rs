//! A range of a store: read once, and followed by a watch from there on.
//!
//! What was read last of a store that hosts share is remembered in the one of this host alone, so that a start while the
//! other is away begins with it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, VALUE_BYTES_MAX, WatchItem, Watching, keys};

use crate::said::Said;

/// Between attempts to read.
const AGAIN: Duration = Duration::from_millis(500);
/// Hosts that lost track together do not read again together.
const SPREAD_MS: u64 = 500;

/// What is below a prefix, by the whole keys.
pub(super) type Entries = BTreeMap<Arc<str>, Arc<[u8]>>;

/// See the module.
pub(super) struct Followed {
    store: Arc<dyn Store>,
    /// Where it is remembered.
    memory: Option<Arc<dyn Store>>,
    prefix: String,
    entries: Entries,
    watching: Option<Watching>,
    has_told: bool,
    said: Said,
}

impl Followed {
    pub(super) fn new(store: Arc<dyn Store>, memory: Option<Arc<dyn Store>>, prefix: String) -> Self {
        Self {
            store,
            memory,
            prefix,
            entries: Entries::new(),
            watching: None,
            has_told: false,
            said: Said::default(),
        }
    }

    /// What is there, as soon as that is known, and then whenever it is something else. Cancel-safe.
    pub(super) async fn next(&mut self) -> &Entries {
        loop {
            let is_news = match &mut self.watching {
                None => self.read().await,
                Some(watching) => match watching.recv().await {
                    Some(WatchItem::Changes(changes)) => {
                        for changed in changes {
                            match changed.value {
                                Some(value) => self.entries.insert(changed.key, value),
                                None => self.entries.remove(&changed.key),
                            };
                        }
                        true
                    }
                    Some(WatchItem::Lost) | None => {
                        self.watching = None;
                        let spread = RandomState::new().build_hasher().finish() % SPREAD_MS;
                        tokio::time::sleep(Duration::from_millis(spread)).await;
                        false
                    }
                },
            };
            if is_news {
                self.has_told = true;
                self.remember().await;
                return &self.entries;
            }
        }
    }

    /// Says whether there is something to tell.
    async fn read(&mut self) -> bool {
        match self.begin().await {
            Ok((entries, watching)) => {
                self.watching = Some(watching);
                let is_news = !self.has_told || entries != self.entries;
                self.entries = entries;
                is_news
            }
            Err(error) if !self.has_told => {
                if self.said.is_due(&error.to_string()) {
                    tracing::warn!("what is asked of the store is not known: {error}");
                }
                if let Some(entries) = self.remembered().await {
                    self.entries = entries;
                    return true;
                }
                tokio::time::sleep(AGAIN).await;
                false
            }
            Err(_) => {
                tokio::time::sleep(AGAIN).await;
                false
            }
        }
    }

    async fn begin(&self) -> Result<(Entries, Watching), StoreError> {
        let (entries, revision) = self.store.range(&self.prefix).await?;
        let watching = self.store.watch(&self.prefix, revision).await?;
        Ok((entries.into_iter().map(|entry| (entry.key, entry.value)).collect(), watching))
    }

    /// What is too much to be remembered is not; a start without the store waits for it then.
    async fn remember(&self) {
        let Some(memory) = &self.memory else { return };
        let key = keys::last(&self.prefix);
        let bytes = to_bytes(&self.entries);
        let done = match bytes.len() < VALUE_BYTES_MAX {
            true => memory.put(&key, &bytes, None).await.map(drop),
            false => memory
                .transaction(Vec::new(), vec![homeostat_engine::store::Operation::Delete(key.into())])
                .await
                .map(|_| ()),
        };
        if let Err(error) = done {
            tracing::warn!("what the store said cannot be kept for a restart: {error}");
        }
    }

    async fn remembered(&self) -> Option<Entries> {
        let stored = self.memory.as_ref()?.get(&keys::last(&self.prefix)).await.ok()??;
        from_bytes(&stored.value)
    }
}

const FORM: u8 = 1;

/// The form, then keys and values, each after its length.
fn to_bytes(entries: &Entries) -> Vec<u8> {
    let mut bytes = vec![FORM];
    for part in entries.iter().flat_map(|(key, value)| [key.as_bytes(), value]) {
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(part);
    }
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Entries> {
    let (&FORM, mut rest) = bytes.split_first()? else { return None };
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some((part, after.is_empty()))
    };
    let mut entries = Entries::new();
    let mut is_over = bytes.len() == 1;
    while !is_over {
        let (key, _) = part()?;
        let (value, is_last) = part()?;
        entries.insert(std::str::from_utf8(key).ok()?.into(), value.into());
        is_over = is_last;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_reads_back() {
        for count in [0, 1, 3] {
            let entries: Entries =
                (0..count).map(|at| (Arc::from(format!("k{at}")), Arc::from(vec![1; at]))).collect();
            assert_eq!(from_bytes(&to_bytes(&entries)), Some(entries));
        }
        assert_eq!(from_bytes(b""), None);
        assert_eq!(from_bytes(b"\x01\x09\x00\x00\x00a"), None);
    }
}
