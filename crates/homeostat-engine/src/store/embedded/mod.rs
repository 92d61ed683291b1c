//! The store of one host: in this process, on disk, crash-safe.
//!
//! One thread owns the database for writing. Whatever is asked while it commits is committed together next: one
//! synchronisation with the disk for all of it. Readers take snapshots and wait for nobody. The thread parks while there is
//! nothing to do, and has a timer only while there are leases.
//!
//! Opening returns at once and happens on the thread, so that a start can read its text meanwhile; what goes wrong is said at
//! first use. After a failed write the file is opened anew, so that a full disk heals when there is room again.

mod file;
mod form;
mod leases;
mod queue;
mod watchers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use homeostat_model::{Digest, ResourceId};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableError};
use tokio::sync::oneshot;

use self::queue::{Queue, Reply, Request, gone};
use super::{
    Commit, Compare, Entry, LeaseId, Operation, Store, StoreError, StoreFuture, Watching, within_limits,
};
use crate::journal::{Intent, Journal, Record, Recorded};

/// The name of the file in its directory.
pub const STORE_FILE: &str = "store.redb";

/// The embedded store, which is also the journal. Dropping it finishes what was asked and closes the file.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    directory: PathBuf,
    access: Access,
    queue: Queue,
    database: RwLock<Option<Arc<Database>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Write,
    ReadOnly,
}

impl EmbeddedStore {
    /// Opens the store in a directory, which must exist, and creates it if it is not there. It returns before that is done;
    /// [`EmbeddedStore::opened`] waits for it.
    pub fn open(directory: impl Into<PathBuf>) -> Self {
        Self::start(directory.into(), Access::Write)
    }

    /// Opens a copy, in memory, of what is there now; an empty one if there is nothing. Nothing is ever written, and no
    /// other process is kept from writing.
    pub fn open_read_only(directory: impl Into<PathBuf>) -> Self {
        Self::start(directory.into(), Access::ReadOnly)
    }

    /// Waits until the store is open, or says why it cannot be opened.
    pub async fn opened(&self) -> Result<(), StoreError> {
        self.database().await.map(drop)
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    fn start(directory: PathBuf, access: Access) -> Self {
        let shared = Arc::new(Shared { directory, access, queue: Queue::new(), database: RwLock::default() });
        let thread = std::thread::Builder::new().name("store".into());
        let started = thread.spawn({
            let shared = shared.clone();
            move || writer::run(&shared)
        });
        if started.is_err() {
            shared.queue.abandon();
        }
        Self { shared, thread: Mutex::new(started.ok()) }
    }

    async fn database(&self) -> Result<Arc<Database>, StoreError> {
        if let Some(database) = self.shared.database() {
            return Ok(database);
        }
        self.ask(0, Request::Open).await
    }

    async fn ask<T>(&self, bytes: usize, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let _room = self.shared.queue.room(bytes).await?;
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(request(reply))?;
        answer.await.map_err(|_| gone())?
    }

    async fn snapshot(&self) -> Result<ReadTransaction, StoreError> {
        self.database().await?.begin_read().map_err(file::error)
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was reported when it happened.
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EmbeddedStore").field(&self.shared.directory).finish()
    }
}

impl Shared {
    fn database(&self) -> Option<Arc<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_database(&self, database: Option<Arc<Database>>) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = database;
    }
}

/// A table that nobody wrote to yet does not exist, and is empty.
fn existing<T>(opened: Result<T, TableError>) -> Result<Option<T>, StoreError> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(other) => Err(file::error(other)),
    }
}

fn revision(snapshot: &ReadTransaction) -> Result<u64, StoreError> {
    let Some(numbers) = existing(snapshot.open_table(form::NUMBERS))? else {
        return Ok(0);
    };
    let found = numbers.get(form::REVISION).map_err(file::error)?;
    Ok(found.map_or(0, |number| number.value()))
}

fn read_range(snapshot: &ReadTransaction, prefix: &str) -> Result<Vec<Entry>, StoreError> {
    let Some(entries) = existing(snapshot.open_table(form::ENTRIES))? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for item in entries.range(prefix..).map_err(file::error)? {
        let (key, bytes) = item.map_err(file::error)?;
        if !key.value().starts_with(prefix) {
            break;
        }
        found.push(form::entry(key.value(), bytes.value())?);
    }
    Ok(found)
}

fn read_journal(snapshot: &ReadTransaction) -> Result<Recorded, StoreError> {
    let mut recorded = Recorded::default();
    if let Some(intents) = existing(snapshot.open_table(form::INTENTS))? {
        for item in intents.iter().map_err(file::error)? {
            let (key, ()) = item.map(|(key, _)| (key, ())).map_err(file::error)?;
            let (receiver_kind, receiver, sender_kind, sender) = key.value();
            recorded.intents.push(Intent {
                receiver: ResourceId::new(receiver_kind, receiver),
                sender: ResourceId::new(sender_kind, sender),
            });
        }
    }
    if let Some(undo) = existing(snapshot.open_table(form::UNDO))? {
        for item in undo.iter().map_err(file::error)? {
            let (key, bytes) = item.map_err(file::error)?;
            let (kind, name) = key.value();
            recorded.undo.push((ResourceId::new(kind, name), form::undo(bytes.value())?));
        }
    }
    if let Some(done) = existing(snapshot.open_table(form::DONE))? {
        for item in done.iter().map_err(file::error)? {
            let (key, digest) = item.map_err(file::error)?;
            let (kind, name) = key.value();
            recorded.done.push((ResourceId::new(kind, name), Digest::from_halves(digest.value())));
        }
    }
    if let Some(counts) = existing(snapshot.open_table(form::COUNTS))? {
        for item in counts.iter().map_err(file::error)? {
            let (key, count) = item.map_err(file::error)?;
            let (kind, name) = key.value();
            recorded.counts.push((ResourceId::new(kind, name), count.value()));
        }
    }
    Ok(recorded)
}

impl Store for EmbeddedStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        Box::pin(async move {
            let snapshot = self.snapshot().await?;
            let Some(entries) = existing(snapshot.open_table(form::ENTRIES))? else {
                return Ok(None);
            };
            let found = entries.get(key).map_err(file::error)?;
            found.map(|bytes| form::entry(key, bytes.value())).transpose()
        })
    }

    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        Box::pin(async move {
            let snapshot = self.snapshot().await?;
            Ok((read_range(&snapshot, prefix)?, revision(&snapshot)?))
        })
    }

    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let put = Operation::Put { key: key.into(), value: value.into(), lease };
            match self.transaction(Vec::new(), vec![put]).await? {
                Commit::Done(revision) => Ok(revision),
                Commit::Refused => Err(StoreError::Damaged("a put without comparison was refused".into())),
            }
        })
    }

    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        Box::pin(async move {
            let bytes = within_limits(&when, &then)?;
            self.ask(bytes, |reply| Request::Transact(when, then, reply)).await
        })
    }

    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId> {
        Box::pin(self.ask(0, move |reply| Request::Grant(ttl, reply)))
    }

    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(self.ask(0, move |reply| Request::KeepAlive(lease, reply)))
    }

    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(self.ask(0, move |reply| Request::Revoke(lease, reply)))
    }

    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching> {
        Box::pin(self.ask(0, move |reply| Request::Watch(prefix.into(), after, reply)))
    }
}

impl Journal for EmbeddedStore {
    fn recorded(&self) -> StoreFuture<'_, Recorded> {
        Box::pin(async move { read_journal(&self.snapshot().await?) })
    }

    fn record(&self, records: Vec<Record>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if records.is_empty() {
                return Ok(());
            }
            let bytes = records.iter().map(bytes_of_record).sum();
            self.ask(bytes, |reply| Request::Record(records, reply)).await
        })
    }
}

/// About how much a record holds in the queue.
fn bytes_of_record(record: &Record) -> usize {
    match record {
        Record::Undo(_, undo) => undo.params.iter().map(|(_, value)| bytes_of_params(value)).sum(),
        Record::Former(_, former) => former.after.iter().map(|id| id.name.len()).sum(),
        Record::Owe(_)
        | Record::Clear(_)
        | Record::ForgetUndo(_)
        | Record::Done(..)
        | Record::ForgetDone(_)
        | Record::Count(..)
        | Record::ForgetCount(_) => 0,
    }
}

fn bytes_of_params(value: &homeostat_model::Value) -> usize {
    value.as_str().map_or(0, str::len)
}

#[cfg(test)]
mod tests;
