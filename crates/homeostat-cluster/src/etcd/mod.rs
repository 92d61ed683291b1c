//! The store of many hosts: an etcd that members or somebody else runs.
//!
//! Owns its connections: which member is asked, when a silent one is given up, what is asked again and what is not, and that
//! watches go on where they were. Keys are those of [`homeostat_engine::store::keys`], below a namespace.
//!
//! Invariants: no request takes longer than its deadline; what may have been done is not done again unless twice is as good
//! as once; a watch leaves nothing out without saying so.

mod administration;
mod error;
mod form;
mod link;
mod options;
mod range;
mod round;
mod users;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etcd_client::Txn;
use homeostat_engine::Store;
use homeostat_engine::store::{
    Commit, Compare, Entry, LeaseId, Operation, StoreError, StoreFuture, Watching, within_limits,
};
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;

pub use administration::{Administration, Health, Refusal, ServerMember};
use error::Failed;
use form::Namespace;
use link::{Again, Link};
pub use options::{EtcdOptions, Identity, OptionsError, Times};
pub use users::{Access, Keys};

/// A store in etcd. It connects when it is first asked, and again whenever it has to.
pub struct EtcdStore {
    link: Arc<Link>,
    namespace: Namespace,
    /// Ends with us.
    watches: Mutex<JoinSet<()>>,
}

impl EtcdStore {
    /// A store with these options, which are checked as far as that goes without a connection.
    pub fn new(options: EtcdOptions) -> Result<Self, OptionsError> {
        options.check()?;
        let namespace = Namespace::new(&options.namespace);
        Ok(Self { link: Arc::new(Link::new(options)), namespace, watches: Mutex::default() })
    }

    /// From now on, these members are asked: at least one, as in the options. Requests and watches go on.
    pub fn set_urls(&self, urls: Vec<String>) -> Result<(), OptionsError> {
        self.link.set_urls(urls)
    }

    /// The members that are asked, in no order.
    pub fn urls(&self) -> Vec<String> {
        self.link.urls()
    }

    /// Whether it is away, as people are told.
    pub fn away(&self) -> Receiver<bool> {
        self.link.away()
    }

    /// What is asked of etcd that is not about keys, over the same connection.
    pub fn administration(&self) -> Administration {
        Administration::new(self.link.clone(), self.namespace.clone())
    }

    async fn commit(&self, when: Vec<Compare>, then: Vec<Operation>) -> Result<Commit, StoreError> {
        within_limits(&when, &then)?;
        let when: Vec<_> = when.iter().map(|compare| form::compare(&self.namespace, compare)).collect();
        let then = form::operations(&self.namespace, then);
        let transaction = Txn::new().when(when).and_then(then);
        let done = self.link.ask(Again::Never, |mut at| {
            let transaction = transaction.clone();
            async move { at.kv.txn(transaction).await }
        });
        let done = done.await?;
        let revision = done.header().map_or(0, |header| form::number(header.revision()));
        Ok(if done.succeeded() { Commit::Done(revision) } else { Commit::Refused })
    }
}

impl std::fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EtcdStore").field(&self.link.urls()).finish()
    }
}

impl Store for EtcdStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        Box::pin(async move {
            let at = self.namespace.key(key);
            let found = self.link.ask(Again::Harmless, |mut connection| {
                let at = at.clone();
                async move { connection.kv.get(at, None).await }
            });
            let found = found.await?.take_kvs().into_iter().next();
            Ok(found.and_then(|found| form::entry(&self.namespace, found)))
        })
    }

    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        Box::pin(async move { Ok(range::read(&self.link, &self.namespace, prefix).await?) })
    }

    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            within_limits(&[], &[Operation::Put { key: key.into(), value: value.into(), lease }])?;
            let at = self.namespace.key(key);
            let done = self.link.ask(Again::Never, |mut connection| {
                let at = at.clone();
                async move { connection.kv.put(at, value, Some(form::with_lease(lease))).await }
            });
            Ok(done.await?.header().map_or(0, |header| form::number(header.revision())))
        })
    }

    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        Box::pin(self.commit(when, then))
    }

    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId> {
        Box::pin(async move {
            // Whole seconds, and never shorter than asked.
            let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
            let seconds = form::signed(seconds.max(1));
            // One that nobody knows of ends by itself.
            let granted =
                self.link.ask(Again::Harmless, |mut at| async move { at.lease.grant(seconds, None).await });
            Ok(LeaseId(form::number(granted.await?.id())))
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let id = form::signed(lease.0);
            let kept = self
                .link
                .ask(Again::Harmless, |mut at| async move { at.lease.keep_alive(id).await.map(drop) });
            Ok(kept.await?)
        })
    }

    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let id = form::signed(lease.0);
            let revoked =
                self.link.ask(Again::Harmless, |mut at| async move { at.lease.revoke(id).await.map(drop) });
            match revoked.await {
                // It is over, which is what was wanted.
                Ok(()) | Err(Failed::Answered(StoreError::LeaseEnded)) => Ok(()),
                Err(failed) => Err(failed.into()),
            }
        })
    }

    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching> {
        Box::pin(async move {
            let started = watch::start(self.link.clone(), self.namespace.clone(), prefix, after).await;
            let (going_on, watching) = started?;
            let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
            while watches.try_join_next().is_some() {}
            if let Some((follower, opened)) = going_on {
                watches.spawn(follower.follow(opened));
            }
            Ok(watching)
        })
    }
}
