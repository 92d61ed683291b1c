//! What a run shares with other hosts: it exports, collects, and says how it stands.
//!
//! What others export reaches the engine as deltas of the catalog, by the same way as everything else. Without the store nothing of
//! this stops: what was collected last stays, and whatever there is to say is said when the store is back.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::exchange::{self, Desired, Exchange, Filter, News, Party, SealingKey, Standing};
use homeostat_cluster::presence::{self, Alive, Contact, Summary};
use homeostat_cluster::vertices::{self, Told};
use homeostat_engine::{LoadSummary, Registry, Store};
use homeostat_model::{Catalog, CatalogDelta, Diagnostic, ResourceId};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::releases::ReleaseFacts;
use super::summary::{digest, summarize};
use crate::engine::EngineHandle;

/// Left out resources that a status names.
const LEFT_OUT_MAX: usize = 100;
/// How long the end of a run waits for others to learn of it.
const FAREWELL: Duration = Duration::from_millis(300);

/// A run among others.
pub(super) struct Shared {
    desired: Desired,
    exchange: Exchange,
    standing: watch::Receiver<Standing>,
    facts: watch::Sender<Facts>,
    /// The digest of what was loaded last.
    loaded: watch::Sender<Arc<str>>,
    publishes: bool,
    host: Arc<str>,
    /// The others, where their convergence is waited for.
    others: Option<watch::Receiver<Alive>>,
    announcing: JoinSet<()>,
    _following: JoinSet<()>,
    contact: watch::Receiver<Contact>,
    was_cut_off: bool,
}

/// What a status and a summary say of the exchange.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) catalog: String,
    pub(super) collected: usize,
    pub(super) left_out_count: usize,
    pub(super) left_out: Vec<String>,
    /// Where releases are followed.
    pub(super) release: Option<ReleaseFacts>,
}

/// Something that a run has to look at.
pub(super) enum Turn {
    /// Others export something else, or there is something to say.
    News(News),
    /// The exchange got further, or others stand differently.
    Moved,
}

/// Until when the others hold up the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    No,
    Until(Instant),
    /// Until something moves.
    Unknown,
}

impl Shared {
    /// Begins with what was collected last.
    pub(super) async fn start(
        party: Party,
        registry: Registry,
        first: &Catalog,
        waits_for_others: bool,
    ) -> Self {
        let (host, store, publishes) = (party.host.clone(), party.store.clone(), party.publishes);
        let (exchange, last) = Exchange::start(party, Filter::of(&first.collects)).await;
        let mut desired = Desired::new(host.clone(), registry);
        // Nothing is declared yet, so this decides nothing.
        drop(desired.change(last));
        let mut following = JoinSet::new();
        let others = waits_for_others.then(|| {
            let (view, others) = watch::channel(Alive::new());
            following.spawn(presence::follow(store, view));
            others
        });
        Self {
            desired,
            standing: exchange.standing(),
            exchange,
            facts: watch::Sender::default(),
            loaded: watch::Sender::new("".into()),
            publishes,
            host,
            others,
            announcing: JoinSet::new(),
            _following: following,
            contact: watch::channel(Contact::Unknown).1,
            was_cut_off: false,
        }
    }

    /// Lets the others know how this host stands, from now on.
    pub(super) fn announce(&mut self, store: Arc<dyn Store>, engine: EngineHandle) {
        let (summary, summaries) = watch::channel(Summary::default());
        let (contact, seen) = watch::channel(Contact::Unknown);
        self.contact = seen;
        let (held, lease) = watch::channel(None);
        if self.publishes {
            let told = Told { stands: engine.stands(), catalog: self.loaded.subscribe(), lease };
            self.announcing.spawn(vertices::publish(store.clone(), self.host.clone(), told));
        }
        let turns = self.exchange.turns();
        self.announcing.spawn(presence::announce(store, self.host.clone(), summaries, contact, held, turns));
        self.announcing.spawn(summarize(engine, self.facts.subscribe(), summary));
    }

    /// Lets the others know of releases.
    pub(super) fn tell_release(&self, release: ReleaseFacts) {
        self.facts.send_if_modified(|facts| {
            let is_news = facts.release.as_ref() != Some(&release);
            facts.release = Some(release);
            is_news
        });
    }

    /// For the status.
    pub(super) fn views(
        &self,
    ) -> (watch::Receiver<Facts>, watch::Receiver<Standing>, watch::Receiver<Contact>) {
        (self.facts.subscribe(), self.standing.clone(), self.contact.clone())
    }

    /// Loads a catalog with what it collects. While it is refused, what ran before goes on.
    pub(super) async fn load(
        &mut self,
        engine: &EngineHandle,
        catalog: Catalog,
    ) -> Result<LoadSummary, Vec<Diagnostic>> {
        let (notes, before) = self.desired.declare(&catalog);
        let exports = catalog.exports.clone();
        let digest = digest(&catalog);
        let loaded = match self.desired.collects_nothing() {
            true => engine.load(catalog).await,
            false => self.load_all(engine).await,
        };
        match loaded {
            Ok(summary) => {
                self.exchange.want(exports, self.desired.filter());
                self.loaded.send_replace(digest.as_str().into());
                self.facts.send_modify(|facts| facts.catalog = digest);
                self.tell(engine, notes).await;
                Ok(summary)
            }
            Err(found) => {
                drop(self.desired.declare(&before));
                Err(found)
            }
        }
    }

    /// Says it when the others cannot be reached any more, or again.
    pub(super) async fn look_around(&mut self, engine: &EngineHandle) {
        let cut_off = cut_off(&self.contact.borrow(), &self.standing.borrow());
        match (self.was_cut_off, &cut_off) {
            (false, Some(why)) => {
                engine.note(format!("cut off from other hosts, and what was collected stays: {why}")).await;
            }
            (true, None) => engine.note("other hosts can be reached again".to_owned()).await,
            (false, None) | (true, Some(_)) => {}
        }
        self.was_cut_off = cut_off.is_some();
    }

    /// Takes news. Says whether something was loaded.
    pub(super) async fn take(&mut self, engine: &EngineHandle, news: News) -> bool {
        let changes = match news {
            News::Changes(changes) => changes,
            News::Note(note) => {
                engine.note(note).await;
                return false;
            }
        };
        let step = self.desired.change(changes);
        let mut notes = step.notes;
        let loads = step.moves_edges || !step.delta.is_empty();
        if step.moves_edges {
            if let Err(found) = self.load_all(engine).await {
                notes.push(format!("what was collected cannot be loaded: {}", messages(&found)));
            }
        } else if loads && engine.load_delta(step.delta.clone()).await.is_err() {
            notes.extend(self.load_singly(engine, step.delta).await);
        }
        self.tell(engine, notes).await;
        loads
    }

    /// Loads everything. Where that is refused, those collected resources that declared edges name are left out.
    async fn load_all(&mut self, engine: &EngineHandle) -> Result<LoadSummary, Vec<Diagnostic>> {
        let found = match engine.load(self.desired.catalog()).await {
            Ok(summary) => return Ok(summary),
            Err(found) => found,
        };
        let ids = self.desired.in_edges();
        if ids.is_empty() {
            return Err(found);
        }
        let why = messages(&found);
        let notes: Vec<String> = ids.iter().map(|id| self.desired.bar(id, &why)).collect();
        let loaded = engine.load(self.desired.catalog()).await?;
        self.tell(engine, notes).await;
        Ok(loaded)
    }

    /// One that the engine refuses must not keep the others out.
    async fn load_singly(&mut self, engine: &EngineHandle, delta: CatalogDelta) -> Vec<String> {
        let removed = CatalogDelta { remove: delta.remove, ..CatalogDelta::default() };
        let mut notes = Vec::new();
        if let Err(found) = engine.load_delta(removed).await {
            notes.push(format!("what is no longer collected cannot be removed: {}", messages(&found)));
        }
        for resource in delta.set {
            let id: ResourceId = resource.id.clone();
            let one = CatalogDelta { set: vec![resource], ..CatalogDelta::default() };
            if let Err(found) = engine.load_delta(one).await {
                notes.push(self.desired.bar(&id, &messages(&found)));
            }
        }
        notes
    }

    async fn tell(&self, engine: &EngineHandle, notes: Vec<String>) {
        for note in notes {
            engine.note(note).await;
        }
        self.facts.send_modify(|facts| {
            facts.collected = self.desired.collected();
            facts.left_out_count = self.desired.left_out().count();
            facts.left_out = self.desired.left_out().take(LEFT_OUT_MAX).map(str::to_owned).collect();
        });
    }

    /// The next thing to look at. Cancel-safe.
    pub(super) async fn next(&mut self) -> Turn {
        tokio::select! {
            biased;
            Some(news) = self.exchange.next() => Turn::News(news),
            Ok(()) = self.standing.changed() => Turn::Moved,
            Ok(()) = self.contact.changed() => Turn::Moved,
            () = moved(self.others.as_mut()) => Turn::Moved,
            else => pending().await,
        }
    }

    /// Until when a run may not end that has to be quiet for so long.
    pub(super) fn hold(&self, quiet_for: Duration) -> Hold {
        if !self.exchange.is_calm() {
            return Hold::Unknown;
        }
        let Some(others) = &self.others else { return Hold::No };
        if !matches!(*self.contact.borrow(), Contact::Kept) {
            return Hold::Unknown;
        }
        presence::settled_since(&others.borrow(), &self.host)
            .map_or(Hold::Unknown, |since| Hold::Until(since + quiet_for))
    }

    /// Lets the others know that this host ends, as far as that is quick.
    pub(super) async fn leave(mut self) {
        // The summaries end with the facts, and the announcement with the summaries; what is said of vertices goes with its lease.
        drop((self.facts, self.loaded));
        let gone = async { while self.announcing.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, gone).await.is_err() {
            tracing::debug!("other hosts learn of our end when our lease is over");
        }
    }
}

/// Why the others cannot be reached, if they cannot.
pub(super) fn cut_off(contact: &Contact, standing: &Standing) -> Option<Arc<str>> {
    match contact {
        Contact::Lost(why) => Some(why.clone()),
        Contact::Unknown | Contact::Kept => standing.trouble().cloned(),
    }
}

async fn moved(others: Option<&mut watch::Receiver<Alive>>) {
    match others {
        Some(others) => {
            if others.changed().await.is_err() {
                pending::<()>().await;
            }
        }
        None => pending().await,
    }
}

fn messages(found: &[Diagnostic]) -> String {
    let messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
    messages.join("; ")
}

/// What a catalog desires while nothing is known of other hosts.
pub(crate) fn alone(catalog: &Catalog, hostname: &Arc<str>, registry: &Registry) -> Option<Catalog> {
    if catalog.collects.is_empty() {
        return None;
    }
    let mut desired = Desired::new(hostname.clone(), registry.clone());
    drop(desired.declare(catalog));
    Some(desired.catalog())
}

/// What a catalog collects now, for whoever only looks; what was collected last where the store is away.
pub(crate) async fn look(
    catalog: Catalog,
    hostname: &Arc<str>,
    registry: &Registry,
    (store, mirror): (&dyn Store, &dyn Store),
    key: &SealingKey,
) -> (Catalog, Vec<String>) {
    let mut desired = Desired::new(hostname.clone(), registry.clone());
    let (mut notes, _) = desired.declare(&catalog);
    if desired.collects_nothing() {
        return (catalog, notes);
    }
    let filter = desired.filter();
    let changes = match exchange::look(store, hostname, key, &filter).await {
        Ok(changes) => changes,
        Err(error) => {
            notes.push(format!(
                "what other hosts export is not known now, what was collected last is: {error}"
            ));
            exchange::look(mirror, hostname, key, &filter).await.unwrap_or_default()
        }
    };
    notes.extend(desired.change(changes).notes);
    (desired.catalog(), notes)
}
