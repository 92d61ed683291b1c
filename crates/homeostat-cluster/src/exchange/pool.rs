//! What others export: watches over all that is wanted of it, and a mirror on this host.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use homeostat_engine::store::{
    Changed, Entry, OPERATIONS_MAX, Operation, StoreError, VALUE_BYTES_MAX, WatchItem, Watching, keys,
};
use homeostat_model::Digest;

use super::filter::Filter;
use super::form::{self, Unusable};
use super::seal::SealingKey;
use super::share::{Fit, Shares};
use super::{Attempt, Change, ExportId, News, Side, Wanted};
use crate::pace::{Backoff, about, some_of};

/// Changes that are told at once.
const BATCH_MAX: usize = 500;
/// Hosts that lost track together, such as after the store came back, do not read again together.
const SPREAD: Duration = Duration::from_millis(500);
/// Before all is read again because there is room for some that were left out.
const ROOM: Duration = Duration::from_secs(2);

/// What others export, as far as it is wanted.
pub(super) struct Pool {
    side: Side,
    /// What we told last, by the keys of the store.
    known: BTreeMap<Arc<str>, Digest>,
    shares: Shares,
    /// Whether some that were left out may be taken now.
    has_room: bool,
    /// Whether `known` began with what an earlier process was told.
    has_recalled: bool,
}

/// Nobody listens any more.
struct Over;

/// An export that is different, or gone.
type Different = (Arc<str>, Option<Arc<[u8]>>);

impl Pool {
    pub(super) fn new(side: Side) -> Self {
        Self { side, known: BTreeMap::new(), shares: Shares::default(), has_room: false, has_recalled: false }
    }

    /// What was told last by an earlier process.
    pub(super) async fn remembered(&mut self) -> Vec<Change> {
        let filter = self.side.wishes.borrow().filter.clone();
        self.recall(&filter).await
    }

    /// What was told last of what the filter wants; once, since from then on the store says it.
    async fn recall(&mut self, filter: &Filter) -> Vec<Change> {
        if filter.is_empty() || self.has_recalled {
            return Vec::new();
        }
        self.has_recalled = true;
        let entries = match self.side.party.mirror.range(keys::EXPORTS).await {
            Ok((entries, _)) => entries,
            Err(error) => {
                tracing::warn!("what was collected last cannot be read: {error}");
                Vec::new()
            }
        };
        // It was within the shares when it was kept.
        for entry in &entries {
            self.shares.take(&entry.key, entry.value.len());
        }
        self.known = entries.iter().map(|entry| (entry.key.clone(), Digest::of(&entry.value))).collect();
        let (host, key) = (&self.side.party.host, &self.side.party.key);
        entries.iter().filter_map(|entry| found(&entry.key, &entry.value, host, key, filter)).collect()
    }

    /// Follows the store until nobody listens.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let wanted = self.side.wishes.borrow_and_update().clone();
            let followed = match self.read(&wanted).await {
                Ok(Ok(watches)) => {
                    backoff.reset();
                    self.tried(wanted.number, None);
                    self.follow(watches, &wanted.filter).await
                }
                Ok(Err(error)) => {
                    self.tried(wanted.number, Some(&error));
                    self.pause(backoff.next()).await
                }
                Err(Over) => return,
            };
            if followed.is_err() {
                return;
            }
        }
    }

    /// Reads everything that is wanted and tells what is different; gives the watches that go on from there.
    async fn read(&mut self, wanted: &Wanted) -> Result<Result<Vec<Watching>, StoreError>, Over> {
        let last = self.recall(&wanted.filter).await;
        if !last.is_empty() {
            self.side.teller.send(News::Changes(last)).await.map_err(|_| Over)?;
        }
        let store = self.side.party.store.clone();
        let read = async {
            let (mut all, mut watches) = (Vec::new(), Vec::new());
            for prefix in wanted.filter.prefixes() {
                let (entries, revision) = store.range(&prefix).await?;
                watches.push(store.watch(&prefix, revision).await?);
                all.extend(entries);
            }
            Ok((all, watches))
        };
        let (entries, watches) = match read.await {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let different = self.compare(entries, &wanted.filter);
        self.tell(different, &wanted.filter).await?;
        // Whatever there is was offered what there is room for.
        self.has_room = false;
        Ok(Ok(watches))
    }

    fn compare(&self, entries: Vec<Entry>, filter: &Filter) -> Vec<Different> {
        let there: BTreeMap<Arc<str>, Arc<[u8]>> = entries
            .into_iter()
            .filter(|entry| self.is_wanted(&entry.key, filter))
            .map(|entry| (entry.key, entry.value))
            .collect();
        let gone = self.known.keys().chain(self.shares.named()).filter(|key| !there.contains_key(*key));
        let gone: Vec<Different> = gone.map(|key| (key.clone(), None)).collect();
        let news = there.into_iter().filter(|(key, value)| self.known.get(key) != Some(&Digest::of(value)));
        gone.into_iter().chain(news.map(|(key, value)| (key, Some(value)))).collect()
    }

    fn is_wanted(&self, key: &str, filter: &Filter) -> bool {
        keys::parse_export(key)
            .is_some_and(|(from, id)| *from != *self.side.party.host && filter.wants(&id.kind, &from))
    }

    /// Until a watch has lost track, or something else is wanted.
    async fn follow(&mut self, mut watches: Vec<Watching>, filter: &Filter) -> Result<(), Over> {
        loop {
            let item = tokio::select! {
                item = next(&mut watches) => item,
                changed = self.side.wishes.changed() => {
                    changed.map_err(|_| Over)?;
                    if self.side.wishes.borrow().filter != *filter {
                        return Ok(());
                    }
                    let number = self.side.wishes.borrow_and_update().number;
                    self.tried(number, None);
                    continue;
                }
            };
            match item {
                Some(WatchItem::Changes(changes)) => {
                    let wanted = changes.into_iter().filter(|changed| self.is_wanted(&changed.key, filter));
                    let different = wanted.map(|Changed { key, value, .. }| (key, value)).collect();
                    self.tell(different, filter).await?;
                    if self.has_room {
                        return self.pause(about(ROOM)).await;
                    }
                }
                Some(WatchItem::Lost) | None => return self.pause(some_of(SPREAD)).await,
            }
        }
    }

    async fn tell(&mut self, different: Vec<Different>, filter: &Filter) -> Result<(), Over> {
        let (different, beyond) = self.share(different).await?;
        self.mirror(&different).await;
        for batch in different.chunks(BATCH_MAX) {
            let mut changes = Vec::with_capacity(batch.len());
            let (host, ours) = (&self.side.party.host, &self.side.party.key);
            for (key, value) in batch {
                match value {
                    Some(value) => {
                        self.known.insert(key.clone(), Digest::of(value));
                        changes.extend(found(key, value, host, ours, filter));
                    }
                    None => {
                        self.known.remove(key);
                        changes.extend(gone(key).map(|change| match beyond.get(key) {
                            Some(why) => Change { found: Some(Err(Unusable::Wrong(why.clone()))), ..change },
                            None => change,
                        }));
                    }
                }
            }
            self.side.teller.send(News::Changes(changes)).await.map_err(|_| Over)?;
        }
        Ok(())
    }

    /// What is beyond the share of its host is as good as gone; why, by the keys of those that are named.
    async fn share(
        &mut self,
        different: Vec<Different>,
    ) -> Result<(Vec<Different>, BTreeMap<Arc<str>, Arc<str>>), Over> {
        let (mut shared, mut beyond) = (Vec::with_capacity(different.len()), BTreeMap::new());
        for (key, value) in different {
            let Some(value) = value else {
                self.has_room |= self.shares.give_back(&key);
                shared.push((key, None));
                continue;
            };
            match self.shares.take(&key, value.len()) {
                Fit::Kept => shared.push((key, Some(value))),
                Fit::Named(why) => {
                    beyond.insert(key.clone(), why);
                    shared.push((key, None));
                }
                Fit::First(note) => {
                    self.side.teller.send(News::Note(note)).await.map_err(|_| Over)?;
                    shared.push((key, None));
                }
                Fit::Unnamed if self.known.contains_key(&key) => shared.push((key, None)),
                Fit::Unnamed => {}
            }
        }
        Ok((shared, beyond))
    }

    /// Remembers it for the next process. What cannot be remembered is read again then.
    async fn mirror(&self, different: &[Different]) {
        let operations = different.iter().map(|(key, value)| match value {
            Some(value) => Operation::Put { key: key.clone(), value: value.clone(), lease: None },
            None => Operation::Delete(key.clone()),
        });
        for transaction in transactions(operations) {
            if let Err(error) = self.side.party.mirror.transaction(Vec::new(), transaction).await {
                tracing::warn!("what was collected cannot be kept for a restart: {error}");
                return;
            }
        }
    }

    fn tried(&self, number: u64, trouble: Option<&StoreError>) {
        let trouble = trouble.map(|error| error.to_string().into());
        self.side.standing.send_modify(|standing| standing.collecting = Attempt { number, trouble });
    }

    /// Waits, but not for longer than until something else is wanted.
    async fn pause(&mut self, pause: Duration) -> Result<(), Over> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            changed = self.side.wishes.changed() => {
                self.side.wishes.mark_changed();
                changed.map_err(|_| Over)
            }
        }
    }
}

/// What the first of the watches tells that has something to tell. Cancel-safe.
async fn next(watches: &mut [Watching]) -> Option<WatchItem> {
    poll_fn(|context| {
        let mut told = watches.iter_mut().map(|watching| watching.poll_recv(context));
        told.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// What a key of the store says about another host's export, if that is wanted.
pub(super) fn found(
    key: &str,
    value: &[u8],
    host: &str,
    ours: &SealingKey,
    filter: &Filter,
) -> Option<Change> {
    let (from, id) = keys::parse_export(key)?;
    if *from == *host || !filter.wants(&id.kind, &from) {
        return None;
    }
    let found = form::read(key, value, host, ours).map(Arc::new);
    Some(Change { of: ExportId { from: from.into(), id }, found: Some(found) })
}

/// An export that is gone, or is not wanted any more.
fn gone(key: &str) -> Option<Change> {
    let (from, id) = keys::parse_export(key)?;
    Some(Change { of: ExportId { from: from.into(), id }, found: None })
}

/// Operations in transactions that the store takes.
pub(crate) fn transactions(operations: impl IntoIterator<Item = Operation>) -> Vec<Vec<Operation>> {
    let mut all: Vec<Vec<Operation>> = Vec::new();
    let mut bytes = 0;
    for operation in operations {
        let more = match &operation {
            Operation::Put { key, value, .. } => key.len() + value.len(),
            Operation::Delete(key) => key.len(),
        };
        match all.last_mut() {
            Some(last) if last.len() < OPERATIONS_MAX && bytes + more <= VALUE_BYTES_MAX => {
                bytes += more;
                last.push(operation);
            }
            _ => {
                bytes = more;
                all.push(vec![operation]);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_stay_within_the_limits_of_the_store() {
        let put = |at: usize, bytes: usize| Operation::Put {
            key: format!("exports/a/file/{at}").into(),
            value: vec![0; bytes].into(),
            lease: None,
        };
        let small = transactions((0..250).map(|at| put(at, 1)));
        assert_eq!(small.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        let large = transactions((0..4).map(|at| put(at, VALUE_BYTES_MAX / 2)));
        assert_eq!(large.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1, 1]);
        assert_eq!(transactions([put(0, VALUE_BYTES_MAX)]).len(), 1);
    }
}
