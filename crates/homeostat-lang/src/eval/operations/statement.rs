//! `if` and loops as statements: what decides which blocks there are.

use std::sync::Arc;

use homeostat_model::Span;

use super::declared::Voice;
use super::reconcile::Rows;
use crate::Value;
use crate::ast::{StatementId, StatementKind};
use crate::eval::build::{self, Body};
use crate::eval::collector::UnknownPart;
use crate::eval::flow::{Flow, OpId, Operate, Step};
use crate::eval::frame::{Frame, Given};
use crate::eval::outcome::Outcome;
use crate::scope::Owner;

/// Looks at one condition of an `if`.
pub(in crate::eval) struct Branch {
    frame: Arc<Frame>,
    id: StatementId,
    arm: usize,
    chosen: Option<(bool, Chosen)>,
    voice: Voice,
}

/// What is there because of a condition.
enum Chosen {
    Block(Body),
    /// What comes after a condition that does not hold.
    Rest(Vec<OpId>),
}

impl Chosen {
    fn ops(&self) -> &[OpId] {
        match self {
            Self::Block(body) => body.ops(),
            Self::Rest(ops) => ops,
        }
    }
}

impl Branch {
    pub(in crate::eval) fn new(frame: Arc<Frame>, id: StatementId, arm: usize) -> Self {
        Self { frame, id, arm, chosen: None, voice: Voice::default() }
    }

    fn choose(&self, flow: &mut Flow, holds: bool) -> Option<Chosen> {
        if !holds {
            let mut ops = Vec::new();
            build::branch(flow, &self.frame, self.id, self.arm + 1, &mut ops);
            ops.iter().for_each(|op| flow.hold(*op));
            return Some(Chosen::Rest(ops));
        }
        let StatementKind::If(branches) = &self.frame.program.statement(self.frame.file, self.id).kind else {
            return None;
        };
        let inner = self.frame.inner(Owner::Statement(self.id, self.arm as u32), Vec::new())?;
        Some(Chosen::Block(Body::new(flow, inner, &branches.arms[self.arm].1)))
    }
}

impl Operate for Branch {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let place = self.frame.program.statement(self.frame.file, self.id).span;
        let Some(condition) = decided(&mut self.voice, step, place) else { return Outcome::NOTHING };
        let holds = *condition.reveal() == Value::Bool(true);
        if self.chosen.as_ref().is_none_or(|(chosen, _)| *chosen != holds) {
            let chosen = self.choose(step.flow(), holds);
            if let Some((_, former)) = self.chosen.take() {
                former.ops().iter().for_each(|op| step.flow().release(*op));
            }
            self.chosen = chosen.map(|chosen| (holds, chosen));
        }
        Outcome::NOTHING
    }

    fn holds(&self) -> Vec<OpId> {
        self.chosen.iter().flat_map(|(_, chosen)| chosen.ops().iter().copied()).collect()
    }
}

/// Keeps a block for each element.
pub(in crate::eval) struct Loop {
    frame: Arc<Frame>,
    id: StatementId,
    rows: Rows<Option<Body>>,
    voice: Voice,
}

impl Loop {
    pub(in crate::eval) fn new(frame: Arc<Frame>, id: StatementId) -> Self {
        Self { frame, id, rows: Rows::default(), voice: Voice::default() }
    }
}

impl Operate for Loop {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let program = self.frame.program.clone();
        let statement = program.statement(self.frame.file, self.id);
        let StatementKind::Loop(body) = &statement.kind else { return Outcome::NOTHING };
        let Some(over) = decided(&mut self.voice, step, statement.span) else { return Outcome::NOTHING };
        let (frame, owner) = (&self.frame, Owner::Statement(self.id, 0));
        let build_row = |step: &mut Step<'_>, key, value| {
            let inner = frame.inner(owner, vec![Given::Op(key), Given::Op(value)])?;
            Some(Body::new(step.flow(), inner, &body.body))
        };
        let remove = |step: &mut Step<'_>, body: Option<Body>| {
            body.iter().flat_map(Body::ops).for_each(|op| step.flow().release(*op));
        };
        self.rows.follow(step, &over, build_row, remove);
        if self.rows.is_cut() {
            let failed = Outcome::Failed(build::too_large(statement.span));
            self.voice.complain(step, &failed, statement.span, UnknownPart::Block);
        }
        Outcome::NOTHING
    }

    fn holds(&self) -> Vec<OpId> {
        let bodies = self.rows.iter().filter_map(|row| row.body.as_ref());
        self.rows.cells().chain(bodies.flat_map(Body::ops).copied()).collect()
    }
}

/// What a block depends on. While that is not known or has failed, what was decided before stays.
fn decided(voice: &mut Voice, step: &mut Step<'_>, place: Span) -> Option<Value> {
    match step.value(0) {
        Ok(value) => {
            let value = value.clone();
            voice.content(step);
            Some(value)
        }
        Err(other) => {
            voice.complain(step, &other, place, UnknownPart::Block);
            None
        }
    }
}
