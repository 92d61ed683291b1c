//! Resources that hosts offer to each other: exports go out, collects come in.
//!
//! A host writes what its catalog exports below its own prefix of the store, without a lease: only its next catalog takes it away
//! again. What others export is followed by a watch over all of it, or over the parts of the few hosts that are named, filtered by
//! kind and exporter before anything is read, and kept in a mirror on this host, so that a restart while the store is away begins
//! with what was there last.
//!
//! Two tasks, [`publish`] and [`pool`], speak to the store and survive its absence; [`Desired`] decides, without input or output,
//! what the host makes of it. All queues are bounded: who reads too slowly makes the watch lose track, and it reads again.

mod desired;
mod filter;
pub(crate) mod form;
mod pool;
mod publish;
mod seal;
mod share;

use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{Operation, StoreError, keys};
use homeostat_model::catalog::ExportDecl;
use homeostat_model::{ResourceDecl, ResourceId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use desired::{Desired, Step};
pub use filter::Filter;
pub use form::{Unusable, read};
pub(crate) use pool::transactions;
pub use publish::parse_recipient;
pub use seal::{NoKey, Recipient, SealingKey};

use crate::past;

/// Batches of changes that wait for the agent.
const NEWS_MAX: usize = 16;

/// An export: whose, and of which resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportId {
    /// The host that exports it.
    pub from: Arc<str>,
    /// The resource.
    pub id: ResourceId,
}

/// A resource that a host offers to others.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Who offers it.
    pub from: Arc<str>,
    /// What.
    pub resource: ResourceDecl,
    /// To whom, as patterns; empty means everybody.
    pub hosts: Vec<Arc<str>>,
}

/// An offer, or why it cannot be used.
pub type Found = Result<Arc<Offer>, Unusable>;

/// A change of what others export.
#[derive(Debug, Clone)]
pub struct Change {
    /// Of which export.
    pub of: ExportId,
    /// What it is now; none when it is gone.
    pub found: Option<Found>,
}

/// What the agent is told.
#[derive(Debug)]
pub enum News {
    /// Others export something else.
    Changes(Vec<Change>),
    /// Something worth saying to people.
    Note(String),
}

/// What this host wants of the exchange.
#[derive(Debug, Clone, Default)]
struct Wanted {
    exports: Arc<[ExportDecl]>,
    filter: Filter,
    /// Grows with each wish.
    number: u64,
}

/// How far the exchange is.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Reading what others export.
    pub collecting: Attempt,
    /// Writing what we export.
    pub exporting: Attempt,
}

impl Standing {
    /// Why the last attempt of either failed.
    pub fn trouble(&self) -> Option<&Arc<str>> {
        self.collecting.trouble.as_ref().or(self.exporting.trouble.as_ref())
    }
}

/// How the last attempt went.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// The wish that it was about.
    number: u64,
    /// Why it failed; it is tried again.
    pub trouble: Option<Arc<str>>,
}

/// Who exchanges, and through what.
pub struct Party {
    /// Our name.
    pub host: Arc<str>,
    /// What we open sealed values with.
    pub key: SealingKey,
    /// Whether we export.
    pub publishes: bool,
    /// The store that hosts share.
    pub store: Arc<dyn Store>,
    /// A store of this host alone, for what was collected last.
    pub mirror: Arc<dyn Store>,
}

/// A running exchange. It ends when it is dropped, and withdraws nothing.
pub struct Exchange {
    wanted: watch::Sender<Wanted>,
    standing: watch::Receiver<Standing>,
    news: mpsc::Receiver<News>,
    turns: watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

/// What each of the two tasks has: for whom it works, what is wanted of it, and whom it tells.
#[derive(Clone)]
struct Side {
    party: Arc<Party>,
    wishes: watch::Receiver<Wanted>,
    standing: Arc<watch::Sender<Standing>>,
    teller: mpsc::Sender<News>,
}

impl Exchange {
    /// Begins with what was collected last of what the filter wants, which it returns. The store is not waited for. Nothing is exported before
    /// the first [`Self::want`].
    pub async fn start(party: Party, filter: Filter) -> (Self, Vec<Change>) {
        let party = Arc::new(party);
        let (wanted, wishes) = watch::channel(Wanted { filter, ..Wanted::default() });
        let (standing_now, standing) = watch::channel(Standing::default());
        let standing_now = Arc::new(standing_now);
        let (teller, news) = mpsc::channel(NEWS_MAX);
        let side = Side { party, wishes, standing: standing_now, teller };
        let mut pool = pool::Pool::new(side.clone());
        let last = pool.remembered().await;
        let mut tasks = JoinSet::new();
        let (turn, turns) = watch::channel(0);
        tasks.spawn(past::follow(side.party.store.clone(), turn));
        tasks.spawn(pool.run());
        tasks.spawn(publish::Publisher::new(side, turns.clone()).run());
        (Self { wanted, standing, news, turns, _tasks: tasks }, last)
    }

    /// Exports these, and nothing else any more; collects what the filter wants.
    pub fn want(&self, exports: Vec<ExportDecl>, filter: Filter) {
        self.wanted.send_modify(|wanted| {
            *wanted = Wanted { exports: exports.into(), filter, number: wanted.number + 1 };
        });
    }

    /// The next news. Cancel-safe.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// How far it is, for whoever waits.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Counts how often the store may have gone back to what it was earlier: what was written there is to be written again.
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turns.clone()
    }

    /// Whether everything that was wanted has been exchanged, or at least been tried, and all news were taken.
    pub fn is_calm(&self) -> bool {
        let number = self.wanted.borrow().number;
        let tried = {
            let standing = self.standing.borrow();
            standing.collecting.number == number && standing.exporting.number == number
        };
        tried && self.news.is_empty()
    }
}

/// Takes away all that a host exports, and the key that others seal to it: it leaves for good.
pub async fn withdraw(store: &dyn Store, host: &str) -> Result<(), StoreError> {
    let (entries, _) = store.range(&keys::exports_of(host)).await?;
    let gone = entries.into_iter().map(|entry| Operation::Delete(entry.key));
    let gone = gone.chain([Operation::Delete(keys::key_of(host).into())]);
    for transaction in pool::transactions(gone) {
        // Without comparisons it is never refused.
        store.transaction(Vec::new(), transaction).await.map(drop)?;
    }
    Ok(())
}

/// What others export of these kinds now, for whoever only looks.
pub async fn look(
    store: &dyn Store,
    host: &str,
    key: &SealingKey,
    filter: &Filter,
) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    for prefix in filter.prefixes() {
        let (entries, _) = store.range(&prefix).await?;
        changes.extend(
            entries.iter().filter_map(|entry| pool::found(&entry.key, &entry.value, host, key, filter)),
        );
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
