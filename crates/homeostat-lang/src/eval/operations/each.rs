//! Functions of the library that call a function for each of something: `iter.map` and its like.

use std::sync::Arc;

use super::library::LibraryCall;
use crate::Value;
use crate::eval::build;
use crate::eval::flow::{Flow, OpId, Operate, Step};
use crate::eval::outcome::Outcome;
use crate::functions::EachBody;
use crate::value::Func;

/// Keeps a call for each set of arguments, until the function is another one.
pub(in crate::eval) struct Each {
    call: Arc<LibraryCall>,
    body: EachBody,
    join: OpId,
    function: Option<Func>,
    calls: Vec<Made>,
}

/// One call of a function: its arguments, and its result.
pub(super) struct Made {
    values: Vec<Value>,
    /// Cells for the arguments, and whatever else has to be kept.
    pub(super) cells: Vec<OpId>,
    pub(super) result: OpId,
}

impl Each {
    /// The call of a function whose inputs are the arguments.
    pub(in crate::eval) fn add(flow: &mut Flow, call: LibraryCall, body: EachBody, args: &[OpId]) -> OpId {
        let call = Arc::new(call);
        let join = flow.add(Gather { call: call.clone(), body, args: args.len() }, &[]);
        let control = Self { call, body, join, function: None, calls: Vec::new() };
        let control = flow.add(control, args);
        flow.connect(control, join);
        args.iter().for_each(|arg| flow.connect(*arg, join));
        join
    }
}

impl Operate for Each {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let args = match step.all_values() {
            Ok(args) => args,
            Err(other) => return other,
        };
        let opened = self.call.function.open(&args);
        let wanted = match (self.body.calls)(opened.args()) {
            Ok(wanted) => wanted,
            Err(error) => {
                let closed = self.call.function.close(&opened, Err(error));
                return self.call.outcome(&args, closed);
            }
        };
        let Some(function) = args.last().cloned() else { return Outcome::NOTHING };
        let before = self.calls.len();
        let is_new = renew(&mut self.function, &function);
        if is_new {
            self.calls.drain(..).for_each(|made| made.remove(step));
        }
        for (at, values) in wanted.iter().enumerate() {
            match self.calls.get_mut(at) {
                Some(made) => made.fill(step, values),
                None if step.flow().is_full() => break,
                None => {
                    let cells: Vec<OpId> = values.iter().map(|value| step.cell(value.clone())).collect();
                    let result = build::call(step.flow(), &function, &cells);
                    self.calls.push(Made { values: values.clone(), cells, result });
                }
            }
        }
        self.calls.drain(wanted.len().min(self.calls.len())..).for_each(|made| made.remove(step));
        if is_new || self.calls.len() != before {
            let results: Vec<OpId> = self.calls.iter().map(|made| made.result).collect();
            step.rewire(self.join, 1 + args.len(), &results);
        }
        if self.calls.len() < wanted.len() {
            return Outcome::Failed(build::too_large(self.call.place()));
        }
        Outcome::NOTHING
    }

    fn holds(&self) -> Vec<OpId> {
        self.calls.iter().flat_map(|made| made.cells.iter().copied()).collect()
    }
}

impl Made {
    pub(super) fn new(values: Vec<Value>, cells: Vec<OpId>, result: OpId) -> Self {
        Self { values, cells, result }
    }

    pub(super) fn fill(&mut self, step: &mut Step<'_>, values: &[Value]) {
        if self.values != values {
            self.values = values.to_vec();
            self.cells.iter().zip(values).for_each(|(cell, value)| step.fill(*cell, value.clone()));
        }
    }

    pub(super) fn remove(self, step: &mut Step<'_>) {
        self.cells.iter().for_each(|cell| step.flow().release(*cell));
    }
}

/// Takes note of a function; says whether it is another one than before.
pub(super) fn renew(known: &mut Option<Func>, value: &Value) -> bool {
    let Value::Func(func) = value.reveal() else { return false };
    known.replace(func.clone()).as_ref() != Some(func)
}

/// The join: makes the value of the arguments and the results.
struct Gather {
    call: Arc<LibraryCall>,
    body: EachBody,
    args: usize,
}

impl Operate for Gather {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let values = step.value(0).map(|_| ()).and_then(|()| {
            let args = step.values(1..1 + self.args)?;
            Ok((args, step.values(1 + self.args..step.len())?))
        });
        match values {
            Ok((args, results)) => {
                let opened = self.call.function.open(&args);
                let made = (self.body.collect)(opened.args(), results);
                self.call.outcome(&args, self.call.function.close(&opened, made))
            }
            Err(other) => other,
        }
    }
}
