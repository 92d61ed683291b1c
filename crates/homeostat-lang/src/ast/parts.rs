//! Which part of a file a place is in: how far something that is wrong there reaches.

use std::cmp::Reverse;

use homeostat_model::Span;

use super::{Block, Program, Resource, StatementId, StatementKind};

/// The smallest part that something wrong can be confined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Between the statements of a block, or of the file: it may have been a statement.
    Between,
    /// A statement, without those in its blocks.
    Statement(StatementId),
    /// A line of a resource, by its number.
    Line(StatementId, usize),
}

/// The statements of a file by their places.
#[derive(Debug)]
pub struct Parts<'a> {
    program: &'a Program,
    /// In the order of their starts, what lies in another after it; and which of them each lies in.
    statements: Vec<(StatementId, Option<usize>)>,
}

impl<'a> Parts<'a> {
    /// The parts of a file.
    pub fn of(program: &'a Program) -> Self {
        let ids = (0..program.statements().len()).filter_map(|at| program.statement_id(at));
        let span = |id: StatementId| program.statement(id).span;
        let mut ids: Vec<StatementId> = ids.collect();
        ids.sort_by_key(|id| (span(*id).start, Reverse(span(*id).end)));
        let mut statements: Vec<(StatementId, Option<usize>)> = Vec::with_capacity(ids.len());
        for id in ids {
            let mut around = statements.len().checked_sub(1);
            while let Some(at) = around.filter(|at| span(statements[*at].0).end < span(id).end) {
                around = statements[at].1;
            }
            statements.push((id, around));
        }
        Self { program, statements }
    }

    /// All that reaches beyond a position of the text.
    pub fn beyond(&self, position: u32) -> impl Iterator<Item = Part> {
        let ids = self.statements.iter().map(|(id, _)| *id);
        let ids = ids.filter(move |id| self.program.statement(*id).span.end > position);
        let parts = ids.flat_map(|id| {
            let lines = match &self.program.statement(id).kind {
                StatementKind::Collect(resource) | StatementKind::Resource(resource) => resource.lines.len(),
                _ => 0,
            };
            (0..lines).map(move |line| Part::Line(id, line)).chain([Part::Statement(id)])
        });
        parts.chain([Part::Between])
    }

    /// The part that a place begins in.
    pub fn at(&self, place: Span) -> Part {
        let span = |at: usize| self.program.statement(self.statements[at].0).span;
        let after =
            self.statements.partition_point(|(id, _)| self.program.statement(*id).span.start <= place.start);
        let mut around = after.checked_sub(1);
        while let Some(at) = around {
            if place.start <= span(at).end {
                return self.within(self.statements[at].0, place);
            }
            around = self.statements[at].1;
        }
        Part::Between
    }

    fn within(&self, id: StatementId, place: Span) -> Part {
        let is_in = |span: Span| span.start <= place.start && place.start < span.end;
        let is_in_block = |block: &Block| is_in(block.span);
        let is_between = match &self.program.statement(id).kind {
            StatementKind::Collect(resource) | StatementKind::Resource(resource) => {
                return match line_at(resource, place) {
                    Some(line) => Part::Line(id, line),
                    None => Part::Statement(id),
                };
            }
            StatementKind::If(branches) => {
                branches.arms.iter().map(|(_, block)| block).chain(&branches.otherwise).any(is_in_block)
            }
            StatementKind::Loop(body) => is_in_block(&body.body),
            StatementKind::Class(class) => is_in_block(&class.body),
            StatementKind::Bind(_)
            | StatementKind::Panic(_)
            | StatementKind::Edge(_)
            | StatementKind::Func(..)
            | StatementKind::Include(_)
            | StatementKind::Import(_) => false,
        };
        if is_between { Part::Between } else { Part::Statement(id) }
    }
}

/// The line that a place is in; the end of the line in the text belongs to it.
fn line_at(resource: &Resource, place: Span) -> Option<usize> {
    let line = resource.lines.iter().rposition(|line| line.span.start <= place.start)?;
    (place.start <= resource.lines[line].span.end + 1).then_some(line)
}
