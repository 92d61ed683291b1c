//! Following the releases in the store: each is verified, it is decided whether it may be taken, and it is put on the shelf and
//! offered to whoever runs it.
//!
//! While the store is away nothing is offered, and what runs goes on. What does not check is logged once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{StoreError, Watching, keys};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::manifest::{Hash, Manifest};
use super::operators::Roster;
use super::others::Others;
use super::rollout::{Decision, HostStanding, decide, is_everywhere};
use super::shelf::{Mark, Shelf, Shelved};
use super::store::{Stored, fetch};
use crate::identity::{ClusterDir, Operator};
use crate::pace::{Backoff, some_of};

/// Many hosts that hear of something do not all ask at once.
const SPREAD: Duration = Duration::from_millis(50);
/// Things that were refused which are remembered, so that they are said once.
const REFUSED_MAX: usize = 1000;
/// Between attempts to fetch.
const FETCHES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Who follows.
#[derive(Clone)]
pub struct Party {
    /// The store that is shared.
    pub store: Arc<dyn Store>,
    /// Who we are.
    pub host: Arc<str>,
    /// The cluster whose releases are taken.
    pub cluster: String,
    /// Where the operators are pinned.
    pub dir: ClusterDir,
    /// Where releases go.
    pub shelf: Shelf,
}

/// What a host should run from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// This release.
    Take(Shelved),
    /// The release before the one with this number, which failed on a host.
    GoBack {
        /// The one to leave.
        from: u64,
        /// Where it failed.
        failed_on: Arc<str>,
    },
}

/// Follows until it is dropped.
pub struct Follower {
    offers: mpsc::Receiver<Offer>,
    _tasks: JoinSet<()>,
}

impl Follower {
    /// Begins. `standing` tells how this host stands.
    pub fn start(party: Party, standing: watch::Receiver<HostStanding>) -> Self {
        let mut tasks = JoinSet::new();
        let (tell, view) = watch::channel(View::default());
        tasks.spawn(watch_releases(party.store.clone(), tell));
        // One offer at a time: the next is made when it is known what became of the last.
        let (offer, offers) = mpsc::channel(1);
        let mark = |mark| {
            party.shelf.mark(mark).unwrap_or_else(|error| {
                tracing::error!("which releases were seen before is not known: {}", Chain(&error));
                0
            })
        };
        let (seen, everywhere) = (mark(Mark::Seen), mark(Mark::Everywhere));
        let watcher = Watcher {
            others: Others::new(party.store.clone(), party.host.clone()),
            party,
            view,
            standing,
            offer,
            seen,
            everywhere,
            offered: None,
            refused: BTreeMap::new(),
            waits_for: Vec::new(),
            again: None,
            backoff: Backoff::new(FETCHES.0, FETCHES.1),
        };
        tasks.spawn(watcher.run());
        Self { offers, _tasks: tasks }
    }

    /// The next thing to run; none is coming when it does not return. Cancel-safe.
    pub async fn next(&mut self) -> Offer {
        match self.offers.recv().await {
            Some(offer) => offer,
            None => std::future::pending().await,
        }
    }
}

/// What the store has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct View {
    releases: Vec<Stored>,
    rosters: Vec<Stored>,
}

/// Reads again whatever changes, for as long as somebody listens.
async fn watch_releases(store: Arc<dyn Store>, tell: watch::Sender<View>) {
    let mut backoff = Backoff::default();
    while !tell.is_closed() {
        match read(&*store).await {
            Ok((view, [mut releases, mut rosters])) => {
                backoff.reset();
                tell.send_if_modified(|told| {
                    let is_new = *told != view;
                    *told = view;
                    is_new
                });
                // Whatever it is, a loss too: it is read again.
                tokio::select! {
                    _ = releases.recv() => {}
                    _ = rosters.recv() => {}
                    () = tell.closed() => return,
                }
                sleep(some_of(SPREAD)).await;
            }
            Err(error) => {
                tracing::debug!("releases are not known anew: {error}");
                sleep(backoff.next()).await;
            }
        }
    }
}

async fn read(store: &dyn Store) -> Result<(View, [Watching; 2]), StoreError> {
    let (rosters, revision) = Stored::below(store, keys::OPERATORS).await?;
    let releases = Stored::below(store, keys::DEPLOYS).await?.0;
    // What was read later than the first may be told again.
    let watches =
        [store.watch(keys::DEPLOYS, revision).await?, store.watch(keys::OPERATORS, revision).await?];
    Ok((View { releases, rosters }, watches))
}

/// Looks at everything again whenever something changed.
struct Watcher {
    party: Party,
    view: watch::Receiver<View>,
    others: Others,
    standing: watch::Receiver<HostStanding>,
    offer: mpsc::Sender<Offer>,
    /// The greatest number of a release that was for us.
    seen: u64,
    /// The greatest number of a release that was once in order on every host that it is for.
    everywhere: u64,
    /// What was offered last: a number, and whether it is one to leave.
    offered: Option<(u64, bool)>,
    /// What was refused and said, by key.
    refused: BTreeMap<String, Hash>,
    /// Whom the release that is not taken yet waits for, as it was said last.
    waits_for: Vec<Arc<str>>,
    /// When to look again by ourselves.
    again: Option<Instant>,
    backoff: Backoff,
}

impl Watcher {
    async fn run(mut self) {
        loop {
            self.again = None;
            if !self.look().await {
                return;
            }
            let again = self.again;
            let ended = tokio::select! {
                changed = self.view.changed() => changed.is_err(),
                () = self.others.changed() => false,
                changed = self.standing.changed() => changed.is_err(),
                () = until(again) => false,
            };
            if ended {
                return;
            }
        }
    }

    /// Looks at everything. Says whether somebody still listens.
    async fn look(&mut self) -> bool {
        let view = self.view.borrow_and_update().clone();
        let own = *self.standing.borrow_and_update();
        let operators = match self.operators(&view.rosters) {
            Ok(operators) => operators,
            Err(error) => {
                tracing::error!("nobody is trusted as an operator: {}", Chain(&error));
                self.others.look(false);
                return true;
            }
        };
        let Some((stored, manifest)) = self.candidate(&view.releases, &operators, own) else {
            self.others.look(false);
            return true;
        };
        self.remember(manifest.number);
        match self.decide(&manifest, own) {
            Decision::Take => self.take(&stored, manifest).await,
            Decision::GoBack(failed_on) => {
                self.offer(manifest.number, true, |from| Offer::GoBack { from, failed_on }).await
            }
            Decision::Wait(hosts) => {
                if hosts != self.waits_for {
                    tracing::info!("release {} waits for {}", manifest.number, hosts.join(", "));
                    self.waits_for = hosts;
                }
                true
            }
            Decision::Stopped(host) => {
                if *self.waits_for != [host.clone()] {
                    tracing::warn!("release {} is not taken: it failed on `{host}`", manifest.number);
                    self.waits_for = vec![host];
                }
                true
            }
            Decision::Nothing | Decision::NotForUs => true,
        }
    }

    /// Who counts, after all changes that were signed.
    fn operators(&mut self, rosters: &[Stored]) -> Result<Vec<Operator>, crate::identity::DirError> {
        let Party { dir, cluster, .. } = &self.party;
        let (number, pinned) = (dir.roster_number()?, dir.operators()?);
        let mut refused = Vec::new();
        let (last, operators) = Roster::follow(number, pinned, cluster, rosters, |change, error| {
            refused.push((keys::operators(change.number), Hash::of(&change.signed), error.to_string()));
        });
        if last != number {
            dir.pin_operators(&operators, last)?;
            let names: Vec<&str> = operators.iter().map(Operator::name).collect();
            tracing::warn!("the operators are {} from now on", names.join(", "));
        }
        for (key, hash, why) in refused {
            self.refuse(key, hash, &why);
        }
        Ok(operators)
    }

    /// The newest release that is for us, not older than what runs or what was seen.
    fn candidate(
        &mut self,
        releases: &[Stored],
        operators: &[Operator],
        own: HostStanding,
    ) -> Option<(Stored, Manifest)> {
        let least = own.runs.max(self.seen);
        for stored in releases.iter().rev() {
            match stored.verify(operators, &self.party.cluster) {
                Ok((manifest, _)) if !manifest.rollout.selects(&self.party.host) => {}
                Ok((manifest, _)) if manifest.number >= least => return Some((stored.clone(), manifest)),
                Ok(_) => return None,
                Err(error) => {
                    self.refuse(keys::deploy(stored.number), Hash::of(&stored.signed), &error.to_string());
                }
            }
        }
        None
    }

    fn refuse(&mut self, key: String, hash: Hash, why: &str) {
        if self.refused.get(&key) != Some(&hash) {
            tracing::error!("`{key}` is refused, and what runs goes on: {why}");
            // Those with smaller numbers are no longer looked at.
            while self.refused.len() >= REFUSED_MAX {
                self.refused.pop_first();
            }
            self.refused.insert(key, hash);
        }
    }

    fn remember(&mut self, number: u64) {
        if number > self.seen {
            self.seen = number;
            self.set_mark(Mark::Seen, number);
        }
    }

    fn set_mark(&self, mark: Mark, number: u64) {
        if let Err(error) = self.party.shelf.set_mark(mark, number) {
            tracing::error!("{}", Chain(&error));
        }
    }

    fn decide(&mut self, manifest: &Manifest, own: HostStanding) -> Decision {
        let number = manifest.number;
        let is_staged = manifest.rollout.is_staged();
        // Once it is everywhere, this host among them, what others say of it changes nothing.
        self.others.look(is_staged && !(number <= self.everywhere && own.runs == number));
        let fleet = self.others.fleet();
        let us = &self.party.host;
        let decision = decide(manifest, us, own, &fleet);
        if number > self.everywhere && fleet.contains_key(us) && is_everywhere(manifest, own, &fleet) {
            self.everywhere = number;
            self.set_mark(Mark::Everywhere, number);
            self.others.look(false);
        }
        let clear_at = self.others.clear_at();
        let is_clear = clear_at.is_some_and(|at| at <= Instant::now());
        match decision {
            // It did where it had to: a host that comes later and has trouble of its own takes it from nobody.
            Decision::GoBack(_) if number <= self.everywhere => Decision::Nothing,
            Decision::Take if is_staged && !is_clear => {
                self.again = clear_at;
                Decision::Wait(Vec::new())
            }
            other => other,
        }
    }

    async fn take(&mut self, stored: &Stored, manifest: Manifest) -> bool {
        let number = manifest.number;
        if self.offered == Some((number, false)) {
            return true;
        }
        let files = match fetch(&*self.party.store, &manifest).await {
            Ok(files) => files,
            Err(error) => {
                if self.backoff.attempts() == 0 {
                    tracing::error!("release {number} cannot be had, and what runs goes on: {error}");
                }
                self.again = Some(Instant::now() + self.backoff.next());
                return true;
            }
        };
        let (shelf, signed) = (self.party.shelf.clone(), stored.signed.clone());
        let put = tokio::task::spawn_blocking(move || shelf.put(&signed, &manifest, &files)).await;
        match put {
            Ok(Ok(shelved)) => {
                self.backoff.reset();
                self.offer(number, false, |_| Offer::Take(shelved)).await
            }
            Ok(Err(error)) => {
                tracing::error!("release {number} cannot be kept: {}", Chain(&error));
                self.again = Some(Instant::now() + self.backoff.next());
                true
            }
            Err(_) => false,
        }
    }

    /// Offers something once. Says whether somebody still listens.
    async fn offer(&mut self, number: u64, leave: bool, offer: impl FnOnce(u64) -> Offer) -> bool {
        if self.offered == Some((number, leave)) {
            return true;
        }
        self.offered = Some((number, leave));
        self.waits_for.clear();
        self.offer.send(offer(number)).await.is_ok()
    }
}

/// An error with its sources.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        self.0.source().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
