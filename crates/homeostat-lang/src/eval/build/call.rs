//! Calls: of functions of the program, of the library, and of function values.

use std::sync::Arc;

use homeostat_model::codes;

use super::expr::{all, expr, nowhere, too_large};
use crate::Value;
use crate::ast::{Arg, Callee, ExprId, ExprKind, Function as Defined, StatementKind};
use crate::eval::flow::{Flow, OpId};
use crate::eval::frame::{Frame, Given};
use crate::eval::operations::{Closure, Dynamic, Each, Fold, Forward, LibraryCall};
use crate::eval::{Failure, Outcome};
use crate::functions::{self, Body, Function};
use crate::infer::InstanceId;
use crate::scope::{FunctionTarget, Given as Argument, Owner, arguments};
use crate::value::Func;

/// Function values are told apart by the frame that they are made in, and their place in its file.
const EXPR_BITS: u32 = 24;

/// What a function literal is.
pub(in crate::eval) fn function_value(frame: &Arc<Frame>, owner: Owner) -> Value {
    let at = match owner {
        Owner::Expr(id) => id.index() as u64,
        Owner::Statement(..) | Owner::File => 0,
    };
    let key = (frame.id << EXPR_BITS) | at;
    Value::Func(Func::new(key, None, Closure { frame: frame.clone(), owner }))
}

pub(super) fn call_expr(
    flow: &mut Flow,
    frame: &Arc<Frame>,
    id: ExprId,
    callee: &Callee,
    args: &[Arg],
) -> OpId {
    match callee {
        Callee::Named(_) => match frame.program.checked.names.function(frame.file, id) {
            Some(FunctionTarget::Library(function)) => {
                let args: Vec<ExprId> = args.iter().map(|arg| arg.value).collect();
                library(flow, frame, id, function, &args)
            }
            Some(FunctionTarget::Defined(place, statement)) => {
                let program = frame.program.clone();
                let Some(home) = frame.follow(place) else { return nowhere(flow, &program) };
                if program.checked.wrong.statement(home.file, *statement) {
                    return nowhere(flow, &program);
                }
                let StatementKind::Func(_, function) = &program.statement(home.file, *statement).kind else {
                    return nowhere(flow, &program);
                };
                let given = arguments(&function.params, args).unwrap_or_default();
                let given = given.into_iter().map(|given| match given {
                    Argument::Argument(at) => Given::Expr(frame.clone(), args[at].value),
                    Argument::Default => Given::Default,
                });
                let instance = program.checked.types.function(frame.instance, frame.file, id);
                if instance.is_none() && !program.checked.wrong.is_empty() {
                    return nowhere(flow, &program);
                }
                let instance = instance.unwrap_or(InstanceId::MAIN);
                enter(flow, &home, Owner::Statement(*statement, 0), instance, given.collect())
            }
            None => nowhere(flow, &frame.program),
        },
        Callee::Value(function) => {
            let function = expr(flow, frame, *function);
            call_op(flow, frame, function, args)
        }
    }
}

/// A call of the function value that an operation has, now and later.
fn call_op(flow: &mut Flow, frame: &Arc<Frame>, function: OpId, args: &[Arg]) -> OpId {
    match flow.constant_outcome(function) {
        Some(Outcome::Value(value)) => {
            let value = value.clone();
            let given = args.iter().map(|arg| Given::Expr(frame.clone(), arg.value));
            let result = call_given(flow, &value, given.collect());
            if value.is_sensitive() { flow.add(Forward, &[function, result]) } else { result }
        }
        Some(_) => function,
        None => {
            let args = all(flow, frame, args.iter().map(|arg| arg.value));
            let join = flow.add(Forward, &[]);
            let control = Dynamic::new(flow, args, join);
            let control = flow.add(control, &[function]);
            flow.connect(control, join);
            join
        }
    }
}

/// A call of a function value. Whoever calls keeps the arguments for as long as the result: a function may need them only
/// later.
pub(in crate::eval) fn call(flow: &mut Flow, function: &Value, args: &[OpId]) -> OpId {
    call_given(flow, function, args.iter().map(|arg| Given::Op(*arg)).collect())
}

fn call_given(flow: &mut Flow, function: &Value, given: Vec<Given>) -> OpId {
    let Value::Func(func) = function.reveal() else { return no_function(flow) };
    let Some(Closure { frame, owner }) = func.body::<Closure>() else { return no_function(flow) };
    enter(flow, frame, *owner, frame.instance, given)
}

/// Inference lets nothing be called but functions.
fn no_function(flow: &mut Flow) -> OpId {
    flow.constant(Outcome::Failed(Failure::new(codes::FAILED, "this is no function")))
}

/// The value of a function in a frame of its own.
fn enter(flow: &mut Flow, home: &Arc<Frame>, owner: Owner, instance: InstanceId, given: Vec<Given>) -> OpId {
    let Some(inner) = home.instance_of(owner, instance, given) else { return nowhere(flow, &home.program) };
    let Some(body) = inner.function().map(|function: &Defined| function.body) else {
        return nowhere(flow, &home.program);
    };
    if flow.is_full() || !home.program.may_enter() {
        let place = home.program.expr(inner.file, body).span;
        return flow.constant(Outcome::Failed(too_large(place)));
    }
    expr(flow, &inner, body)
}

/// An operator or another form of the grammar, as the function of the library that it is.
pub(super) fn operator(flow: &mut Flow, frame: &Arc<Frame>, id: ExprId, name: &str, args: &[ExprId]) -> OpId {
    match functions::find(name) {
        Some(function) => library(flow, frame, id, function, args),
        None => nowhere(flow, &frame.program),
    }
}

fn library(
    flow: &mut Flow,
    frame: &Arc<Frame>,
    id: ExprId,
    function: &'static Function,
    args: &[ExprId],
) -> OpId {
    let checked = &frame.program.checked;
    let needs_type = !matches!(function.body, Body::Pure(_) | Body::Each(_) | Body::Fold(_));
    if needs_type && !checked.wrong.is_empty() && checked.types.call(frame.instance, frame.file, id).is_none()
    {
        return nowhere(flow, &frame.program);
    }
    let inputs = all(flow, frame, args.iter().copied());
    let call = LibraryCall::new(frame, id, function);
    match function.body {
        Body::Each(each) => Each::add(flow, call, each, &inputs),
        Body::Fold(fold) => Fold::add(flow, call, fold, &inputs),
        Body::Pure(_) | Body::At(_) | Body::Source(_) | Body::Asking(_) | Body::Absent(_) => {
            flow.add(call, &inputs)
        }
    }
}

/// The arguments of a call, as they were written.
pub(in crate::eval) fn argument_exprs(kind: &ExprKind) -> Vec<ExprId> {
    match kind {
        ExprKind::Call(_, args) => args.iter().map(|arg| arg.value).collect(),
        ExprKind::Not(inner) => vec![*inner],
        ExprKind::Binary(_, _, left, right) | ExprKind::Index(left, right) => vec![*left, *right],
        _ => Vec::new(),
    }
}
