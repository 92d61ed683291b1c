//! `[item for $i, $v in list if condition]`

use std::sync::Arc;

use homeostat_model::{Span, codes};

use super::reconcile::Rows;
use crate::Value;
use crate::ast::{ExprId, ExprKind};
use crate::eval::build;
use crate::eval::flow::{Flow, OpId, Operate, Step};
use crate::eval::frame::{Frame, Given};
use crate::eval::outcome::{Failure, Outcome};
use crate::scope::Owner;

/// Keeps a row for each element.
pub(in crate::eval) struct Comprehension {
    frame: Arc<Frame>,
    id: ExprId,
    join: OpId,
    /// What the join gets of each: its condition, if there is one, and its item, or its key and value.
    rows: Rows<Vec<OpId>>,
}

impl Comprehension {
    /// A comprehension over what an operation has.
    pub(in crate::eval) fn add(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId, over: OpId) -> OpId {
        let expr = frame.program.expr(frame.file, id);
        let (has_condition, form) = match &expr.kind {
            ExprKind::ListComprehension(made) => (made.condition.is_some(), Form::List),
            ExprKind::MapComprehension(made) => (made.condition.is_some(), Form::Map),
            _ => (false, Form::List),
        };
        let join = flow.add(Gather { has_condition, form, place: expr.span }, &[]);
        let control = Self { frame: frame.clone(), id, join, rows: Rows::default() };
        let control = flow.add(control, &[over]);
        flow.connect(control, join);
        join
    }
}

impl Operate for Comprehension {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let over = match step.value(0) {
            Ok(over) => over.clone(),
            Err(other) => return other,
        };
        let (frame, id) = (&self.frame, self.id);
        let build_row = |step: &mut Step<'_>, key, value| row(step.flow(), frame, id, key, value);
        if self.rows.follow(step, &over, build_row, |_, _| {}) {
            let parts: Vec<OpId> = self.rows.iter().flat_map(|row| row.body.iter().copied()).collect();
            step.rewire(self.join, 1, &parts);
        }
        if self.rows.is_cut() {
            return Outcome::Failed(build::too_large(frame.program.expr(frame.file, id).span));
        }
        Outcome::NOTHING
    }

    fn holds(&self) -> Vec<OpId> {
        self.rows.cells().collect()
    }
}

fn row(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId, key: OpId, value: OpId) -> Vec<OpId> {
    let program = frame.program.clone();
    let (condition, has_key, parts) = match &program.expr(frame.file, id).kind {
        ExprKind::ListComprehension(made) => (made.condition, made.variables.key.is_some(), vec![made.item]),
        ExprKind::MapComprehension(made) => {
            (made.condition, made.variables.key.is_some(), vec![made.item.0, made.item.1])
        }
        _ => return Vec::new(),
    };
    let given = if has_key { vec![Given::Op(key), Given::Op(value)] } else { vec![Given::Op(value)] };
    let Some(inner) = frame.inner(Owner::Expr(id), given) else { return Vec::new() };
    condition.into_iter().chain(parts).map(|part| build::expr(flow, &inner, part)).collect()
}

/// The join: puts together what is not left out.
struct Gather {
    has_condition: bool,
    form: Form,
    place: Span,
}

enum Form {
    List,
    Map,
}

impl Gather {
    /// The parts of the rows that are kept.
    fn kept(&self, step: &Step<'_>) -> Result<Vec<Value>, Outcome> {
        let items = match self.form {
            Form::List => 1,
            Form::Map => 2,
        };
        let width = items + usize::from(self.has_condition);
        let mut rows: Vec<usize> = (1..step.len()).step_by(width).collect();
        if self.has_condition {
            let holds = rows.iter().map(|row| Ok(*step.value(*row)?.reveal() == Value::Bool(true)));
            let mut holds = holds.collect::<Result<Vec<bool>, Outcome>>()?.into_iter();
            rows.retain(|_| holds.next() == Some(true));
        }
        let mut kept = Vec::with_capacity(rows.len() * items);
        for row in rows {
            kept.extend(step.values(row + width - items..row + width)?);
        }
        Ok(kept)
    }
}

impl Operate for Gather {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        if let Err(other) = step.value(0) {
            return other;
        }
        let kept = match self.kept(step) {
            Ok(kept) => kept,
            Err(other) => return other,
        };
        match self.form {
            Form::List => Outcome::made(Value::list(kept), self.place),
            Form::Map => {
                let mut map = std::collections::BTreeMap::new();
                let mut parts = kept.into_iter();
                while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                    if map.contains_key(&key) {
                        let message = format!("the key `{key}` is there twice");
                        return Outcome::Failed(Failure::new(codes::FAILED, message).at(self.place));
                    }
                    map.insert(key, value);
                }
                Outcome::made(Value::map(map), self.place)
            }
        }
    }
}
