//! The thread that owns the database for writing.

use std::collections::VecDeque;
use std::sync::Arc;

use homeostat_model::ResourceId;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::leases::Leases;
use super::queue::{Next, Reply, Request};
use super::watchers::{Revision, Watchers};
use super::{Access, Shared, existing, file, form};
use crate::journal::{Record, Undo};
use crate::store::{Changed, Commit, Compare, LeaseId, Operation, StoreError};

/// Serves requests until the queue is closed.
pub(super) fn run(shared: &Shared) {
    // Whatever ends this thread, nobody may wait for it afterwards.
    struct Abandon<'a>(&'a Shared);
    impl Drop for Abandon<'_> {
        fn drop(&mut self) {
            self.0.queue.abandon();
            self.0.set_database(None);
        }
    }
    let _abandon = Abandon(shared);

    let mut writer = Writer { shared, leases: Leases::new(), watchers: Watchers::new(0), revision: 0 };
    // A failure is said to whoever asks first; each request tries again.
    drop(writer.database());
    loop {
        match shared.queue.take(writer.leases.next_deadline()) {
            Next::Requests(requests) => writer.serve(requests),
            Next::Deadline => {}
            Next::Closed => return,
        }
        writer.expire();
    }
}

/// How each job ended, and what watchers are told.
type Committed = (Vec<Result<Commit, StoreError>>, Vec<Revision>);

struct Writer<'a> {
    shared: &'a Shared,
    leases: Leases,
    watchers: Watchers,
    /// The last committed one.
    revision: u64,
}

/// Something to write.
enum Job {
    Transact(Vec<Compare>, Vec<Operation>),
    Record(Vec<Record>),
    End(LeaseId),
}

/// Who is answered once everything that was asked together is durable.
enum Asker {
    Transaction(Reply<Commit>),
    Unit(Reply<()>),
    /// A lease that ended by itself.
    Nobody,
}

impl Writer<'_> {
    fn serve(&mut self, requests: VecDeque<Request>) {
        let mut writes = Vec::new();
        let mut watches = Vec::new();
        for request in requests {
            match request {
                Request::Open(reply) => answer(reply, self.database()),
                Request::Transact(when, then, reply) => {
                    writes.push((Job::Transact(when, then), Asker::Transaction(reply)))
                }
                Request::Record(records, reply) => writes.push((Job::Record(records), Asker::Unit(reply))),
                Request::Revoke(lease, reply) => writes.push((Job::End(lease), Asker::Unit(reply))),
                Request::Grant(ttl, reply) => {
                    let granted = self.writable().map(|_| self.leases.grant(ttl));
                    answer(reply, granted);
                }
                Request::KeepAlive(lease, reply) => {
                    let kept = self.leases.keep_alive(lease);
                    answer(reply, kept.then_some(()).ok_or(StoreError::LeaseEnded));
                }
                Request::Watch(prefix, after, reply) => watches.push((prefix, after, reply)),
            }
        }
        self.write(writes);
        // After the commit, so that what was asked before the watch is in its past.
        for (prefix, after, reply) in watches {
            let watching = self.database().map(|_| self.watchers.add(prefix, after));
            answer(reply, watching);
        }
    }

    fn expire(&mut self) {
        let over = self.leases.expired();
        let ends = over.iter().map(|lease| (Job::End(*lease), Asker::Nobody));
        self.write(ends.collect());
        // If that failed, the keys go when the file is opened anew: nobody holds their leases then.
        for lease in over {
            self.leases.end(lease);
        }
    }

    /// Does all of them in one commit, and answers.
    fn write(&mut self, writes: Vec<(Job, Asker)>) {
        if writes.is_empty() {
            return;
        }
        let (jobs, askers): (Vec<Job>, Vec<Asker>) = writes.into_iter().unzip();
        let written = self.writable().and_then(|database| self.commit(&database, jobs));
        let (done, revisions) = match written {
            Ok((done, revisions)) => (done, revisions),
            Err(error) => {
                tracing::warn!(%error, "the store could not write");
                // After a failed write the database refuses everything until it is opened anew.
                if self.shared.access == Access::Write {
                    self.shared.set_database(None);
                }
                (vec![Err(error); askers.len()], Vec::new())
            }
        };
        // Watchers first: who has the answer to a put may rely on its having been published.
        for revision in revisions {
            self.revision = revision.number;
            self.watchers.publish(revision);
        }
        for (asker, done) in askers.into_iter().zip(done) {
            match asker {
                Asker::Transaction(reply) => answer(reply, done),
                Asker::Unit(reply) => answer(reply, done.map(drop)),
                Asker::Nobody => {}
            }
        }
    }

    fn commit(&mut self, database: &Database, jobs: Vec<Job>) -> Result<Committed, StoreError> {
        let transaction = database.begin_write().map_err(file::error)?;
        let mut group = Group::open(&transaction, self.revision)?;
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Transact(when, then) => done.push(self.transact(&mut group, &when, then)?),
                Job::Record(records) => {
                    record(&transaction, records)?;
                    done.push(Ok(Commit::Done(group.revision)));
                }
                Job::End(lease) => {
                    let keys = self.leases.end(lease).unwrap_or_default();
                    group.end_lease(lease, keys)?;
                    done.push(Ok(Commit::Done(group.revision)));
                }
            }
        }
        let revisions = group.close()?;
        transaction.commit().map_err(file::error)?;
        Ok((done, revisions))
    }

    /// The outer error ends the whole group, the inner one concerns this transaction alone.
    fn transact(
        &mut self,
        group: &mut Group<'_>,
        when: &[Compare],
        then: Vec<Operation>,
    ) -> Result<Result<Commit, StoreError>, StoreError> {
        let attached = leases_of(&then);
        if !attached.iter().all(|(lease, _)| self.leases.holds(*lease)) {
            return Ok(Err(StoreError::LeaseEnded));
        }
        let done = group.transact(when, then)?;
        if matches!(done, Commit::Done(_)) {
            attached.into_iter().for_each(|(lease, key)| self.leases.attach(lease, key));
        }
        Ok(Ok(done))
    }

    fn writable(&mut self) -> Result<Arc<Database>, StoreError> {
        match self.shared.access {
            Access::Write => self.database(),
            Access::ReadOnly => Err(StoreError::Unavailable("it was opened for reading only".into())),
        }
    }

    fn database(&mut self) -> Result<Arc<Database>, StoreError> {
        if let Some(database) = self.shared.database() {
            return Ok(database);
        }
        let database = Arc::new(file::open(&self.shared.directory, self.shared.access)?);
        self.revision = remove_leased(&database, &self.leases)?;
        self.watchers.lose_all(self.revision);
        self.shared.set_database(Some(database.clone()));
        Ok(database)
    }
}

fn answer<T>(reply: Reply<T>, result: Result<T, StoreError>) {
    // Whoever asked may have gone.
    drop(reply.send(result));
}

fn leases_of(operations: &[Operation]) -> Vec<(LeaseId, Arc<str>)> {
    let leased = operations.iter().filter_map(|operation| match operation {
        Operation::Put { key, lease, .. } => lease.map(|lease| (lease, key.clone())),
        Operation::Delete(_) => None,
    });
    leased.collect()
}

/// Removes the keys whose leases ended with an earlier process. Says the revision.
fn remove_leased(database: &Database, leases: &Leases) -> Result<u64, StoreError> {
    let snapshot = database.begin_read().map_err(file::error)?;
    let revision = super::revision(&snapshot)?;
    let Some(leased) = existing(snapshot.open_table(form::LEASED))? else {
        return Ok(revision);
    };
    if leased.is_empty().map_err(file::error)? {
        return Ok(revision);
    }
    drop((leased, snapshot));
    let transaction = database.begin_write().map_err(file::error)?;
    let mut group = Group::open(&transaction, revision)?;
    group.remove_stale(leases)?;
    let last = group.close()?.last().map_or(revision, |last| last.number);
    transaction.commit().map_err(file::error)?;
    Ok(last)
}

/// What is being committed together.
struct Group<'t> {
    entries: Table<'t, &'static str, &'static [u8]>,
    leased: Table<'t, &'static str, ()>,
    numbers: Table<'t, &'static str, u64>,
    revision: u64,
    revisions: Vec<Revision>,
}

impl<'t> Group<'t> {
    fn open(transaction: &'t WriteTransaction, revision: u64) -> Result<Self, StoreError> {
        Ok(Self {
            entries: transaction.open_table(form::ENTRIES).map_err(file::error)?,
            leased: transaction.open_table(form::LEASED).map_err(file::error)?,
            numbers: transaction.open_table(form::NUMBERS).map_err(file::error)?,
            revision,
            revisions: Vec::new(),
        })
    }

    fn transact(&mut self, when: &[Compare], then: Vec<Operation>) -> Result<Commit, StoreError> {
        for compare in when {
            let holds = match compare {
                Compare::Missing(key) => self.head(key)?.is_none(),
                Compare::Revision(key, revision) => {
                    self.head(key)?.is_some_and(|(found, _)| found == *revision)
                }
            };
            if !holds {
                return Ok(Commit::Refused);
            }
        }
        let number = self.revision + 1;
        let mut changes = Vec::with_capacity(then.len());
        for operation in then {
            match operation {
                Operation::Put { key, value, lease } => {
                    let bytes = form::entry_bytes(&value, number, lease);
                    self.entries.insert(&*key, &*bytes).map_err(file::error)?;
                    self.note_lease(&key, lease)?;
                    changes.push(changed(key, Some(value), number));
                }
                Operation::Delete(key) => changes.extend(self.delete(key, number)?),
            }
        }
        self.finish(changes);
        Ok(Commit::Done(self.revision))
    }

    fn end_lease(
        &mut self,
        lease: LeaseId,
        keys: impl IntoIterator<Item = Arc<str>>,
    ) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        for key in keys {
            // It may have been put again without a lease, or with another.
            if self.head(&key)?.is_some_and(|(_, found)| found == Some(lease)) {
                changes.extend(self.delete(key, self.revision + 1)?);
            }
        }
        self.finish(changes);
        Ok(())
    }

    fn remove_stale(&mut self, leases: &Leases) -> Result<(), StoreError> {
        let keys = self.leased.iter().map_err(file::error)?;
        let keys: Vec<Arc<str>> = keys
            .map(|item| item.map(|(key, _)| key.value().into()))
            .collect::<Result<_, _>>()
            .map_err(file::error)?;
        let mut changes = Vec::new();
        for key in keys {
            let lease = self.head(&key)?.and_then(|(_, lease)| lease);
            if !lease.is_some_and(|lease| leases.holds(lease)) {
                changes.extend(self.delete(key, self.revision + 1)?);
            }
        }
        self.finish(changes);
        Ok(())
    }

    fn delete(&mut self, key: Arc<str>, number: u64) -> Result<Option<Changed>, StoreError> {
        let existed = self.entries.remove(&*key).map_err(file::error)?.is_some();
        self.note_lease(&key, None)?;
        Ok(existed.then(|| changed(key, None, number)))
    }

    fn note_lease(&mut self, key: &str, lease: Option<LeaseId>) -> Result<(), StoreError> {
        match lease {
            Some(_) => self.leased.insert(key, ()).map(drop).map_err(file::error),
            None => self.leased.remove(key).map(drop).map_err(file::error),
        }
    }

    fn head(&self, key: &str) -> Result<Option<(u64, Option<LeaseId>)>, StoreError> {
        let found = self.entries.get(key).map_err(file::error)?;
        found.map(|bytes| form::entry_head(key, bytes.value())).transpose()
    }

    /// A transaction that changed nothing is no revision.
    fn finish(&mut self, changes: Vec<Changed>) {
        if !changes.is_empty() {
            self.revision += 1;
            self.revisions.push(Revision { number: self.revision, changes });
        }
    }

    fn close(mut self) -> Result<Vec<Revision>, StoreError> {
        if !self.revisions.is_empty() {
            self.numbers.insert(form::REVISION, self.revision).map_err(file::error)?;
        }
        Ok(self.revisions)
    }
}

fn changed(key: Arc<str>, value: Option<Arc<[u8]>>, revision: u64) -> Changed {
    Changed { key, value, revision }
}

fn record(transaction: &WriteTransaction, records: Vec<Record>) -> Result<(), StoreError> {
    let mut intents = transaction.open_table(form::INTENTS).map_err(file::error)?;
    let mut undo = transaction.open_table(form::UNDO).map_err(file::error)?;
    let mut done = transaction.open_table(form::DONE).map_err(file::error)?;
    let mut counts = transaction.open_table(form::COUNTS).map_err(file::error)?;
    for record in records {
        match record {
            Record::Owe(intent) => intents.insert(key_of(&intent), ()).map(drop),
            Record::Clear(intent) => intents.remove(key_of(&intent)).map(drop),
            Record::Undo(id, new) => {
                let known = kept_undo(&undo, &id)?;
                let params = known.map_or(new.params, |known| known.params);
                put_undo(&mut undo, &id, &Undo { params, former: new.former })
            }
            Record::Former(id, former) => match kept_undo(&undo, &id)? {
                Some(known) => put_undo(&mut undo, &id, &Undo { former, ..known }),
                None => Ok(()),
            },
            Record::ForgetUndo(id) => undo.remove((id.kind.as_str(), &*id.name)).map(drop),
            Record::Done(id, digest) => done.insert((id.kind.as_str(), &*id.name), digest.halves()).map(drop),
            Record::ForgetDone(id) => done.remove((id.kind.as_str(), &*id.name)).map(drop),
            Record::Count(id, count) => counts.insert((id.kind.as_str(), &*id.name), count).map(drop),
            Record::ForgetCount(id) => counts.remove((id.kind.as_str(), &*id.name)).map(drop),
        }
        .map_err(file::error)?;
    }
    Ok(())
}

type UndoTable<'t> = Table<'t, (&'static str, &'static str), &'static [u8]>;

fn kept_undo(table: &UndoTable<'_>, id: &ResourceId) -> Result<Option<Undo>, StoreError> {
    let found = table.get((id.kind.as_str(), &*id.name)).map_err(file::error)?;
    found.map(|bytes| form::undo(bytes.value())).transpose()
}

fn put_undo(table: &mut UndoTable<'_>, id: &ResourceId, undo: &Undo) -> Result<(), redb::StorageError> {
    table.insert((id.kind.as_str(), &*id.name), &*form::undo_bytes(undo)).map(drop)
}

fn key_of(intent: &crate::journal::Intent) -> (&str, &str, &str, &str) {
    (intent.receiver.kind.as_str(), &intent.receiver.name, intent.sender.kind.as_str(), &intent.sender.name)
}
