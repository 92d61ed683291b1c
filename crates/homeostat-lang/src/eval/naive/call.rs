//! Calls.

use std::sync::Arc;

use homeostat_model::{Span, codes};

use super::frame::{self, Frame};
use super::{Asked, Eval};
use crate::ast::{Arg, ExprId, ExprKind, Function, Param, StatementKind};
use crate::eval::outcome::{Failure, Outcome};
use crate::functions::{self, Call, Error, Site, SourceRequest};
use crate::infer::InstanceId;
use crate::scope::{FunctionTarget, Given, Owner, ScopeId, arguments};
use crate::types::{FuncType, Type};
use crate::value::{Func, FuncBody, Value};

/// A function that is a value: where it was made, and its expression.
pub(super) struct Lambda {
    pub(super) frame: Arc<Frame>,
    pub(super) expr: ExprId,
}

impl FuncBody for Lambda {}

/// Longer values say nothing more in a message.
const SHOWN_CHARS_MAX: usize = 60;

/// Who makes a call of the library.
struct Caller<'a, 'b> {
    eval: &'a Eval<'b>,
    key: u64,
    place: Span,
}

impl Call for Caller<'_, '_> {
    fn call(&self, func: &Func, args: &[Value]) -> functions::Result<Value> {
        match self.eval.call_value(func, args.iter().cloned().map(Outcome::Value).collect()) {
            Outcome::Value(value) => Ok(value),
            Outcome::Failed(failure) => {
                let message = failure.message().to_owned();
                let error = match failure.is_catchable() {
                    true => Error::catchable(message),
                    false => Error::permanent(message),
                };
                *self.eval.last_failure.borrow_mut() = Some(failure);
                Err(error)
            }
            Outcome::Unknown(place) => {
                self.eval.last_unknown.set(place);
                Err(Error::Unanswered(Box::new(SourceRequest::Environment)))
            }
        }
    }

    fn ask(&self, request: &SourceRequest) -> functions::Result<Value> {
        let call = if request.is_per_call() { self.key } else { 0 };
        let asked = Asked { request: request.clone(), call };
        let answer = self.eval.world.answers.answer(&asked);
        self.eval.output.borrow_mut().asked.insert(asked);
        answer.unwrap_or_else(|| {
            self.eval.last_unknown.set(Some(self.place));
            Err(Error::Unanswered(Box::new(request.clone())))
        })
    }
}

impl Eval<'_> {
    pub(super) fn named_call(&self, frame: &Arc<Frame>, id: ExprId, args: &[Arg], span: Span) -> Outcome {
        let outcomes: Vec<Outcome> = args.iter().map(|arg| self.expr(frame, arg.value)).collect();
        match self.checked.names.function(frame.file, id) {
            Some(FunctionTarget::Library(function)) => {
                let parts: Vec<ExprId> = args.iter().map(|arg| arg.value).collect();
                self.library(frame, id, function, outcomes, (&parts, span))
            }
            Some(FunctionTarget::Defined(place, statement)) => {
                let holder = self.follow(frame, &place.hops, place.scope);
                let StatementKind::Func(_, function) = &self.statement_of(holder.file, *statement).kind
                else {
                    return Outcome::Unknown(None);
                };
                let owner = Owner::Statement(*statement, 0);
                let Some(scope) = self.checked.names.scope_of(holder.file, owner) else {
                    return Outcome::Unknown(None);
                };
                let instance = self.checked.types.function(frame.instance, frame.file, id);
                let which = frame::key((frame.key, id));
                let inner = self.frame(scope, instance.unwrap_or(InstanceId::MAIN), Some(holder), which);
                self.give(&inner, &function.params, args, outcomes);
                self.expr(&inner, function.body)
            }
            None => Outcome::Unknown(None),
        }
    }

    /// Gives arguments to parameters; those without one keep their defaults.
    pub(super) fn give(&self, inner: &Frame, params: &[Param], args: &[Arg], outcomes: Vec<Outcome>) {
        for (slot, given) in (0..).zip(arguments(params, args).unwrap_or_default()) {
            if let Given::Argument(at) = given {
                inner.set(slot, outcomes[at].clone());
            }
        }
    }

    /// Calls a function that is a value.
    pub(super) fn call_value(&self, func: &Func, args: Vec<Outcome>) -> Outcome {
        let Some(Lambda { frame, expr }) = func.body::<Lambda>() else { return Outcome::Unknown(None) };
        let ExprKind::Lambda(function) = &self.expr_of(frame.file, *expr).kind else {
            return Outcome::Unknown(None);
        };
        let Some(scope) = self.checked.names.scope_of(frame.file, Owner::Expr(*expr)) else {
            return Outcome::Unknown(None);
        };
        let which = frame::key(args.iter().map(Outcome::value).collect::<Vec<_>>());
        let inner = self.frame(scope, frame.instance, Some(frame.clone()), which);
        for (slot, outcome) in (0..).zip(args) {
            inner.set(slot, outcome);
        }
        self.expr(&inner, function.body)
    }

    /// Calls a function of the library.
    pub(super) fn library(
        &self,
        frame: &Arc<Frame>,
        id: ExprId,
        function: &functions::Function,
        args: Vec<Outcome>,
        (parts, span): (&[ExprId], Span),
    ) -> Outcome {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            match arg {
                Outcome::Value(value) => values.push(value),
                other => return other,
            }
        }
        let plain;
        let ty: &FuncType = match self.checked.types.call(frame.instance, frame.file, id) {
            Some(ty) => ty,
            None => {
                plain = FuncType { params: Vec::new(), result: Type::Variant };
                &plain
            }
        };
        let site = Site { ty, module: &self.checked.modules.file(frame.file).module };
        let caller = Caller { eval: self, key: frame::key((frame.key, id)), place: span };
        match function.call(&site, &caller, &values) {
            Ok(value) => Outcome::Value(value),
            Err(Error::Unanswered(_)) => Outcome::Unknown(self.last_unknown.get()),
            Err(error) => {
                let inner = self.last_failure.borrow_mut().take();
                if let Some(inner) = inner.filter(|inner| error.to_string() == inner.message()) {
                    return Outcome::Failed(inner);
                }
                let failure = Failure::of_call(&error, span)
                    .unwrap_or_else(|| Failure::new(codes::FAILED, error.to_string()).at(span));
                Outcome::Failed(self.explained(failure, frame, parts, &values))
            }
        }
    }

    /// The failure with the values that led to it.
    fn explained(&self, mut failure: Failure, frame: &Frame, parts: &[ExprId], values: &[Value]) -> Failure {
        for (part, value) in parts.iter().zip(values) {
            let expr = self.expr_of(frame.file, *part);
            let is_literal = matches!(
                expr.kind,
                ExprKind::Bool(_)
                    | ExprKind::Int(_)
                    | ExprKind::Float(_)
                    | ExprKind::Str(_)
                    | ExprKind::Lambda(_)
            );
            let shown = value.to_string();
            if !is_literal && shown.chars().count() <= SHOWN_CHARS_MAX {
                failure = failure.because(expr.span, format!("this is {shown}"));
            }
        }
        failure
    }

    /// The function whose frame this is.
    pub(super) fn function_of(&self, frame: &Frame) -> Option<&Function> {
        match self.checked.names.scope(frame.scope).owner {
            Owner::Expr(expr) => match &self.expr_of(frame.file, expr).kind {
                ExprKind::Lambda(function) => Some(function),
                _ => None,
            },
            Owner::Statement(statement, _) => match &self.statement_of(frame.file, statement).kind {
                StatementKind::Func(_, function) => Some(function),
                _ => None,
            },
            Owner::File => None,
        }
    }

    /// The parameters that a frame has slots for.
    pub(super) fn params_of(&self, frame: &Frame) -> &[Param] {
        if let Owner::Statement(statement, _) = self.checked.names.scope(frame.scope).owner
            && let StatementKind::Class(class) = &self.statement_of(frame.file, statement).kind
        {
            return &class.params;
        }
        self.function_of(frame).map_or(&[], |function| &function.params)
    }

    pub(super) fn class_scope(&self, frame: &Frame, statement: crate::ast::StatementId) -> Option<ScopeId> {
        self.checked.names.scope_of(frame.file, Owner::Statement(statement, 0))
    }
}
