//! The decisions about releases: which one counts, whether it may be taken now, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::store::keys;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::aside::Aside;
use super::blobs::GatherError;
use super::chain::Chain;
use super::draft::Draft;
use super::follow::{Offer, Party, View};
use super::guide::{Guide, Progress, Sight as Rollout};
use super::manifest::{Hash, Manifest};
use super::operators::{Roster, RosterError};
use super::rollout::{Decision, Fleet, HostStanding, decide, heed, is_everywhere};
use super::shelf::Mark;
use super::stock::Stock;
use super::store::Stored;
use crate::identity::Operator;
use crate::pace::Backoff;

/// Things that were refused which are remembered, so that they are said once.
const REFUSED_MAX: usize = 1000;
/// Between attempts to get files together.
const FETCHES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Looks at everything again whenever something changed.
pub(super) struct Watcher {
    party: Party,
    sight: Sight,
    guide: Guide,
    /// For releases in stages that are for others, where this host may look for them.
    aside: Option<Aside>,
    /// The large files of this host.
    stock: Stock,
    /// The release whose files are got together now.
    gathering: Option<Gathering>,
    offer: mpsc::Sender<Offer>,
    /// The greatest number of a release that was for us.
    seen: u64,
    /// The greatest number of a release that was once in order on every host that it is for.
    everywhere: u64,
    /// What was offered last: a number, and whether it is one to leave.
    offered: Option<(u64, bool)>,
    /// A release that was taken here, as it was signed, by its number.
    taken: Option<(u64, Option<Vec<u8>>)>,
    /// What was refused and said, by key.
    refused: BTreeMap<String, Hash>,
    /// Whom the release that is not taken yet waits for, as it was said last.
    waits_for: Vec<Arc<str>>,
    tell: Tell,
    /// When to look again by ourselves.
    again: Option<Instant>,
    /// The release whose files could not be had, and when that is tried again.
    later: Option<(u64, Instant)>,
    backoff: Backoff,
}

/// What it looks at.
pub(super) struct Sight {
    /// None until the store has answered once.
    pub(super) view: watch::Receiver<Option<View>>,
    /// How this host stands.
    pub(super) standing: watch::Receiver<HostStanding>,
}

/// What people are told.
pub(super) struct Tell {
    /// What the release that is not taken yet waits for, where that is its files.
    pub(super) waits: watch::Sender<Option<Arc<str>>>,
    /// What is wrong with the operators in the store.
    pub(super) trouble: watch::Sender<Option<Arc<str>>>,
}

/// Getting the files of a release together.
struct Gathering {
    signed: Arc<[u8]>,
    manifest: Manifest,
    task: JoinSet<Result<Draft, GatherError>>,
}

impl Watcher {
    pub(super) fn new(party: Party, sight: Sight, offer: mpsc::Sender<Offer>, tell: Tell) -> Self {
        let mark = |mark| {
            party.shelf.mark(mark).unwrap_or_else(|error| {
                tracing::error!("which releases were seen before is not known: {}", Chain(&error));
                0
            })
        };
        Self {
            seen: mark(Mark::Seen),
            everywhere: mark(Mark::Everywhere),
            stock: Stock::new(&party),
            guide: Guide::new(party.store.clone(), party.host.clone(), party.may_lead),
            aside: party.may_lead.then(|| Aside::new(party.store.clone(), party.host.clone())),
            party,
            sight,
            gathering: None,
            offer,
            offered: None,
            taken: None,
            refused: BTreeMap::new(),
            waits_for: Vec::new(),
            tell,
            again: None,
            later: None,
            backoff: Backoff::new(FETCHES.0, FETCHES.1),
        }
    }

    pub(super) async fn run(mut self) {
        let mut arrivals = self.party.depot.arrivals();
        loop {
            self.again = None;
            if !self.look().await {
                return;
            }
            let again = self.again;
            let goes_on = tokio::select! {
                changed = self.sight.view.changed() => changed.is_ok(),
                () = self.guide.changed() => true,
                () = changed(&mut self.aside) => true,
                changed = self.sight.standing.changed() => changed.is_ok(),
                changed = arrivals.changed() => {
                    self.later = None;
                    changed.is_ok()
                }
                gathered = gathered(&mut self.gathering) => self.put(gathered).await,
                () = until(again) => true,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Looks at everything. Says whether somebody still listens.
    async fn look(&mut self) -> bool {
        let view = self.sight.view.borrow_and_update().clone();
        let own = *self.sight.standing.borrow_and_update();
        // To take it for a store without releases would remove what large files are here of them.
        let Some(view) = view else { return true };
        let operators = match self.operators(&view.rosters) {
            Ok(operators) => operators,
            Err(error) => {
                tracing::error!("nobody is trusted as an operator: {}", Chain(&error));
                self.guide.care_for(None);
                return true;
            }
        };
        self.again = self.stock.look(&view, &operators).await;
        let (ours, aside) = self.candidate(&view.releases, &operators, own);
        if let Some(at) = self.aside.as_mut().and_then(|others| others.tend(&aside)) {
            self.look_again(at);
        }
        let Some((stored, manifest)) = ours else {
            self.guide.care_for(None);
            return true;
        };
        self.remember(manifest.number);
        if self.is_another(&stored, own) {
            return self.refuse_another(&stored, own).await;
        }
        let decision = self.decide(&manifest, own);
        let is_taken = matches!(decision, Decision::Take) && self.offered != Some((manifest.number, false));
        if !is_taken {
            self.gathering = None;
            self.wait_for(None);
        }
        match decision {
            Decision::Take => {
                if is_taken {
                    self.gather(&stored, manifest);
                }
                true
            }
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
        let (number, pinned) = dir.pinned()?;
        let (mut refused, mut trouble) = (Vec::new(), None);
        let (last, operators) = Roster::follow(number, pinned, cluster, rosters, |change, error| {
            if matches!(error, RosterError::Another) {
                trouble =
                    Some(format!("`{}` is passed over: {error}", keys::operators(change.number)).into());
            }
            refused.push((keys::operators(change.number), Hash::of(&change.signed), error.to_string()));
        });
        if last != number {
            dir.pin_operators(&operators, last)?;
            let names: Vec<&str> = operators.iter().map(Operator::name).collect();
            tracing::warn!("the operators are {} from now on", names.join(", "));
        }
        self.tell.trouble.send_if_modified(|told| replace(told, trouble));
        for (key, hash, why) in refused {
            self.refuse(key, hash, &why);
        }
        Ok(operators)
    }

    /// The newest release that is for us, not older than what runs or what was seen; and, where this host may look for others, those in
    /// stages that may be the newest one for some of them.
    fn candidate(
        &mut self,
        releases: &[Stored],
        operators: &[Operator],
        own: HostStanding,
    ) -> (Option<(Stored, Manifest)>, Vec<Manifest>) {
        let least = own.runs.max(self.seen);
        let (mut ours, mut is_found, mut aside) = (None, false, Vec::new());
        for stored in releases.iter().rev() {
            let manifest = match stored.verify(operators, &self.party.cluster) {
                Ok((manifest, _)) => manifest,
                // After ours, only others look at it.
                Err(_) if is_found => continue,
                Err(error) => {
                    self.refuse(keys::deploy(stored.number), Hash::of(&stored.signed), &error.to_string());
                    continue;
                }
            };
            let is_for_all = manifest.rollout.hosts.is_empty();
            if !is_found && manifest.rollout.selects(&self.party.host) {
                is_found = true;
                ours = (manifest.number >= least).then(|| (stored.clone(), manifest));
            } else if manifest.rollout.is_staged() {
                aside.push(manifest);
            }
            if is_for_all || (is_found && self.aside.is_none()) {
                break;
            }
        }
        (ours, aside)
    }

    /// Whether it is another one than what ran or failed here under its number.
    fn is_another(&mut self, stored: &Stored, own: HostStanding) -> bool {
        let number = stored.number;
        if own.runs != number && own.failed != Some(number) {
            return false;
        }
        if self.taken.as_ref().is_none_or(|(known, _)| *known != number) {
            let signed = self.party.shelf.signed(number).unwrap_or_else(|error| {
                tracing::error!(
                    "whether release {number} is the one that was taken is not known: {}",
                    Chain(&error)
                );
                None
            });
            self.taken = Some((number, signed));
        }
        let taken = self.taken.as_ref().and_then(|(_, signed)| signed.as_deref());
        taken.is_some_and(|taken| *taken != *stored.signed)
    }

    /// Its number was given twice. Says whether somebody still listens.
    async fn refuse_another(&mut self, stored: &Stored, own: HostStanding) -> bool {
        let number = stored.number;
        let why =
            format!("another release {number} was taken here before: release it again, under a new number");
        self.refuse(keys::deploy(number), Hash::of(&stored.signed), &why);
        self.guide.care_for(None);
        self.gathering = None;
        self.wait_for(Some(why.into()));
        own.failed == Some(number) || self.offer.send(Offer::Refused(number)).await.is_ok()
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
        // Once it is everywhere, this host among them, what others say of it changes nothing.
        let is_over = |everywhere: u64| number <= everywhere && own.runs == number;
        let is_on_its_way = manifest.rollout.is_staged() && !is_over(self.everywhere);
        self.guide.care_for(is_on_its_way.then_some(manifest));
        let us = self.party.host.clone();
        let Some((sight, again)) = self.guide.look() else {
            return self.unless_everywhere(number, decide(manifest, &us, own, &Fleet::new()));
        };
        self.look_again(again);
        let (decision, is_everywhere) = match sight {
            Rollout::Told(heard, progress) => {
                let is_everywhere = progress == Progress::Everywhere && own.runs == number;
                (heed(manifest, &us, own, &heard), is_everywhere)
            }
            Rollout::Seen(fleet, clear_at) => {
                let is_everywhere = fleet.contains_key(&us) && is_everywhere(manifest, own, &fleet);
                let is_clear = clear_at.is_some_and(|at| at <= Instant::now());
                match decide(manifest, &us, own, &fleet) {
                    Decision::Take if !is_clear => (Decision::Wait(Vec::new()), is_everywhere),
                    decision => (decision, is_everywhere),
                }
            }
        };
        if is_everywhere && number > self.everywhere {
            self.everywhere = number;
            self.set_mark(Mark::Everywhere, number);
            self.guide.care_for(None);
        }
        self.unless_everywhere(number, decision)
    }

    /// It did where it had to: a host that comes later and has trouble of its own takes it from nobody.
    fn unless_everywhere(&self, number: u64, decision: Decision) -> Decision {
        match decision {
            Decision::GoBack(_) if number <= self.everywhere => Decision::Nothing,
            other => other,
        }
    }

    /// Gets the files of a release together, beside all else.
    fn gather(&mut self, stored: &Stored, manifest: Manifest) {
        let number = manifest.number;
        if self.gathering.as_ref().is_some_and(|gathering| gathering.manifest.number == number) {
            return;
        }
        match self.later {
            Some((later, at)) if later == number && Instant::now() < at => return self.look_again(at),
            Some((later, _)) if later == number => {}
            Some(_) | None => self.backoff.reset(),
        }
        let (gatherer, wanted) = (self.stock.gatherer(), manifest.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { gatherer.gather(&wanted).await });
        self.gathering = Some(Gathering { signed: stored.signed.clone(), manifest, task });
    }

    /// The files of a release are together, or not. Says whether somebody still listens.
    async fn put(&mut self, (signed, manifest, gathered): Gathered) -> bool {
        let number = manifest.number;
        let files = match gathered {
            Ok(files) => files,
            Err(error) => {
                let why = Chain(&error).to_string();
                // A large file may be on its way to whoever has it first.
                if self.backoff.attempts() == if error.is_expected() { 3 } else { 0 } {
                    tracing::error!("release {number} cannot be had yet, and what runs goes on: {why}");
                }
                return self.try_later(number, why);
            }
        };
        let shelf = self.party.shelf.clone();
        let put = tokio::task::spawn_blocking(move || shelf.put(&signed, &manifest, &files)).await;
        match put {
            Ok(Ok(shelved)) => {
                self.later = None;
                self.wait_for(None);
                self.offer(number, false, |_| Offer::Take(shelved)).await
            }
            Ok(Err(error)) => {
                let why = Chain(&error).to_string();
                tracing::error!("release {number} cannot be kept: {why}");
                self.try_later(number, why)
            }
            Err(_) => false,
        }
    }

    fn try_later(&mut self, number: u64, why: String) -> bool {
        self.later = Some((number, Instant::now() + self.backoff.next()));
        self.wait_for(Some(why.into()));
        true
    }

    fn wait_for(&self, what: Option<Arc<str>>) {
        self.tell.waits.send_if_modified(|told| replace(told, what));
    }

    fn look_again(&mut self, at: Instant) {
        self.again = Some(self.again.map_or(at, |again| again.min(at)));
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

/// Returns when something may be known anew of releases that are for others. Cancel-safe.
async fn changed(aside: &mut Option<Aside>) {
    match aside {
        Some(aside) => aside.changed().await,
        None => std::future::pending().await,
    }
}

/// Whether it is another one now.
fn replace(told: &mut Option<Arc<str>>, now: Option<Arc<str>>) -> bool {
    let is_news = *told != now;
    *told = now;
    is_news
}

/// A release with its files, or why they are not there.
type Gathered = (Arc<[u8]>, Manifest, Result<Draft, GatherError>);

/// Waits until the files of a release are together, or cannot be had. Cancel-safe.
async fn gathered(gathering: &mut Option<Gathering>) -> Gathered {
    let done = match gathering {
        Some(Gathering { task, .. }) => task.join_next().await,
        None => None,
    };
    match (done, gathering.take()) {
        (Some(Ok(done)), Some(Gathering { signed, manifest, .. })) => (signed, manifest, done),
        (Some(Err(_)), Some(Gathering { signed, manifest, .. })) => {
            let error = GatherError::Ended { number: manifest.number };
            (signed, manifest, Err(error))
        }
        _ => std::future::pending().await,
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
