//! The graph and how its vertices stand, as others see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homeostat_model::{Catalog, Diagnostic, ResourceId};

use super::loader::Loader;
use super::subject::Managed;
use crate::event::Outcome;
use crate::graph::{EdgeKinds, Graph};
use crate::registry::Registry;
use crate::resource::Change;
use crate::scheduler::{Policy, Scheduler, Standpoint};

/// How one resource stands.
#[derive(Debug, Clone)]
pub struct VertexStatus {
    /// Which.
    pub id: ResourceId,
    /// How it stands.
    pub outcome: Outcome,
    /// The last changes, where they are kept.
    pub changes: Vec<Change>,
    /// Looks so far.
    pub checks: u32,
    /// Changes that were begun so far, those that failed among them.
    pub applies: u32,
    /// Refreshes so far.
    pub refreshes: u32,
    /// When the first look began, since the start of the engine.
    pub started: Option<Duration>,
    /// When the last attempt ended, since the start of the engine.
    pub ended: Option<Duration>,
    /// Why the last attempt failed.
    pub error: Option<Arc<str>>,
    /// Those that failed before it.
    pub blocked_by: Vec<ResourceId>,
    /// What must happen first.
    pub waiting_on: Option<Arc<str>>,
}

impl From<Standpoint> for VertexStatus {
    fn from(point: Standpoint) -> Self {
        Self {
            id: point.id,
            outcome: point.outcome,
            changes: Vec::new(),
            checks: point.counts.checks,
            applies: point.counts.applies,
            refreshes: point.counts.refreshes,
            started: point.counts.started,
            ended: point.counts.ended,
            error: point.error,
            blocked_by: point.blocked_by,
            waiting_on: point.waiting_on,
        }
    }
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeView {
    /// Done first.
    pub from: ResourceId,
    /// Started after it.
    pub to: ResourceId,
    /// Whether a change refreshes.
    pub notify: bool,
    /// Whether it follows from claims alone.
    pub auto: bool,
    /// What the user calls it.
    pub label: Option<Arc<str>>,
}

/// The graph with its automatic edges, in the order of the ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphView {
    /// Every resource.
    pub vertices: Vec<ResourceId>,
    /// Every edge.
    pub edges: Vec<EdgeView>,
}

impl GraphView {
    /// The graph that a catalog would make. Nothing of it is executed.
    pub fn of(catalog: &Catalog, registry: &Registry, autoedges: bool) -> Result<Self, Vec<Diagnostic>> {
        let policy = Policy {
            noop: true,
            parallel: 1,
            semaphore: None,
            autoedges,
            batch: false,
            attempts: 1,
            once: true,
            flapping: None,
        };
        let mut scheduler = Scheduler::<Managed, super::jobs::AnyDrift>::new(policy);
        Loader::default().load_full(&mut scheduler, catalog.clone(), registry)?;
        let mut view = Self::from_graph(&scheduler.graph);
        let labels: BTreeMap<(&ResourceId, &ResourceId), &Arc<str>> = catalog
            .edges
            .iter()
            .filter_map(|edge| Some(((&edge.from, &edge.to), edge.label.as_ref()?)))
            .collect();
        for edge in &mut view.edges {
            edge.label = labels.get(&(&edge.from, &edge.to)).map(|label| (*label).clone());
        }
        Ok(view)
    }

    pub(super) fn from_graph<T>(graph: &Graph<T>) -> Self {
        let mut view = Self::default();
        for (_, vertex) in graph.iter() {
            view.vertices.push(vertex.id.clone());
            view.edges.extend(vertex.succs.iter().map(|link| EdgeView {
                from: vertex.id.clone(),
                to: graph.at(link.at).id.clone(),
                notify: link.kinds.has(EdgeKinds::NOTIFY),
                auto: !link.kinds.has(EdgeKinds::EXPLICIT),
                label: None,
            }));
        }
        view.vertices.sort();
        view.edges.sort();
        view
    }
}
