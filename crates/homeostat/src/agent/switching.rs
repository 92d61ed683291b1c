//! Releases in the place of what runs: taking them, going back from them, and watching whether they do.

use std::future::pending;

use anyhow::Error;
use homeostat_cluster::deploys::{Offer, Shelved};
use homeostat_model::Diagnostic;

use super::loading::{Running, running};
use super::{Agent, Releases, Task};
use crate::catalog::Read;
use crate::engine::Progress;
use crate::inputs::Inputs;
use crate::mcl::Update;

/// A release that was read, and is not loaded before its programs know enough of the world. What ran before goes on meanwhile.
pub(super) struct Arriving {
    offer: Offer,
    number: u64,
    inputs: Inputs,
    notes: Vec<Diagnostic>,
}

/// The next thing to do about releases. Cancel-safe.
pub(super) async fn offered(releases: Option<&mut Releases>) -> Option<Offer> {
    match releases {
        Some(releases) => releases.next().await,
        None => pending().await,
    }
}

impl Agent<'_> {
    /// A release that was taken by an older version may be refused by this one: another may come.
    pub(super) fn waits_for_another(&mut self, error: &anyhow::Error) -> bool {
        let Some(releases) = &mut self.task.releases else { return false };
        tracing::error!("release {} cannot be loaded any more: {error:#}", releases.runs());
        releases.refused(releases.runs());
        true
    }

    /// Looks whether the release does, and lets the others know.
    pub(super) fn observe_release(&mut self, now: &Progress) {
        let Some(releases) = &mut self.task.releases else { return };
        releases.observe(now, *self.shown.hands.borrow_and_update());
        if let Some(shared) = &self.shared {
            shared.tell_release(releases.facts());
        }
    }

    pub(super) async fn take_offer(&mut self, offer: Offer) {
        let Some(releases) = &mut self.task.releases else { return };
        match offer {
            Offer::Take(shelved) => {
                self.read_release(Offer::Take(shelved.clone()), &shelved).await;
            }
            Offer::Refused(number) => releases.refused(number),
            Offer::GoBack { from, ref failed_on } => {
                let before = releases.before();
                if before == 0 {
                    tracing::error!("release {from} failed on `{failed_on}`, and there is none before it");
                    return;
                }
                match releases.shelf().get(before) {
                    Ok(shelved) => self.read_release(offer, &shelved).await,
                    Err(error) => self.turn_away(offer, before, &error.into()),
                }
            }
        }
    }

    /// Begins to evaluate a release, in the place of one that has not arrived.
    async fn read_release(&mut self, offer: Offer, shelved: &Shelved) {
        (self.coming, self.arriving) = (None, None);
        let number = shelved.manifest.number;
        let mut inputs = Inputs::of(&shelved.inputs);
        let Task { registry, hostname, pool, .. } = &mut self.task;
        let read = Read::inputs(&mut inputs, registry, hostname, *pool);
        if read.is_refused() {
            read.show(self.terminal);
            let error = read.refusal(self.terminal);
            return self.turn_away(offer, number, &error);
        }
        let (coming, notes) = running(read, &self.stores);
        self.coming = Some(coming);
        self.arriving = Some(Arriving { offer, number, inputs, notes });
        self.evaluate().await;
    }

    /// Loads a release in the place of what runs, now that everything is known. When it is refused, what ran goes on.
    pub(super) async fn arrive(&mut self, arriving: Arriving, coming: Running, update: Update) {
        let Arriving { offer, number, inputs, notes } = arriving;
        let Some(releases) = &mut self.task.releases else { return };
        let (shelf, runs) = (releases.shelf().clone(), releases.runs());
        // What is declared may name files below the link.
        if let Err(error) = shelf.point_to(number) {
            tracing::error!("release {number} waits, and what ran before goes on: {:#}", Error::from(error));
            return releases.try_again(offer);
        }
        let former = std::mem::replace(&mut self.programs, coming);
        if let Err(error) = self.load(update, notes).await {
            self.programs = former;
            if runs > 0
                && let Err(error) = shelf.point_to(runs)
            {
                tracing::error!("what is below `release` is another one than what runs: {error}");
            }
            return self.turn_away(offer, number, &error);
        }
        self.task.inputs = inputs;
        let hands = *self.shown.hands.borrow();
        let Some(releases) = &mut self.task.releases else { return };
        match offer {
            Offer::GoBack { from, failed_on } => {
                tracing::warn!("release {from} failed on `{failed_on}`: back to {number}");
                releases.went_back(from, hands);
            }
            Offer::Take(_) | Offer::Refused(_) => {
                tracing::info!("release {number} is loaded");
                releases.loaded(number, hands);
            }
        }
    }

    /// A release whose programs fail, now that the world was asked.
    pub(super) fn refuse_arriving(&mut self, arriving: Arriving, wrong: &[Diagnostic], coming: &Running) {
        self.show(wrong, &coming.sources);
        let error = super::loading::nothing_touched(wrong);
        self.turn_away(arriving.offer, arriving.number, &error);
    }

    fn turn_away(&mut self, offer: Offer, number: u64, error: &anyhow::Error) {
        let Some(releases) = &mut self.task.releases else { return };
        match offer {
            Offer::GoBack { from, failed_on } => {
                tracing::error!("release {from} failed on `{failed_on}`, and {number} too: {error:#}");
                releases.try_again(Offer::GoBack { from, failed_on });
            }
            Offer::Take(_) | Offer::Refused(_) => {
                tracing::error!("release {number} is refused, and what ran before goes on: {error:#}");
                releases.refused(number);
            }
        }
    }
}
