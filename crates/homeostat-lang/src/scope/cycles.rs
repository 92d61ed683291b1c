//! Definitions that need themselves.

use std::collections::HashMap;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use crate::ast::StatementId;
use crate::modules::FileId;

/// The number of a definition: of a variable, a function, a class, or an include with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DefinitionId(u32);

/// The places that a diagnostic points at are so many at most.
const LABELS_MAX: usize = 8;

/// What needs what.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    by_statement: HashMap<(FileId, StatementId), DefinitionId>,
    definitions: Vec<Definition>,
}

#[derive(Debug)]
struct Definition {
    what: String,
    /// What it needs, and the reference by which; none where that lies in it.
    needs: Vec<(DefinitionId, Option<Span>)>,
}

impl Dependencies {
    pub(super) fn add(&mut self, what: String) -> DefinitionId {
        self.definitions.push(Definition { what, needs: Vec::new() });
        DefinitionId(u32::try_from(self.definitions.len() - 1).unwrap_or(u32::MAX))
    }

    pub(super) fn add_statement(
        &mut self,
        file: FileId,
        statement: StatementId,
        what: String,
    ) -> DefinitionId {
        let id = self.add(what);
        self.by_statement.insert((file, statement), id);
        id
    }

    pub(super) fn of(&self, file: FileId, statement: StatementId) -> Option<DefinitionId> {
        self.by_statement.get(&(file, statement)).copied()
    }

    pub(super) fn need(&mut self, who: DefinitionId, what: DefinitionId, by: Option<Span>) {
        self.definitions[who.0 as usize].needs.push((what, by));
    }

    /// One diagnostic for each group of definitions that need each other; and every reference among them.
    pub(super) fn circles(&self) -> (Vec<Diagnostic>, Vec<Span>) {
        let components = self.components();
        let mut members: Vec<(Vec<usize>, Vec<Span>)> = vec![Default::default(); self.definitions.len()];
        for (at, definition) in self.definitions.iter().enumerate() {
            let component = components[at];
            members[component].0.push(at);
            let inner = definition.needs.iter().filter(|(need, _)| components[need.0 as usize] == component);
            members[component].1.extend(inner.filter_map(|(_, by)| *by));
        }
        members.retain(|(_, references)| !references.is_empty());
        let all = members.iter().flat_map(|(_, references)| references).copied().collect();
        let circles = members.into_iter().map(|(members, references)| self.circle(&members, references));
        (circles.collect(), all)
    }

    fn circle(&self, members: &[usize], mut references: Vec<Span>) -> Diagnostic {
        references.sort();
        references.dedup();
        let names: Vec<&str> = members.iter().map(|at| &*self.definitions[*at].what).collect();
        let message = match names.as_slice() {
            [one] => format!("{one} needs itself"),
            [one, other] => format!("{one} and {other} need each other"),
            [one, rest @ ..] => format!("{one} needs itself, by way of {} others", rest.len()),
            [] => String::new(),
        };
        let mut circle = Diagnostic::error(codes::RECURSION, Stage::Scope, message).at(references[0]);
        for reference in references.iter().skip(1).take(LABELS_MAX) {
            circle = circle.label(*reference, "and here");
        }
        circle.saying("it is needed here").help("there is no recursion; a loop or `iter.reduce` may do it")
    }

    /// For each definition the number of its strongly connected component: Tarjan's algorithm, with a stack of its own.
    fn components(&self) -> Vec<usize> {
        const NEW: usize = usize::MAX;
        let count = self.definitions.len();
        let (mut index, mut low) = (vec![NEW; count], vec![NEW; count]);
        let mut component = vec![NEW; count];
        let (mut next, mut stack, mut path) = (0, Vec::new(), Vec::new());
        for root in 0..count {
            if index[root] != NEW {
                continue;
            }
            path.push((root, 0));
            while let Some((at, need)) = path.last_mut() {
                let at = *at;
                if *need == 0 {
                    (index[at], low[at]) = (next, next);
                    next += 1;
                    stack.push(at);
                }
                if let Some((to, _)) = self.definitions[at].needs.get(*need) {
                    *need += 1;
                    let to = to.0 as usize;
                    if index[to] == NEW {
                        path.push((to, 0));
                    } else if component[to] == NEW {
                        low[at] = low[at].min(index[to]);
                    }
                    continue;
                }
                path.pop();
                if let Some((above, _)) = path.last() {
                    low[*above] = low[*above].min(low[at]);
                }
                if low[at] == index[at] {
                    while let Some(member) = stack.pop() {
                        component[member] = at;
                        if member == at {
                            break;
                        }
                    }
                }
            }
        }
        component
    }
}
