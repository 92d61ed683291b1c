//! Statements: operations that declare something, or decide whether something is declared.

use std::sync::Arc;

use homeostat_model::KindName;

use super::expr::{all, expr, nowhere, slot, too_large};
use crate::Value;
use crate::ast::{Block, LineKind, Param, Resource, Statement, StatementId, StatementKind};
use crate::eval::Outcome;
use crate::eval::collector::UnknownPart;
use crate::eval::flow::{Flow, OpId};
use crate::eval::frame::Frame;
use crate::eval::operations::{
    Branch, Check, Collect, EdgeStatement, LeftOut, Loop, Require, ResourceStatement,
};
use crate::functions;
use crate::scope::{Given, Owner, arguments};

/// An instance of a block, and the operations of its statements. Whoever has it keeps them.
pub(in crate::eval) struct Body {
    frame: Arc<Frame>,
    ops: Vec<OpId>,
}

impl Body {
    /// Builds the statements of a block in a frame of their own.
    pub(in crate::eval) fn new(flow: &mut Flow, frame: Arc<Frame>, statements: &Block) -> Self {
        let mut ops = Vec::new();
        block(flow, &frame, statements, &mut ops);
        ops.iter().for_each(|op| flow.hold(*op));
        Self { frame, ops }
    }

    /// What to let go when it goes.
    pub(in crate::eval) fn ops(&self) -> &[OpId] {
        &self.ops
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.frame.close();
    }
}

/// Builds statements; those that do anything go into `ops`.
pub(in crate::eval) fn block(flow: &mut Flow, frame: &Arc<Frame>, block: &Block, ops: &mut Vec<OpId>) {
    for id in &block.statements {
        statement(flow, frame, *id, ops);
    }
}

fn statement(flow: &mut Flow, frame: &Arc<Frame>, id: StatementId, ops: &mut Vec<OpId>) {
    let program = frame.program.clone();
    let statement = program.statement(frame.file, id);
    if program.checked.wrong.statement(frame.file, id) {
        ops.extend(left_out(flow, statement));
        return;
    }
    match &statement.kind {
        StatementKind::Bind(_)
        | StatementKind::Func(..)
        | StatementKind::Class(_)
        | StatementKind::Import(_) => {}
        StatementKind::Panic(args) => {
            let name = if args.len() == 2 { "panic_debug" } else { "panic" };
            let Some(function) = functions::find(name) else { return };
            let inputs = all(flow, frame, args.iter().map(|arg| arg.value));
            ops.push(flow.add(Check { frame: frame.clone(), place: statement.span, function }, &inputs));
        }
        StatementKind::Collect(resource) => {
            let inputs = inputs(flow, frame, id, resource);
            ops.push(flow.add(Collect::new(frame.clone(), id), &inputs));
        }
        StatementKind::Resource(resource) => {
            let inputs = inputs(flow, frame, id, resource);
            ops.push(flow.add(ResourceStatement::new(frame.clone(), id), &inputs));
        }
        StatementKind::Edge(ends) => {
            let inputs = all(flow, frame, ends.iter().map(|end| end.resource.name));
            ops.push(flow.add(EdgeStatement::new(frame.clone(), id), &inputs));
        }
        StatementKind::If(_) => branch(flow, frame, id, 0, ops),
        StatementKind::Loop(body) => {
            let over = expr(flow, frame, body.over);
            ops.push(flow.add(Loop::new(frame.clone(), id), &[over]));
        }
        StatementKind::Include(_) => {
            stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || include(flow, frame, id, ops));
        }
    }
}

/// What stands for a statement that is wrong. `None` where it declares nothing that others could refer to.
fn left_out(flow: &mut Flow, statement: &Statement) -> Option<OpId> {
    let part = match &statement.kind {
        StatementKind::Collect(resource) | StatementKind::Resource(resource) => {
            UnknownPart::Names(KindName::new(resource.kind.text.clone()))
        }
        StatementKind::If(_) | StatementKind::Loop(_) | StatementKind::Include(_) => UnknownPart::Block,
        StatementKind::Bind(_)
        | StatementKind::Panic(_)
        | StatementKind::Edge(_)
        | StatementKind::Func(..)
        | StatementKind::Class(_)
        | StatementKind::Import(_) => return None,
    };
    Some(flow.add(LeftOut { place: statement.span, part }, &[]))
}

/// The name, and for each line its condition, if there is one, and its value.
fn inputs(flow: &mut Flow, frame: &Arc<Frame>, id: StatementId, resource: &Resource) -> Vec<OpId> {
    let mut inputs = vec![expr(flow, frame, resource.name)];
    for (at, line) in resource.lines.iter().enumerate() {
        let value = match &line.kind {
            LineKind::Field(field) | LineKind::Meta(field) => field.value,
            LineKind::MetaStruct(value) => *value,
            LineKind::Edge(_, other) => other.name,
        };
        let is_wrong = frame.program.checked.wrong.line(frame.file, id, at);
        inputs.extend(line.condition.into_iter().chain([value]).map(|part| match is_wrong {
            true => nowhere(flow, &frame.program),
            false => expr(flow, frame, part),
        }));
    }
    inputs
}

/// The rest of an `if` from one of its conditions on.
pub(in crate::eval) fn branch(
    flow: &mut Flow,
    frame: &Arc<Frame>,
    id: StatementId,
    arm: usize,
    ops: &mut Vec<OpId>,
) {
    let program = frame.program.clone();
    let StatementKind::If(branches) = &program.statement(frame.file, id).kind else { return };
    let Some((condition, body)) = branches.arms.get(arm) else {
        if let Some(body) = &branches.otherwise {
            arm_block(flow, frame, id, arm, body, ops);
        }
        return;
    };
    let condition = expr(flow, frame, *condition);
    match flow.constant_outcome(condition) {
        Some(Outcome::Value(known)) if *known.reveal() == Value::Bool(true) => {
            arm_block(flow, frame, id, arm, body, ops);
        }
        Some(Outcome::Value(_)) => branch(flow, frame, id, arm + 1, ops),
        Some(Outcome::Failed(_) | Outcome::Unknown(_)) | None => {
            ops.push(flow.add(Branch::new(frame.clone(), id, arm), &[condition]));
        }
    }
}

/// A block whose being there is decided for good. Its operations belong to the block around it.
fn arm_block(
    flow: &mut Flow,
    frame: &Arc<Frame>,
    id: StatementId,
    arm: usize,
    body: &Block,
    ops: &mut Vec<OpId>,
) {
    if let Some(inner) = frame.inner(Owner::Statement(id, arm as u32), Vec::new()) {
        block(flow, &inner, body, ops);
    }
}

fn include(flow: &mut Flow, frame: &Arc<Frame>, id: StatementId, ops: &mut Vec<OpId>) {
    let program = frame.program.clone();
    let place = program.statement(frame.file, id).span;
    let StatementKind::Include(statement) = &program.statement(frame.file, id).kind else { return };
    let Some(inner) = frame.include(id) else {
        ops.extend(left_out(flow, program.statement(frame.file, id)));
        return;
    };
    let is_to_be_built = inner.is_to_be_built();
    if is_to_be_built && (flow.is_full() || !program.may_enter()) {
        let refused = flow.constant(Outcome::Failed(too_large(place)));
        let name = statement.class.text.clone();
        ops.push(flow.add(Require { include: place, place, declared: place, name }, &[refused]));
        return;
    }
    let params: &[Param] = inner.params();
    for (at, param) in params.iter().enumerate() {
        if let Some(check) = param.check {
            let argument = arguments(params, &statement.args)
                .and_then(|given| match given[at] {
                    Given::Argument(at) => Some(statement.args[at].value),
                    Given::Default => None,
                })
                .map_or(place, |arg| program.expr(frame.file, arg).span);
            let checked = expr(flow, &inner, check);
            let value = slot(flow, &inner, at as u32);
            let declared = program.expr(inner.file, check).span;
            ops.push(flow.add(
                Require { include: place, place: argument, declared, name: param.name.text.clone() },
                &[checked, value],
            ));
        }
    }
    let class = match program.checked.names.class(frame.file, id) {
        Some(target) => inner.class(target.class),
        None => None,
    };
    if let Some(class) = class
        && is_to_be_built
    {
        block(flow, &inner, &class.body, ops);
    }
}
