//! Expressions and variables.

use std::sync::Arc;

use homeostat_model::{Span, codes};

use super::call::{call_expr, function_value, operator};
use crate::Value;
use crate::ast::{BinaryOp, Bind, ExprId, ExprKind, Piece, StatementKind};
use crate::eval::flow::{Flow, OPERATIONS_MAX, OpId};
use crate::eval::frame::{Frame, Given};
use crate::eval::operations::{Comprehension, Except, FieldAccess, Form, Forward, Make, Part, Switch};
use crate::eval::program::{CALLS_MAX, Program};
use crate::eval::{Failure, Outcome};
use crate::scope::{Owner, SlotKind, VariableTarget};

/// Below so much of it, the stack goes on elsewhere.
const STACK_LEFT_MIN: usize = 128 * 1024;
const STACK_MORE: usize = 4 * 1024 * 1024;

/// The operation of an expression.
pub(in crate::eval) fn expr(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId) -> OpId {
    stacker::maybe_grow(STACK_LEFT_MIN, STACK_MORE, || build(flow, frame, id))
}

fn build(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId) -> OpId {
    let program = frame.program.clone();
    let expr_at = program.expr(frame.file, id);
    let place = expr_at.span;
    match &expr_at.kind {
        ExprKind::Bool(value) => flow.constant(Value::Bool(*value)),
        ExprKind::Int(number) => flow.constant(Value::Int(*number)),
        ExprKind::Float(number) => flow.constant(Value::Float(*number)),
        ExprKind::Str(text) => flow.constant(Value::Str(text.clone())),
        ExprKind::Error => nowhere(flow, &program),
        ExprKind::Interpolated(pieces) => {
            let inputs: Vec<OpId> = pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Text(_) => None,
                    Piece::Variable(inner) | Piece::Printed(inner) => Some(expr(flow, frame, *inner)),
                })
                .collect();
            let parts = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Variable(_) | Piece::Printed(_) => Part::Printed,
            });
            flow.add(Make(Form::Text(parts.collect()), place), &inputs)
        }
        ExprKind::List(items) => {
            let inputs = all(flow, frame, items.iter().copied());
            flow.add(Make(Form::List, place), &inputs)
        }
        ExprKind::Map(entries) => {
            let inputs = all(flow, frame, entries.iter().flat_map(|(key, value)| [*key, *value]));
            flow.add(Make(Form::Map, place), &inputs)
        }
        ExprKind::Struct(fields) => {
            let inputs = all(flow, frame, fields.iter().map(|field| field.value));
            let names = fields.iter().map(|field| field.name.text.clone()).collect();
            flow.add(Make(Form::Struct(names), place), &inputs)
        }
        ExprKind::ListComprehension(made) => {
            let over = expr(flow, frame, made.over);
            Comprehension::add(flow, frame, id, over)
        }
        ExprKind::MapComprehension(made) => {
            let over = expr(flow, frame, made.over);
            Comprehension::add(flow, frame, id, over)
        }
        ExprKind::Lambda(_) => {
            let func = function_value(frame, Owner::Expr(id));
            flow.constant(func)
        }
        ExprKind::Variable(_) => variable(flow, frame, id),
        ExprKind::Call(callee, args) => call_expr(flow, frame, id, callee, args),
        ExprKind::If(..) => switch(flow, frame, id, 0),
        ExprKind::Not(inner) => operator(flow, frame, id, "_not", &[*inner]),
        ExprKind::Binary(op, _, left, right) => operator(flow, frame, id, function_of(*op), &[*left, *right]),
        ExprKind::Index(from, at) => operator(flow, frame, id, "_lookup", &[*from, *at]),
        ExprKind::Field(from, name) => {
            let from = expr(flow, frame, *from);
            flow.add(FieldAccess { name: name.text.clone(), place, has_default: false }, &[from])
        }
        ExprKind::FieldOr(from, name, otherwise) => {
            let inputs = all(flow, frame, [*from, *otherwise].into_iter());
            flow.add(FieldAccess { name: name.text.clone(), place, has_default: true }, &inputs)
        }
        ExprKind::Except(main, fallback) => {
            let main = expr(flow, frame, *main);
            match flow.constant_outcome(main) {
                Some(Outcome::Failed(failure)) if failure.is_catchable() => expr(flow, frame, *fallback),
                Some(_) => main,
                None => {
                    let join = flow.add(Forward, &[]);
                    let control = Except::new(frame.clone(), *fallback, join, main);
                    let control = flow.add(control, &[main]);
                    flow.connect(control, join);
                    join
                }
            }
        }
    }
}

pub(super) fn all(flow: &mut Flow, frame: &Arc<Frame>, ids: impl Iterator<Item = ExprId>) -> Vec<OpId> {
    ids.map(|id| expr(flow, frame, id)).collect()
}

/// What the rest of an `if` has from one of its conditions on.
pub(in crate::eval) fn switch(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId, arm: usize) -> OpId {
    let program = frame.program.clone();
    let ExprKind::If(arms, otherwise) = &program.expr(frame.file, id).kind else {
        return nowhere(flow, &program);
    };
    let Some((condition, value)) = arms.get(arm) else { return expr(flow, frame, *otherwise) };
    let condition = expr(flow, frame, *condition);
    match flow.constant_outcome(condition) {
        Some(Outcome::Value(known)) => {
            let is_secret = known.is_sensitive();
            let chosen = match known.reveal() {
                Value::Bool(true) => expr(flow, frame, *value),
                _ => switch(flow, frame, id, arm + 1),
            };
            if is_secret { flow.add(Forward, &[condition, chosen]) } else { chosen }
        }
        Some(_) => condition,
        None => {
            let join = flow.add(Forward, &[]);
            let control = flow.add(Switch::new(frame.clone(), id, arm, join), &[condition]);
            flow.connect(control, join);
            join
        }
    }
}

/// The value of an arm of an `if`.
pub(in crate::eval) fn arm(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId, arm: usize) -> OpId {
    let program = frame.program.clone();
    match &program.expr(frame.file, id).kind {
        ExprKind::If(arms, _) if arm < arms.len() => expr(flow, frame, arms[arm].1),
        _ => nowhere(flow, &program),
    }
}

fn variable(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId) -> OpId {
    match frame.program.checked.names.variable(frame.file, id) {
        Some(VariableTarget::Slot(place, slot)) => match frame.follow(place) {
            Some(at) => self::slot(flow, &at, *slot),
            None => nowhere(flow, &frame.program),
        },
        Some(VariableTarget::Hostname) => flow.constant(Value::Str(frame.program.hostname.clone())),
        Some(VariableTarget::Constant(value)) => flow.constant(value.clone()),
        None => nowhere(flow, &frame.program),
    }
}

/// The operation of a variable; all who use the variable share it.
pub(super) fn slot(flow: &mut Flow, frame: &Arc<Frame>, slot: u32) -> OpId {
    if let Some(known) = frame.remembered(slot).filter(|op| flow.is_alive(*op)) {
        return known;
    }
    let program = frame.program.clone();
    let op = match program.checked.names.scope(frame.scope).slots[slot as usize].kind {
        SlotKind::Param(at) => match frame.given(at as usize) {
            Some(Given::Op(op)) => *op,
            Some(Given::Expr(site, argument)) => expr(flow, site, *argument),
            Some(Given::Default) | None => {
                match frame.params().get(at as usize).and_then(|param| param.default) {
                    Some(default) => expr(flow, frame, default),
                    None => nowhere(flow, &program),
                }
            }
        },
        SlotKind::Key | SlotKind::Element => match frame.given(slot as usize) {
            Some(Given::Op(op)) => *op,
            _ => nowhere(flow, &program),
        },
        SlotKind::Bind(bind) if program.checked.wrong.statement(frame.file, bind) => nowhere(flow, &program),
        SlotKind::Bind(statement) => match &program.statement(frame.file, statement).kind {
            StatementKind::Bind(Bind { value, .. }) => expr(flow, frame, *value),
            _ => nowhere(flow, &program),
        },
        SlotKind::Local(at) => match frame.function() {
            Some(function) => expr(flow, frame, function.locals[at as usize].value),
            None => nowhere(flow, &program),
        },
    };
    if !flow.is_alive(op) {
        return nowhere(flow, &program);
    }
    frame.remember(slot, op);
    op
}

/// Why nothing more is built at a place.
pub(in crate::eval) fn too_large(place: Span) -> Failure {
    let message = format!(
        "the program is too large: it takes more than {CALLS_MAX} calls and includes, or {OPERATIONS_MAX} operations"
    );
    Failure::new(codes::TOO_LARGE, message).at(place)
}

/// What stands for something that earlier stages refuse, or for a variable of an instance that is gone.
pub(super) fn nowhere(flow: &mut Flow, program: &Program) -> OpId {
    flow.constant(match program.checked.wrong.is_empty() {
        true => Outcome::Failed(Failure::new(codes::FAILED, "this is not there any more")),
        false => Outcome::Unknown(None),
    })
}

fn function_of(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => "_or",
        BinaryOp::And => "_and",
        BinaryOp::Less => "_<",
        BinaryOp::Greater => "_>",
        BinaryOp::LessEquals => "_<=",
        BinaryOp::GreaterEquals => "_>=",
        BinaryOp::Equals => "_==",
        BinaryOp::NotEquals => "_!=",
        BinaryOp::In => "contains",
        BinaryOp::Add => "_+",
        BinaryOp::Subtract => "_-",
        BinaryOp::Multiply => "_*",
        BinaryOp::Divide => "_/",
        BinaryOp::Remainder => "_%",
    }
}
