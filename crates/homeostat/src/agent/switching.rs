//! Releases in the place of what runs: taking them, going back from them, and watching whether they do.

use std::future::pending;

use anyhow::Error;
use homeostat_cluster::deploys::{Offer, Shelved};

use super::{Agent, Releases, Task};
use crate::catalog::Read;
use crate::engine::Progress;
use crate::inputs::Inputs;

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
                let number = shelved.manifest.number;
                if let Err(error) = releases.shelf().point_to(number) {
                    tracing::error!(
                        "release {number} waits, and what ran before goes on: {:#}",
                        Error::from(error)
                    );
                    return releases.try_again(Offer::Take(shelved));
                }
                let done = self.switch(&shelved).await;
                let hands = *self.shown.hands.borrow();
                let Some(releases) = &mut self.task.releases else { return };
                match done {
                    Ok(()) => {
                        tracing::info!("release {number} is loaded");
                        releases.loaded(number, hands);
                    }
                    Err(error) => {
                        tracing::error!(
                            "release {number} is refused, and what ran before goes on: {error:#}"
                        );
                        releases.refused(number);
                    }
                }
            }
            Offer::Refused(number) => releases.refused(number),
            Offer::GoBack { from, failed_on } => {
                let before = releases.before();
                if before == 0 {
                    tracing::error!("release {from} failed on `{failed_on}`, and there is none before it");
                    return;
                }
                let shelf = releases.shelf();
                let found = shelf.get(before).and_then(|shelved| shelf.point_to(before).map(|()| shelved));
                let done = match found {
                    Ok(shelved) => self.switch(&shelved).await,
                    Err(error) => Err(error.into()),
                };
                let hands = *self.shown.hands.borrow();
                let Some(releases) = &mut self.task.releases else { return };
                match done {
                    Ok(()) => {
                        tracing::warn!("release {from} failed on `{failed_on}`: back to {before}");
                        releases.went_back(from, hands);
                    }
                    Err(error) => {
                        tracing::error!(
                            "release {from} failed on `{failed_on}`, and {before} too: {error:#}"
                        );
                        releases.try_again(Offer::GoBack { from, failed_on });
                    }
                }
            }
        }
    }

    /// Loads a release, to which the link leads, in the place of what runs. When it is refused, what ran goes on.
    pub(super) async fn switch(&mut self, shelved: &Shelved) -> anyhow::Result<()> {
        let Some(releases) = &self.task.releases else { return Ok(()) };
        let (shelf, runs) = (releases.shelf().clone(), releases.runs());
        let inputs = std::mem::replace(&mut self.task.inputs, Inputs::of(&shelved.inputs));
        let Task { inputs: new, registry, hostname, pool, .. } = &mut self.task;
        let read = Read::inputs(new, registry, hostname, *pool);
        let loaded = self.replace(read).await;
        if loaded.is_err() {
            self.task.inputs = inputs;
            if runs > 0 {
                shelf.point_to(runs)?;
            }
        }
        loaded
    }
}
