//! Releases of an agent: which one runs, whether it did, and what the others are told of that.
//!
//! Invariant: what runs goes on until another release is loaded, and is what a restart begins with, whether the store is there or
//! not.

use std::sync::Arc;

use homeostat_cluster::deploys::rollout::HostStanding;
use homeostat_cluster::deploys::{Follower, Ledger, Offer, Party, Shelf, ShelfError, Shelved};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until};

use crate::engine::Progress;

/// After what may pass by itself went wrong.
const AGAIN: Duration = Duration::from_secs(10);

/// The releases of a running agent.
pub(crate) struct Releases {
    party: Party,
    ledger: Ledger,
    /// What runs, as it lies on disk.
    first: Option<Shelved>,
    standing: watch::Sender<HostStanding>,
    follower: Option<Follower>,
    /// What went wrong for a reason that may pass, and when it is tried again.
    again: Option<(Instant, Offer)>,
    /// What the next one waits for.
    waits: watch::Receiver<Option<Arc<str>>>,
    /// What is wrong with the operators in the store.
    trouble: watch::Receiver<Option<Arc<str>>>,
    /// Changes by hand that were counted when the release came.
    hands_before: u64,
}

/// What a summary and a status say of releases.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct ReleaseFacts {
    pub(crate) runs: u64,
    pub(crate) failed: Option<u64>,
    pub(crate) tainted: bool,
    /// What the next one waits for.
    pub(crate) waits: Option<Arc<str>>,
    /// What is wrong with the operators in the store.
    pub(crate) operators: Option<Arc<str>>,
}

impl Releases {
    /// What was remembered last. A release that is damaged is as good as none: nothing is loaded before another one comes.
    pub(crate) fn open(party: Party) -> Result<Self, ShelfError> {
        let mut ledger = party.shelf.ledger()?;
        let first = match ledger.runs {
            0 => None,
            number => match party.shelf.get(number) {
                Ok(shelved) => {
                    // It may have led to another one already when we were killed.
                    if let Err(error) = party.shelf.point_to(number) {
                        tracing::error!("what is below `release` may be another one than what runs: {error}");
                    }
                    Some(shelved)
                }
                Err(error) => {
                    tracing::error!("{error}: it is taken again from the store");
                    // Nothing is undone by that: nothing is loaded.
                    ledger.runs = 0;
                    None
                }
            },
        };
        let own = HostStanding { runs: ledger.runs, in_order: false, failed: ledger.failed };
        let (waits, trouble) = (watch::channel(None).1, watch::channel(None).1);
        let standing = watch::Sender::new(own);
        Ok(Self {
            party,
            ledger,
            first,
            standing,
            follower: None,
            again: None,
            waits,
            trouble,
            hands_before: 0,
        })
    }

    /// The release to begin with.
    pub(crate) fn first(&self) -> Option<&Shelved> {
        self.first.as_ref()
    }

    /// Follows those in the store from now on.
    pub(super) fn begin(&mut self) {
        let follower = Follower::start(self.party.clone(), self.standing.subscribe());
        (self.waits, self.trouble) = (follower.waits(), follower.trouble());
        self.follower = Some(follower);
    }

    /// The next thing to do; nothing, if there is only something to tell. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Offer> {
        let Some(follower) = &mut self.follower else { return std::future::pending().await };
        let again = self.again.as_ref().map(|(at, _)| *at);
        tokio::select! {
            offer = follower.next() => {
                self.again = None;
                Some(offer)
            }
            Ok(()) = self.waits.changed() => None,
            Ok(()) = self.trouble.changed() => None,
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                self.again.take().map(|(_, offer)| offer)
            }
        }
    }

    /// Offers it to us once more after a while, unless something else comes before.
    pub(super) fn try_again(&mut self, offer: Offer) {
        self.again = Some((Instant::now() + AGAIN, offer));
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.party.shelf
    }

    /// The release before the one that runs.
    pub(super) fn before(&self) -> u64 {
        self.ledger.before
    }

    pub(super) fn runs(&self) -> u64 {
        self.ledger.runs
    }

    /// A release was loaded.
    pub(super) fn loaded(&mut self, number: u64, hands: u64) {
        self.hands_before = hands;
        let failed = self.ledger.failed;
        self.ledger =
            Ledger { runs: number, before: self.ledger.runs, failed, proven: false, tainted: false };
        self.save();
        let keep = [self.ledger.runs, self.ledger.before];
        if let Err(error) = self.party.shelf.prune(&keep) {
            tracing::warn!("old releases stay: {error}");
        }
    }

    /// A release could not be loaded.
    pub(super) fn refused(&mut self, number: u64) {
        self.ledger.failed = Some(number);
        self.save();
    }

    /// The release `from` was left for the one before it.
    pub(super) fn went_back(&mut self, from: u64, hands: u64) {
        self.hands_before = hands;
        let runs = self.ledger.before;
        self.ledger = Ledger { runs, before: 0, failed: Some(from), proven: true, tainted: false };
        self.save();
    }

    /// How everything stands now: the first settling shows whether a release does.
    pub(super) fn observe(&mut self, now: &Progress, hands: u64) {
        let before = self.ledger.clone();
        let in_order = now.settled && now.totals.failed + now.totals.blocked + now.totals.waiting == 0;
        let ledger = &mut self.ledger;
        ledger.tainted |= hands > self.hands_before;
        if ledger.runs > 0 && !ledger.proven && now.settled {
            if in_order {
                ledger.proven = true;
                ledger.failed = ledger.failed.filter(|failed| *failed != ledger.runs);
            } else if now.totals.failed + now.totals.blocked > 0 {
                ledger.failed = Some(ledger.runs);
            }
        }
        if self.ledger != before {
            self.save();
        }
        let own = HostStanding { runs: self.ledger.runs, in_order, failed: self.ledger.failed };
        self.standing.send_if_modified(|known| std::mem::replace(known, own) != own);
    }

    pub(super) fn facts(&self) -> ReleaseFacts {
        let Ledger { runs, failed, tainted, .. } = self.ledger;
        let (waits, operators) = (self.waits.borrow().clone(), self.trouble.borrow().clone());
        ReleaseFacts { runs, failed, tainted, waits, operators }
    }

    /// What cannot be remembered is still so, until the next start.
    fn save(&self) {
        if let Err(error) = self.party.shelf.save(&self.ledger) {
            tracing::error!("a restart will not know which release runs: {error}");
        }
    }
}
