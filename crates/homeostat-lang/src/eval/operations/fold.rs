//! Functions of the library that call a function on what it gave last, item after item: `iter.reduce`.

use std::sync::Arc;

use super::each::{Made, renew};
use super::library::LibraryCall;
use crate::Value;
use crate::eval::build;
use crate::eval::flow::{Flow, OpId, Operate, Step};
use crate::eval::outcome::Outcome;
use crate::functions::FoldBody;
use crate::value::Func;

/// Keeps a chain of calls. A longer list goes on where the chain ends; what comes before a changed item stays.
pub(in crate::eval) struct Fold {
    call: Arc<LibraryCall>,
    body: FoldBody,
    join: OpId,
    function: Option<Func>,
    /// The first is no call: it has what the chain begins with.
    chain: Vec<Made>,
}

impl Fold {
    /// The call of a function whose inputs are the arguments.
    pub(in crate::eval) fn add(flow: &mut Flow, call: LibraryCall, body: FoldBody, args: &[OpId]) -> OpId {
        let call = Arc::new(call);
        let join = flow.add(Last { call: call.clone(), args: args.len() }, &[]);
        let control = Self { call, body, join, function: None, chain: Vec::new() };
        let control = flow.add(control, args);
        flow.connect(control, join);
        args.iter().for_each(|arg| flow.connect(*arg, join));
        join
    }
}

impl Operate for Fold {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let args = match step.all_values() {
            Ok(args) => args,
            Err(other) => return other,
        };
        let opened = self.call.function.open(&args);
        let (first, items) = match (self.body.start)(opened.args()) {
            Ok(start) => start,
            Err(error) => {
                let closed = self.call.function.close(&opened, Err(error));
                return self.call.outcome(&args, closed);
            }
        };
        let Some(function) = args.last().cloned() else { return Outcome::NOTHING };
        if renew(&mut self.function, &function) {
            self.chain.drain(..).for_each(|made| made.remove(step));
        }
        let links: Vec<Value> = std::iter::once(first).chain(items).collect();
        for (at, value) in links.iter().enumerate() {
            let value = std::slice::from_ref(value);
            match self.chain.get_mut(at) {
                Some(made) => made.fill(step, value),
                None if step.flow().is_full() => break,
                None => {
                    let cell = step.cell(value[0].clone());
                    let result = match self.chain.last() {
                        Some(before) => {
                            let before = before.result;
                            build::call(step.flow(), &function, &[before, cell])
                        }
                        None => cell,
                    };
                    // The next call may need it only later.
                    step.flow().hold(result);
                    self.chain.push(Made::new(value.to_vec(), vec![cell, result], result));
                }
            }
        }
        self.chain.drain(links.len().min(self.chain.len())..).for_each(|made| made.remove(step));
        if let Some(last) = self.chain.last() {
            step.rewire(self.join, 1 + args.len(), &[last.result]);
        }
        if self.chain.len() < links.len() {
            return Outcome::Failed(build::too_large(self.call.place()));
        }
        Outcome::NOTHING
    }

    fn holds(&self) -> Vec<OpId> {
        self.chain.iter().flat_map(|made| made.cells.iter().copied()).collect()
    }
}

/// The join: has what the last call gave.
struct Last {
    call: Arc<LibraryCall>,
    args: usize,
}

impl Operate for Last {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let values = step.value(0).map(|_| ()).and_then(|()| {
            let args = step.values(1..1 + self.args)?;
            Ok((args, step.value(1 + self.args)?.clone()))
        });
        match values {
            Ok((args, result)) => {
                let opened = self.call.function.open(&args);
                self.call.outcome(&args, self.call.function.close(&opened, Ok(result)))
            }
            Err(other) => other,
        }
    }
}
