//! Expressions.

use std::sync::Arc;

use homeostat_model::{Span, codes};

use super::frame::Frame;
use super::{Eval, frame};
use crate::ast::{Callee, Comprehension, ExprId, ExprKind, LoopKind, Piece, StatementKind};
use crate::eval::outcome::{Failure, Outcome};
use crate::eval::printed::Printed;
use crate::functions;
use crate::infer::operator;
use crate::scope::{Owner, SlotKind, VariableTarget};
use crate::value::{Func, Value};

/// The value, or else the outcome for whoever needed it.
macro_rules! value {
    ($outcome:expr) => {
        match $outcome {
            Outcome::Value(value) => value,
            other => return other,
        }
    };
}

/// The same for several.
macro_rules! values {
    ($all:expr) => {
        match $all {
            Ok(values) => values,
            Err(other) => return other,
        }
    };
}

impl Eval<'_> {
    /// What an expression is in a frame.
    pub(super) fn expr(&self, frame: &Arc<Frame>, id: ExprId) -> Outcome {
        match stacker::maybe_grow(128 << 10, 1 << 20, || self.compute(frame, id)) {
            Outcome::Value(value) => Outcome::made(value, self.expr_of(frame.file, id).span),
            other => other,
        }
    }

    fn compute(&self, frame: &Arc<Frame>, id: ExprId) -> Outcome {
        let expr = self.expr_of(frame.file, id);
        Outcome::Value(match &expr.kind {
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Int(number) => Value::Int(*number),
            ExprKind::Float(number) => Value::Float(*number),
            ExprKind::Str(text) => Value::Str(text.clone()),
            ExprKind::Error => {
                return Outcome::Failed(Failure::new(codes::FAILED, "this is wrong").at(expr.span));
            }
            ExprKind::Interpolated(pieces) => return self.text(frame, pieces, expr.span),
            ExprKind::List(items) => Value::list(values!(self.all(frame, items))),
            ExprKind::Map(entries) => {
                let mut made = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    made.push((value!(self.expr(frame, *key)), value!(self.expr(frame, *value))));
                }
                Value::map(made)
            }
            ExprKind::Struct(fields) => {
                let mut made = Vec::with_capacity(fields.len());
                for field in fields {
                    made.push((field.name.text.clone(), value!(self.expr(frame, field.value))));
                }
                Value::structure(made)
            }
            ExprKind::ListComprehension(made) => {
                let mut items = Vec::new();
                for turn in values!(self.turns(frame, id, made)) {
                    items.push(value!(self.expr(&turn, made.item)));
                }
                Value::list(items)
            }
            ExprKind::MapComprehension(made) => {
                let mut entries = std::collections::BTreeMap::new();
                for turn in values!(self.turns(frame, id, made)) {
                    let key = value!(self.expr(&turn, made.item.0));
                    let item = value!(self.expr(&turn, made.item.1));
                    let shown = key.to_string();
                    if entries.insert(key, item).is_some() {
                        let message = format!("the key {shown} is there twice");
                        return Outcome::Failed(Failure::new(codes::FAILED, message).at(expr.span));
                    }
                }
                Value::map(entries)
            }
            ExprKind::Lambda(_) => {
                let key = frame::key((frame.key, id));
                let body = super::call::Lambda { frame: frame.clone(), expr: id };
                Value::Func(Func::new(key, None, body))
            }
            ExprKind::Variable(_) => return self.variable(frame, id),
            ExprKind::Call(Callee::Named(_), args) => return self.named_call(frame, id, args, expr.span),
            ExprKind::Call(Callee::Value(function), args) => {
                let function = value!(self.expr(frame, *function));
                let args: Vec<Outcome> = args.iter().map(|arg| self.expr(frame, arg.value)).collect();
                let was_sensitive = function.is_sensitive();
                let Value::Func(function) = function.reveal() else {
                    return Outcome::Failed(Failure::new(codes::FAILED, "this is no function").at(expr.span));
                };
                return match self.call_value(function, args) {
                    Outcome::Value(value) if was_sensitive => Outcome::Value(value.into_sensitive()),
                    other => other,
                };
            }
            ExprKind::If(arms, otherwise) => {
                for (condition, value) in arms {
                    let holds = value!(self.expr(frame, *condition));
                    if *holds.reveal() == Value::Bool(true) {
                        return tainted(&holds, self.expr(frame, *value));
                    }
                }
                return self.expr(frame, *otherwise);
            }
            ExprKind::Not(inner) => return self.form(frame, id, "_not", &[*inner], expr.span),
            ExprKind::Binary(op, _, left, right) => {
                let args = vec![self.expr(frame, *left), self.expr(frame, *right)];
                return self.library(frame, id, operator(*op), args, (&[*left, *right], expr.span));
            }
            ExprKind::Index(from, at) => return self.form(frame, id, "_lookup", &[*from, *at], expr.span),
            ExprKind::Field(from, name) => {
                let args = vec![self.expr(frame, *from), Outcome::Value(Value::Str(name.text.clone()))];
                let function = functions::find("_struct_lookup").expect("every form has its function");
                return self.library(frame, id, function, args, (&[*from], expr.span));
            }
            ExprKind::FieldOr(from, name, otherwise) => {
                let from = match self.expr(frame, *from) {
                    Outcome::Failed(failure) if failure.is_catchable() => {
                        return self.expr(frame, *otherwise);
                    }
                    other => value!(other),
                };
                match from.field(&name.text) {
                    Some(field) if matches!(from, Value::Sensitive(_)) => field.clone().into_sensitive(),
                    Some(field) => field.clone(),
                    None => return self.expr(frame, *otherwise),
                }
            }
            ExprKind::Except(main, fallback) => match self.expr(frame, *main) {
                Outcome::Failed(failure) if failure.is_catchable() => return self.expr(frame, *fallback),
                other => return other,
            },
        })
    }

    fn all(&self, frame: &Arc<Frame>, items: &[ExprId]) -> AllOutcome {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match self.expr(frame, *item) {
                Outcome::Value(value) => values.push(value),
                other => return Err(other),
            }
        }
        Ok(values)
    }

    fn text(&self, frame: &Arc<Frame>, pieces: &[Piece], place: Span) -> Outcome {
        let mut text = Printed::default();
        for piece in pieces {
            let pushed = match piece {
                Piece::Text(fixed) => text.push(fixed),
                Piece::Variable(inner) | Piece::Printed(inner) => {
                    text.print(&value!(self.expr(frame, *inner)))
                }
            };
            if let Some(failure) = pushed.err().and_then(|error| Failure::of_call(&error, place)) {
                return Outcome::Failed(failure);
            }
        }
        Outcome::Value(text.finish())
    }

    /// A frame for every turn of a comprehension whose condition holds.
    fn turns<T>(&self, frame: &Arc<Frame>, id: ExprId, made: &Comprehension<T>) -> TurnsOutcome {
        let Some(scope) = self.checked.names.scope_of(frame.file, Owner::Expr(id)) else {
            return Ok(Vec::new());
        };
        let over = match self.expr(frame, made.over) {
            Outcome::Value(value) => value,
            other => return Err(other),
        };
        let mut turns = Vec::new();
        for (key, value) in elements(&over, made.variables.kind) {
            let turn = self.frame(scope, frame.instance, Some(frame.clone()), frame::key(&key));
            self.set_loop(&turn, key, value);
            if let Some(condition) = made.condition {
                match self.expr(&turn, condition) {
                    Outcome::Value(holds) if *holds.reveal() == Value::Bool(true) => {}
                    Outcome::Value(_) => continue,
                    other => return Err(other),
                }
            }
            turns.push(turn);
        }
        Ok(turns)
    }

    /// Fills the variables of a loop.
    pub(super) fn set_loop(&self, turn: &Frame, key: Value, value: Value) {
        for (slot, defined) in (0..).zip(&self.checked.names.scope(turn.scope).slots) {
            match defined.kind {
                SlotKind::Key => turn.set(slot, Outcome::Value(key.clone())),
                SlotKind::Element => turn.set(slot, Outcome::Value(value.clone())),
                SlotKind::Param(_) | SlotKind::Bind(_) | SlotKind::Local(_) => {}
            }
        }
    }

    fn variable(&self, frame: &Arc<Frame>, id: ExprId) -> Outcome {
        match self.checked.names.variable(frame.file, id) {
            Some(VariableTarget::Constant(value)) => Outcome::Value(value.clone()),
            Some(VariableTarget::Hostname) => Outcome::Value(Value::from(self.world.hostname)),
            Some(VariableTarget::Slot(place, slot)) => {
                let holder = self.follow(frame, &place.hops, place.scope);
                self.slot(&holder, *slot)
            }
            None => Outcome::Unknown(None),
        }
    }

    /// The value of a variable, which is computed once.
    pub(super) fn slot(&self, frame: &Arc<Frame>, slot: u32) -> Outcome {
        if let Some(known) = frame.get(slot) {
            return known;
        }
        let defined = &self.checked.names.scope(frame.scope).slots[slot as usize];
        let value = match defined.kind {
            SlotKind::Bind(bind) => match &self.statement_of(frame.file, bind).kind {
                StatementKind::Bind(bind) => Some(bind.value),
                _ => None,
            },
            SlotKind::Local(index) => self
                .function_of(frame)
                .and_then(|function| function.locals.get(index as usize))
                .map(|local| local.value),
            SlotKind::Param(index) => {
                self.params_of(frame).get(index as usize).and_then(|param| param.default)
            }
            SlotKind::Key | SlotKind::Element => None,
        };
        let outcome = value.map_or(Outcome::Unknown(None), |value| self.expr(frame, value));
        frame.set(slot, outcome.clone());
        outcome
    }

    /// A form of the grammar that is a function of the library.
    fn form(&self, frame: &Arc<Frame>, id: ExprId, name: &str, parts: &[ExprId], span: Span) -> Outcome {
        let args = parts.iter().map(|part| self.expr(frame, *part)).collect();
        let function = functions::find(name).expect("every form has its function");
        self.library(frame, id, function, args, (parts, span))
    }
}

type AllOutcome = Result<Vec<Value>, Outcome>;
type TurnsOutcome = Result<Vec<Arc<Frame>>, Outcome>;

/// What a loop goes through: keys and values, or indices and items.
pub(super) fn elements(over: &Value, kind: LoopKind) -> Vec<(Value, Value)> {
    let is_hidden = matches!(over, Value::Sensitive(_));
    let shown = |value: &Value| if is_hidden { value.clone().into_sensitive() } else { value.clone() };
    match (over.reveal(), kind) {
        (Value::List(items), LoopKind::For) => {
            (0..).zip(items.iter()).map(|(at, item)| (Value::Int(at), shown(item))).collect()
        }
        (Value::Map(map), LoopKind::Forkv) => {
            map.iter().map(|(key, value)| (shown(key), shown(value))).collect()
        }
        _ => Vec::new(),
    }
}

/// What was chosen by something sensitive tells of it.
fn tainted(by: &Value, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Value(value) if by.is_sensitive() => Outcome::Value(value.into_sensitive()),
        other => other,
    }
}
