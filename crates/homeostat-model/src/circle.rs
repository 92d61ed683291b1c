//! Circles of declared edges, for whoever reports all that is wrong with a text at once.
//!
//! The graph that runs refuses a circle as soon as an edge would close it. This finds those of a whole text, also of one that has
//! other errors and so never comes to be a graph. No resource is in two of them: each is to be mended by itself.

use std::collections::{HashMap, VecDeque};

use crate::{Diagnostic, EdgeDecl, ResourceId, SendDecl, Span, Stage, codes};

/// Circles that are told of one text.
const CIRCLES_MAX: usize = 20;
/// Resources of a circle that are named.
const SHOWN_MAX: usize = 8;

/// One resource comes before another, and where that was said.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// Comes first.
    pub from: &'a ResourceId,
    /// Comes after it.
    pub to: &'a ResourceId,
    /// Where it was declared.
    pub origin: Option<Span>,
}

impl<'a> From<&'a EdgeDecl> for Before<'a> {
    fn from(edge: &'a EdgeDecl) -> Self {
        Self { from: &edge.from, to: &edge.to, origin: edge.origin }
    }
}

impl<'a> From<&'a SendDecl> for Before<'a> {
    fn from(send: &'a SendDecl) -> Self {
        Self { from: &send.from, to: &send.to, origin: send.origin }
    }
}

/// A diagnostic for each circle, in the order in which the edges were declared.
pub fn circles<'a>(edges: impl IntoIterator<Item = Before<'a>>) -> Vec<Diagnostic> {
    let mut left = Left::of(edges.into_iter().collect());
    left.peel();
    let mut found = Vec::new();
    while found.len() < CIRCLES_MAX
        && let Some(circle) = left.next_circle()
    {
        let edges: Vec<Before<'_>> = circle.iter().map(|edge| left.edges[*edge]).collect();
        found.push(diagnostic(&edges));
        left.take_out(&circle);
    }
    found
}

/// Says that these wait for each other; each edge leads to the next one, and the last to the first.
pub fn diagnostic(circle: &[Before<'_>]) -> Diagnostic {
    let mut names: Vec<String> = circle.iter().take(SHOWN_MAX).map(|edge| edge.from.to_string()).collect();
    if circle.len() > SHOWN_MAX {
        names.push(format!("({} more)", circle.len() - SHOWN_MAX));
    }
    names.extend(circle.first().map(|edge| edge.from.to_string()));
    let message = format!("these wait for each other in a circle: {}", names.join(" → "));
    let mut diagnostic = Diagnostic::error(codes::CYCLE, Stage::Catalog, message)
        .help("take one of these edges out, or turn it around");
    let mut places = circle
        .iter()
        .filter_map(|edge| Some((edge.origin?, format!("{} comes before {}", edge.from, edge.to))));
    if let Some((span, text)) = places.next() {
        diagnostic = diagnostic.at(span).saying(text);
    }
    for (span, text) in places.take(SHOWN_MAX) {
        diagnostic = diagnostic.label(span, text);
    }
    diagnostic
}

/// The edges whose ends may still be in a circle.
struct Left<'a> {
    edges: Vec<Before<'a>>,
    /// Of each edge, the numbers of its ends.
    ends: Vec<(usize, usize)>,
    /// Of each resource, its edges by their places.
    out: Vec<Vec<usize>>,
    into: Vec<Vec<usize>>,
    /// Of each resource, how many edges lead to it from others that are left.
    missing: Vec<usize>,
    is_left: Vec<bool>,
    ready: VecDeque<usize>,
}

impl<'a> Left<'a> {
    fn of(edges: Vec<Before<'a>>) -> Self {
        let mut numbers: HashMap<&ResourceId, usize> = HashMap::new();
        let mut number = |id: &'a ResourceId| {
            let next = numbers.len();
            *numbers.entry(id).or_insert(next)
        };
        let ends: Vec<_> = edges.iter().map(|edge| (number(edge.from), number(edge.to))).collect();
        let count = numbers.len();
        let (mut out, mut into) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (at, (from, to)) in ends.iter().enumerate() {
            out[*from].push(at);
            into[*to].push(at);
        }
        let missing: Vec<usize> = into.iter().map(Vec::len).collect();
        let ready = (0..count).filter(|at| missing[*at] == 0).collect();
        Self { edges, ends, out, into, missing, is_left: vec![true; count], ready }
    }

    /// Takes out who waits for nobody that is left, until all who are left wait for somebody.
    fn peel(&mut self) {
        while let Some(at) = self.ready.pop_front() {
            if std::mem::take(&mut self.is_left[at]) {
                self.release(at);
            }
        }
    }

    fn release(&mut self, at: usize) {
        for edge in &self.out[at] {
            let to = self.ends[*edge].1;
            self.missing[to] -= 1;
            if self.missing[to] == 0 {
                self.ready.push_back(to);
            }
        }
    }

    /// Who is left waits for somebody who is: going back must come round.
    fn next_circle(&self) -> Option<Vec<usize>> {
        let mut at = self.is_left.iter().position(|is_left| *is_left)?;
        let mut step_of = HashMap::new();
        let mut way: Vec<usize> = Vec::new();
        while !step_of.contains_key(&at) {
            step_of.insert(at, way.len());
            let edge = *self.into[at].iter().find(|edge| self.is_left[self.ends[**edge].0])?;
            way.push(edge);
            at = self.ends[edge].0;
        }
        let mut circle = way.split_off(step_of[&at]);
        circle.reverse();
        let earliest = circle.iter().min().copied();
        let first = circle.iter().position(|edge| Some(*edge) == earliest).unwrap_or_default();
        circle.rotate_left(first);
        Some(circle)
    }

    fn take_out(&mut self, circle: &[usize]) {
        for edge in circle {
            let at = self.ends[*edge].0;
            self.is_left[at] = false;
            self.release(at);
        }
        self.peel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &str)]) -> Vec<String> {
        let ids: Vec<_> = edges
            .iter()
            .map(|(from, to)| (ResourceId::new("test", *from), ResourceId::new("test", *to)))
            .collect();
        let edges = ids.iter().map(|(from, to)| Before { from, to, origin: None });
        let text = "these wait for each other in a circle: ";
        circles(edges).iter().map(|one| one.message.replace(text, "").replace("test", "")).collect()
    }

    #[test]
    fn each_circle_is_told_once_and_what_hangs_on_it_is_none() {
        assert_eq!(found(&[("a", "b"), ("b", "c"), ("a", "c")]), [""; 0]);
        assert_eq!(found(&[("a", "a")]), ["[a] → [a]"]);
        let two =
            [("x", "a"), ("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "c"), ("e", "y")];
        assert_eq!(found(&two), ["[a] → [b] → [a]", "[c] → [d] → [e] → [c]"]);
        assert_eq!(found(&[("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")]), ["[a] → [b] → [a]"]);
        assert_eq!(found(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")]), ["[a] → [b] → [a]"]);
    }

    #[test]
    fn a_long_circle_is_found_without_recursion_and_told_in_short() {
        let names: Vec<String> = (0..100_000).map(|at| at.to_string()).collect();
        let pairs: Vec<_> = names
            .iter()
            .zip(names.iter().cycle().skip(1))
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        let all = found(&pairs);
        assert!(all.len() == 1 && all[0].contains("(99992 more)"), "{all:?}");
    }
}
