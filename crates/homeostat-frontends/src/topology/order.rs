//! Who comes after whom, over all hosts.

use std::collections::BTreeMap;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::component::{Component, Method};
use crate::findings::{Findings, quoted};

/// Methods with a place of their own in the life of a component; all others come after them, as they stand in the text.
const LIFECYCLE: [&str; 3] = ["create", "configure", "start"];

/// The place of a method in the life of its component.
pub(super) fn lifecycle(method: &str) -> usize {
    LIFECYCLE.iter().position(|known| *known == method).unwrap_or(LIFECYCLE.len())
}

/// A method of a component, by their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    component: usize,
    method: usize,
}

/// `to` waits for `from`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: Place,
    pub(super) to: Place,
    /// Where it was declared.
    pub(super) origin: Span,
}

/// All components; every id once.
pub(super) struct Topology {
    components: Vec<Component>,
    by_id: BTreeMap<i64, usize>,
}

impl Topology {
    /// Puts components together; two of one id, and dependencies on nobody, are reported.
    pub(super) fn new(all: Vec<Component>, findings: &mut Findings) -> Self {
        let mut topology = Self { components: Vec::new(), by_id: BTreeMap::new() };
        for component in all {
            if let Some(first) = topology.by_id.get(&component.id) {
                let message = format!("there are two components with the id {}", component.id);
                findings.push(
                    Diagnostic::error(codes::DUPLICATE_COMPONENT, Stage::Scope, message)
                        .at(component.span)
                        .label(Some(topology.components[*first].span), "first here"),
                );
                continue;
            }
            topology.by_id.insert(component.id, topology.components.len());
            topology.components.push(component);
        }
        for (id, span) in topology.components.iter().flat_map(|component| &component.deps) {
            if !topology.by_id.contains_key(id) {
                let message = format!("there is no component with the id {id}");
                findings.push(Diagnostic::error(codes::UNKNOWN_COMPONENT, Stage::Scope, message).at(*span));
            }
        }
        topology
    }

    pub(super) fn components(&self) -> &[Component] {
        &self.components
    }

    pub(super) fn component(&self, place: &Place) -> &Component {
        &self.components[place.component]
    }

    pub(super) fn method(&self, place: &Place) -> &Method {
        &self.components[place.component].methods[place.method]
    }

    /// Every method, in the order of the text.
    pub(super) fn places(&self) -> Vec<Place> {
        let methods = |(component, one): (usize, &Component)| {
            (0..one.methods.len()).map(move |method| Place { component, method })
        };
        self.components.iter().enumerate().flat_map(methods).collect()
    }

    /// Each method waits for the one before it, and for what its dependencies must have done by then.
    pub(super) fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for to in self.places() {
            let component = self.component(&to);
            if let Some(method) = to.method.checked_sub(1) {
                let from = Place { method, ..to };
                edges.push(Edge { from, to, origin: self.method(&to).span });
            }
            for (id, origin) in &component.deps {
                let Some(dependency) = self.by_id.get(id) else { continue };
                let counts = self.counting(component, to.method, &self.components[*dependency]);
                edges.extend(counts.map(|method| Edge {
                    from: Place { component: *dependency, method },
                    to,
                    origin: *origin,
                }));
            }
        }
        edges
    }

    /// The method of a dependency that one of a component waits for: the one of the same name, else the last before it.
    fn counting(&self, component: &Component, method: usize, dependency: &Component) -> Option<usize> {
        let name = &component.methods[method].name;
        let named = |wanted: &str| dependency.methods.iter().position(|one| one.name == wanted);
        named(name).or_else(|| {
            let is_before = |other: &str| {
                lifecycle(other) < lifecycle(name)
                    || component.methods[..method].iter().any(|before| before.name == other)
            };
            dependency.methods.iter().rposition(|one| is_before(&one.name))
        })
    }

    /// Reports a circle of methods that wait for each other, on whatever hosts.
    pub(super) fn report_cycle(&self, findings: &mut Findings) {
        let places = self.places();
        let number: BTreeMap<Place, usize> =
            places.iter().enumerate().map(|(at, place)| (*place, at)).collect();
        let edges = self.edges();
        let mut waits_for: Vec<Vec<&Edge>> = vec![Vec::new(); places.len()];
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
        for edge in &edges {
            waits_for[number[&edge.to]].push(edge);
            followers[number[&edge.from]].push(number[&edge.to]);
        }
        let mut open: Vec<usize> = waits_for.iter().map(Vec::len).collect();
        let mut free: Vec<usize> = (0..places.len()).filter(|at| open[*at] == 0).collect();
        while let Some(at) = free.pop() {
            for follower in &followers[at] {
                open[*follower] -= 1;
                if open[*follower] == 0 {
                    free.push(*follower);
                }
            }
        }
        // Whoever is left waits for somebody who is left, so going back comes to a circle.
        let Some(start) = open.iter().position(|count| *count > 0) else { return };
        let mut way: Vec<(usize, &Edge)> = Vec::new();
        let mut step_of: BTreeMap<usize, usize> = BTreeMap::new();
        let mut at = start;
        while !step_of.contains_key(&at) {
            let left = waits_for[at].iter().find(|edge| open[number[&edge.from]] > 0);
            let Some(edge) = left else { return };
            step_of.insert(at, way.len());
            way.push((at, edge));
            at = number[&edge.from];
        }
        let circle = &way[step_of[&at]..];
        findings.push(self.cycle(circle, &places));
    }

    fn cycle(&self, circle: &[(usize, &Edge)], places: &[Place]) -> Diagnostic {
        const NAMED_MAX: usize = 8;
        let name = |at: &usize| {
            let (component, method) = (self.component(&places[*at]), self.method(&places[*at]));
            let whose = component.name.clone().unwrap_or_else(|| component.id.to_string());
            quoted(&format!("{whose}.{}", method.name))
        };
        let mut names: Vec<String> = circle.iter().take(NAMED_MAX).map(|(at, _)| name(at)).collect();
        if circle.len() > NAMED_MAX {
            names.push("…".to_owned());
        }
        names.extend(circle.first().map(|(at, _)| name(at)));
        let message = format!("these wait for each other in a circle: {}", names.join(" after "));
        let mut diagnostic = Diagnostic::error(codes::CYCLE, Stage::Catalog, message);
        for (position, (at, edge)) in circle.iter().take(NAMED_MAX).enumerate() {
            diagnostic = match position {
                0 => diagnostic.at(edge.origin),
                _ => diagnostic.label(Some(edge.origin), format!("{} waits here", name(at))),
            };
        }
        diagnostic
    }
}
