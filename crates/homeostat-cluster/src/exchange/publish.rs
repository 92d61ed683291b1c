//! What we export: the store is brought to what the catalog says, below our own prefix, as a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::store::{Entry, Operation, StoreError, VALUE_BYTES_MAX, Watching, keys};
use homeostat_model::catalog::ExportDecl;
use homeostat_model::hosts;
use tokio::sync::watch;
use tokio::time::sleep;

use super::form::Draft;
use super::pool::transactions;
use super::seal::Recipient;
use super::{Attempt, News, Side};
use crate::pace::{Backoff, some_of};

const KEY_FORM: u8 = 1;
/// Hosts that appear one after the other are sealed to together.
const GATHER: Duration = Duration::from_millis(100);

/// Writes what we export.
pub(super) struct Publisher {
    side: Side,
    /// Counts how often the store may have gone back.
    turns: watch::Receiver<u64>,
    /// Those that were said to be too large.
    too_large: BTreeSet<String>,
    /// Those that were said to have other forms besides.
    in_forms: BTreeSet<String>,
    has_key_there: bool,
}

impl Publisher {
    pub(super) fn new(side: Side, turns: watch::Receiver<u64>) -> Self {
        Self { side, turns, too_large: BTreeSet::new(), in_forms: BTreeSet::new(), has_key_there: false }
    }

    /// Follows what is wanted until nobody wants anything any more.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let wanted = self.side.wishes.borrow_and_update().clone();
            // Before the first catalog nobody knows what is exported.
            let done = if wanted.number > 0 && self.side.party.publishes {
                self.publish(&wanted.exports).await
            } else {
                Ok(None)
            };
            let trouble = done.as_ref().err().map(|error| error.to_string().into());
            let attempt = Attempt { number: wanted.number, trouble };
            self.side.standing.send_modify(|standing| standing.exporting = attempt);
            let wait = if done.is_ok() {
                backoff.reset();
                None
            } else {
                Some(backoff.next())
            };
            let keys = done.ok().flatten();
            let changed = tokio::select! {
                changed = self.side.wishes.changed() => changed.is_ok(),
                () = wait_for(wait) => true,
                Ok(()) = self.turns.changed() => {
                    self.has_key_there = false;
                    sleep(some_of(GATHER)).await;
                    true
                }
                () = other_keys(keys) => {
                    sleep(GATHER + some_of(GATHER)).await;
                    true
                }
            };
            if !changed {
                return;
            }
        }
    }

    /// Brings the store to these exports. Where they have secrets, it gives the watch that tells when to seal them to others.
    async fn publish(&mut self, exports: &[ExportDecl]) -> Result<Option<Watching>, StoreError> {
        let store = self.side.party.store.clone();
        self.put_key().await?;
        let (first, others) = first_forms(exports);
        self.say_in_forms(&others).await;
        let drafts: Vec<(String, &ExportDecl, Draft)> = first
            .into_iter()
            .map(|export| {
                let key = keys::export(&self.side.party.host, &export.resource.id);
                let draft = Draft::new(&key, export);
                (key, export, draft)
            })
            .collect();
        let (everybody, keys_watch) = if drafts.iter().any(|(_, _, draft)| draft.has_secrets()) {
            let (entries, revision) = store.range(keys::KEYS).await?;
            (self.recipients(&entries), Some(store.watch(keys::KEYS, revision).await?))
        } else {
            (BTreeMap::new(), None)
        };
        let (entries, _) = store.range(&keys::exports_of(&self.side.party.host)).await?;
        let mut there: BTreeMap<Arc<str>, Arc<[u8]>> =
            entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
        let mut operations = Vec::new();
        for (key, export, draft) in drafts {
            let stored = there.remove(&*key);
            let recipients = if draft.has_secrets() {
                meant(export, &everybody, &self.side.party.host)
            } else {
                BTreeMap::new()
            };
            let (host, ours) = (&self.side.party.host, &self.side.party.key);
            let Some(value) = draft.differing(stored.as_deref(), &recipients, host, ours) else {
                self.too_large.remove(&key);
                continue;
            };
            if value.len() > VALUE_BYTES_MAX {
                self.say_too_large(key, export, value.len()).await;
                continue;
            }
            self.too_large.remove(&key);
            operations.push(Operation::Put { key: key.into(), value: value.into(), lease: None });
        }
        operations.extend(there.into_keys().map(Operation::Delete));
        for transaction in transactions(operations) {
            // Without comparisons it is never refused, and twice is as good as once.
            store.transaction(Vec::new(), transaction).await.map(drop)?;
        }
        Ok(keys_watch)
    }

    /// Lets others seal to us.
    async fn put_key(&mut self) -> Result<(), StoreError> {
        if self.has_key_there {
            return Ok(());
        }
        let at = keys::key_of(&self.side.party.host);
        let mut value = vec![KEY_FORM];
        value.extend(self.side.party.key.recipient().to_text().bytes());
        let stored = self.side.party.store.get(&at).await?;
        let is_there = stored.as_ref().is_some_and(|stored| *stored.value == *value);
        if !is_there {
            self.side.party.store.put(&at, &value, None).await?;
        }
        self.has_key_there = true;
        if stored.is_some() && !is_there {
            let note = format!(
                "`{}` was the name of an agent with another prefix: what that one exported is replaced. If it still runs, give one of them another name",
                self.side.party.host
            );
            self.side.teller.send(News::Note(note)).await.ok();
        }
        Ok(())
    }

    /// All hosts that can be sealed to, us among them.
    fn recipients(&self, entries: &[Entry]) -> BTreeMap<Arc<str>, Recipient> {
        let mut all: BTreeMap<Arc<str>, Recipient> = entries
            .iter()
            .filter_map(|entry| Some((keys::parse_host(&entry.key)?.into(), parse_recipient(&entry.value)?)))
            .collect();
        all.insert(self.side.party.host.clone(), self.side.party.key.recipient());
        all
    }

    /// A key of the store holds one form.
    async fn say_in_forms(&mut self, others: &[&ExportDecl]) {
        let keys = others.iter().map(|export| export.resource.id.to_string());
        let new: BTreeSet<String> = keys.filter(|id| !self.in_forms.contains(id)).collect();
        self.in_forms = others.iter().map(|export| export.resource.id.to_string()).collect();
        for id in new {
            let note = format!(
                "{id} is exported in several forms: only the first one in the text is offered, to the hosts that it is for; give the others names of their own"
            );
            self.side.teller.send(News::Note(note)).await.ok();
        }
    }

    async fn say_too_large(&mut self, key: String, export: &ExportDecl, bytes: usize) {
        if self.too_large.insert(key) {
            let id = &export.resource.id;
            let note = format!(
                "{id} is not exported: it has {bytes} bytes as an export, more than {VALUE_BYTES_MAX}; what others have of it stays"
            );
            self.side.teller.send(News::Note(note)).await.ok();
        }
    }
}

/// Reads a host's public key as it lies in the store.
pub fn parse_recipient(stored: &[u8]) -> Option<Recipient> {
    match stored.split_first() {
        Some((&KEY_FORM, text)) => Recipient::from_text(std::str::from_utf8(text).ok()?).ok(),
        _ => None,
    }
}

/// The first form of each resource, and all others.
fn first_forms(exports: &[ExportDecl]) -> (Vec<&ExportDecl>, Vec<&ExportDecl>) {
    let mut seen = BTreeSet::new();
    exports.iter().partition(|export| seen.insert(&export.resource.id))
}

/// The hosts that an export is for. We ourselves can always read what we wrote.
fn meant(
    export: &ExportDecl,
    everybody: &BTreeMap<Arc<str>, Recipient>,
    us: &str,
) -> BTreeMap<Arc<str>, Recipient> {
    let patterns = || export.hosts.iter().map(|host| &**host);
    let is_meant = |host: &str| export.hosts.is_empty() || host == us || hosts::any_matches(patterns(), host);
    everybody.iter().filter(|(host, _)| is_meant(host)).map(|(host, to)| (host.clone(), to.clone())).collect()
}

async fn wait_for(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// Until another host has a key, or may have one.
async fn other_keys(watching: Option<Watching>) {
    match watching {
        Some(mut watching) => drop(watching.recv().await),
        None => std::future::pending().await,
    }
}
