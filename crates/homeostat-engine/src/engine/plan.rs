//! What the next run will do: everything is looked at, nothing is changed, and what cannot be known yet is said so.
//!
//! A look now is true for the run only if nothing that the run changes before can change the answer. So each resource says what its
//! check looks at and what its apply reaches, and where those meet the answer is unknown until the one that reaches has run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_model::{Catalog, Diagnostic, ResourceId};

use super::jobs::AnyDrift;
use super::subject::Managed;
use super::view::VertexStatus;
use super::{Engine, EngineOptions, EventSink, Mode, Stop};
use crate::event::Outcome;
use crate::graph::EdgeKinds;
use crate::host::Host;
use crate::journal::Journal;
use crate::registry::Registry;
use crate::resource::{Claim, Failure, Looks, Obstacle, Reach};
use crate::scheduler::Scheduler;
use crate::source::AbsPath;

/// Those that make something unknown, of which only the first few are named.
const NAMED_MAX: usize = 3;

/// What the next run will do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Every resource, predecessors first.
    pub resources: Vec<Planned>,
}

/// What the next run will do with one resource.
#[derive(Debug, Clone)]
pub struct Planned {
    /// How it stands now, or what would be changed.
    pub status: VertexStatus,
    /// Whether it would be refreshed.
    pub would_refresh: bool,
    /// What must have run before the rest can be told; empty when it is known.
    pub unknown_until: Vec<ResourceId>,
}

/// What the graph knows of one vertex, predecessors first.
pub(super) struct Fact {
    status: VertexStatus,
    looks: Looks,
    reach: Reach,
    provides: Vec<Claim>,
    /// By their position among the facts.
    preds: Vec<(usize, EdgeKinds)>,
    noop: bool,
    obstacles: Vec<Obstacle>,
    /// From whom a value is missing.
    missing: Option<ResourceId>,
}

/// Looks at everything and foretells what a run would do. With mistakes in the catalog, nothing is looked at.
pub async fn plan(
    catalog: Catalog,
    options: EngineOptions,
    registry: Registry,
    host: Host,
    journal: Arc<dyn Journal>,
) -> Result<Plan, Vec<Diagnostic>> {
    let options =
        EngineOptions { mode: Mode::Noop, watch: false, keep_changes: true, attempts: 1, ..options };
    let started =
        Engine::start(options, registry, host, Vec::new(), journal, Box::new(()) as Box<dyn EventSink>).await;
    let engine = started.map_err(|error| {
        let message = format!("the engine cannot be started: {error}");
        vec![Diagnostic::error(
            homeostat_model::codes::UNREADABLE,
            homeostat_model::Stage::Evaluation,
            message,
        )]
    })?;
    engine.load(catalog).await?;
    let mut progress = engine.progress();
    // The engine lives as long as its handle does.
    progress.wait_for(|progress| progress.settled).await.ok();
    let facts = engine.plan_facts().await;
    engine.stop(Stop::Graceful).await;
    Ok(Plan { resources: foretell(facts) })
}

pub(super) fn facts(scheduler: &Scheduler<Managed, AnyDrift>, statuses: Vec<VertexStatus>) -> Vec<Fact> {
    let mut by_id: BTreeMap<ResourceId, VertexStatus> =
        statuses.into_iter().map(|status| (status.id.clone(), status)).collect();
    let order = scheduler.graph.in_order();
    let mut position: BTreeMap<u32, usize> = BTreeMap::new();
    let mut facts = Vec::with_capacity(order.len());
    for at in order {
        let vertex = scheduler.graph.at(at);
        let Some(status) = by_id.remove(&vertex.id) else { continue };
        let receives = vertex.data.receives.iter().flat_map(|receives| &receives.list);
        let missing = receives.filter(|receive| receive.value.is_none()).map(|receive| receive.from).next();
        position.insert(at, facts.len());
        let (looks, reach) = vertex.data.resource.scope();
        facts.push(Fact {
            status,
            looks,
            reach,
            provides: vertex.data.resource.provides(),
            preds: vertex
                .preds
                .iter()
                .filter_map(|link| Some((*position.get(&link.at)?, link.kinds)))
                .collect(),
            noop: vertex.data.meta.noop,
            obstacles: vertex.data.obstacles.to_vec(),
            missing: missing.map(|from| scheduler.graph.at(from).id.clone()),
        });
    }
    facts
}

/// Those before a vertex that may change something, as far as it matters for what comes after.
#[derive(Debug, Clone, Default)]
struct Before {
    /// They change something.
    changing: BTreeSet<ResourceId>,
    /// They may change anything.
    anything: BTreeSet<ResourceId>,
}

impl Before {
    fn add(&mut self, other: &Before) {
        extend_bounded(&mut self.changing, &other.changing);
        extend_bounded(&mut self.anything, &other.anything);
    }
}

fn extend_bounded(set: &mut BTreeSet<ResourceId>, more: &BTreeSet<ResourceId>) {
    for id in more {
        if set.len() >= NAMED_MAX {
            break;
        }
        set.insert(id.clone());
    }
}

/// What changing resources reach, and what there will be because of them.
#[derive(Debug, Default)]
struct Reached {
    exactly: BTreeMap<Claim, BTreeSet<ResourceId>>,
    trees: Vec<(AbsPath, ResourceId)>,
    /// By those of whom it is known what they will do.
    provided: Provided,
    /// By those of whom it is not.
    perhaps_provided: Provided,
}

impl Reached {
    fn add(&mut self, fact: &Fact, known: bool) {
        let id = &fact.status.id;
        match &fact.reach {
            Reach::Declared(claims) => {
                for claim in claims {
                    self.exactly.entry(claim.clone()).or_default().insert(id.clone());
                }
            }
            Reach::Trees(paths) => self.trees.extend(paths.iter().map(|path| (path.clone(), id.clone()))),
            Reach::Anything => {}
        }
        let provided = if known { &mut self.provided } else { &mut self.perhaps_provided };
        provided.0.extend(fact.provides.iter().map(|claim| (claim.clone(), id.clone())));
    }

    /// Those of whom it is not known whether they take away what only `claim` takes away.
    fn who_perhaps_provides(&self, claim: &Claim) -> impl Iterator<Item = &ResourceId> {
        let path = match claim {
            Claim::Path(path) | Claim::Directory(path) => Some(path),
            Claim::User(_) | Claim::Group(_) => None,
        };
        let trees = self.trees.iter().filter(move |(tree, _)| path.is_some_and(|path| tree.is_above(path)));
        self.perhaps_provided.who(claim).chain(trees.map(|(_, id)| id))
    }

    fn who(&self, path: &AbsPath) -> BTreeSet<ResourceId> {
        let mut who = self.exactly.get(&Claim::Path(path.clone())).cloned().unwrap_or_default();
        let above = self.trees.iter().filter(|(tree, _)| tree == path || tree.is_above(path));
        who.extend(above.map(|(_, id)| id.clone()));
        who
    }
}

/// Who provides what.
#[derive(Debug, Default)]
struct Provided(BTreeMap<Claim, ResourceId>);

impl Provided {
    /// Those who take away what only `claim` takes away. Whoever provides a path makes sure of the directories above it.
    fn who(&self, claim: &Claim) -> impl Iterator<Item = &ResourceId> {
        let above = match claim {
            Claim::Path(path) | Claim::Directory(path) => Some(path),
            Claim::User(_) | Claim::Group(_) => None,
        };
        let paths = above.into_iter().flat_map(|above| {
            let beginning = self.0.range(Claim::Path(above.clone())..).map_while(|(claim, id)| match claim {
                Claim::Path(path) if path.as_str().starts_with(above.as_str()) => Some((path, id)),
                Claim::Path(_) | Claim::Directory(_) | Claim::User(_) | Claim::Group(_) => None,
            });
            beginning.filter(|(path, _)| above.is_above(path)).map(|(_, id)| id)
        });
        self.0.get(claim).into_iter().chain(paths)
    }
}

fn foretell(facts: Vec<Fact>) -> Vec<Planned> {
    let mut reached = Reached::default();
    let mut before: Vec<Before> = Vec::with_capacity(facts.len());
    let mut planned: Vec<Planned> = Vec::with_capacity(facts.len());
    for mut fact in facts {
        let mut so_far = Before::default();
        fact.preds.iter().for_each(|(pred, _)| so_far.add(&before[*pred]));
        let mut unknown_until = unknown_until(&fact, &so_far, &reached, &planned);
        if unknown_until.is_empty() {
            unknown_until = will_fail(&mut fact, &reached, &planned);
        } else if matches!(fact.status.outcome, Outcome::Failed | Outcome::Blocked) {
            fact.status = undecided(fact.status);
        }
        let known = unknown_until.is_empty();
        let would_refresh = would_refresh(&fact, &planned);
        let changes = fact.status.outcome == Outcome::WouldChange || would_refresh;
        if (changes || !known) && !fact.noop {
            let id = &fact.status.id;
            if so_far.changing.len() < NAMED_MAX {
                so_far.changing.insert(id.clone());
            }
            if fact.reach == Reach::Anything && so_far.anything.len() < NAMED_MAX {
                so_far.anything.insert(id.clone());
            }
            reached.add(&fact, known);
        }
        before.push(so_far);
        planned.push(Planned { status: fact.status, would_refresh, unknown_until });
    }
    planned
}

fn unknown_until(fact: &Fact, before: &Before, reached: &Reached, planned: &[Planned]) -> Vec<ResourceId> {
    let mut until: BTreeSet<ResourceId> = fact.missing.iter().cloned().collect();
    match &fact.looks {
        Looks::Nothing => {}
        Looks::Paths(paths) => {
            until.extend(before.anything.iter().cloned());
            for path in paths {
                until.extend(reached.who(path));
            }
        }
        Looks::Anything => until.extend(before.changing.iter().cloned()),
    }
    if !fact.obstacles.is_empty() {
        until.extend(before.anything.iter().cloned());
    }
    // A predecessor that may fail or not decides whether this one runs at all.
    for (pred, _) in &fact.preds {
        let pred = &planned[*pred];
        if pred.status.outcome != Outcome::Waiting {
            continue;
        }
        match pred.unknown_until.as_slice() {
            // Nobody here decides it.
            [] => until.extend([pred.status.id.clone()]),
            others => until.extend(others.iter().cloned()),
        }
    }
    until.remove(&fact.status.id);
    until.into_iter().take(NAMED_MAX).collect()
}

/// What is found different, but could not be brought in order, fails, and blocks what comes after it. Says who decides whether it
/// could, where that is not known yet.
fn will_fail(fact: &mut Fact, reached: &Reached, planned: &[Planned]) -> Vec<ResourceId> {
    let status = &mut fact.status;
    let blocks = |pred: &&Planned| {
        pred.is_known() && matches!(pred.status.outcome, Outcome::Failed | Outcome::Blocked)
    };
    let blocking: Vec<&Planned> = fact.preds.iter().map(|(pred, _)| &planned[*pred]).filter(blocks).collect();
    if !blocking.is_empty() {
        let by = blocking.into_iter().flat_map(|pred| match pred.status.outcome {
            Outcome::Blocked => pred.status.blocked_by.clone(),
            _ => vec![pred.status.id.clone()],
        });
        let by: BTreeSet<ResourceId> = by.collect();
        status.blocked_by = by.into_iter().collect();
        status.outcome = Outcome::Blocked;
        status.changes.clear();
        return Vec::new();
    }
    if fact.noop || status.outcome != Outcome::WouldChange {
        return Vec::new();
    }
    let mut undecided: BTreeSet<ResourceId> = BTreeSet::new();
    for obstacle in &fact.obstacles {
        let lifted_by = obstacle.lifted_by.as_ref();
        if lifted_by.is_some_and(|claim| reached.provided.who(claim).next().is_some()) {
            continue;
        }
        let perhaps = lifted_by.into_iter().flat_map(|claim| reached.who_perhaps_provides(claim));
        let perhaps: Vec<ResourceId> = perhaps.take(NAMED_MAX).cloned().collect();
        if perhaps.is_empty() {
            status.outcome = Outcome::Failed;
            status.error = Some(Failure::message(&obstacle.failure).into());
            return Vec::new();
        }
        undecided.extend(perhaps);
    }
    undecided.into_iter().take(NAMED_MAX).collect()
}

/// It failed, or was held up, in a world that others will have changed by then.
fn undecided(status: VertexStatus) -> VertexStatus {
    VertexStatus { outcome: Outcome::Waiting, error: None, blocked_by: Vec::new(), ..status }
}

fn would_refresh(fact: &Fact, planned: &[Planned]) -> bool {
    let notified = fact.preds.iter().filter(|(_, kinds)| kinds.has(EdgeKinds::NOTIFY));
    let runs = !matches!(fact.status.outcome, Outcome::Failed | Outcome::Blocked);
    runs && !fact.noop
        && notified.map(|(pred, _)| &planned[*pred]).any(|pred| {
            pred.unknown_until.is_empty()
                && (pred.status.outcome == Outcome::WouldChange || pred.would_refresh)
        })
}

impl Planned {
    /// Whether what the run will do can be told.
    pub fn is_known(&self) -> bool {
        self.unknown_until.is_empty()
    }
}
