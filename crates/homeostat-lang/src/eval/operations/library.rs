//! Calls of functions of the library, operators among them.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::Arc;

use homeostat_model::Span;

use crate::Value;
use crate::ast::{ExprId, ExprKind};
use crate::eval::build;
use crate::eval::flow::{Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::{Failure, Outcome};
use crate::functions::{self, Call, Error, Function, Site, SourceRequest, bounds};
use crate::types::FuncType;
use crate::value::Func;

/// So much of a value is shown beside an error.
const SHOWN_CHARS_MAX: usize = 80;

/// A call: its place, its function, its type. Its inputs are the arguments.
pub(in crate::eval) struct LibraryCall {
    frame: Arc<Frame>,
    id: ExprId,
    pub(super) function: &'static Function,
}

impl LibraryCall {
    pub(in crate::eval) fn new(frame: &Arc<Frame>, id: ExprId, function: &'static Function) -> Self {
        Self { frame: frame.clone(), id, function }
    }

    pub(super) fn place(&self) -> Span {
        self.frame.program.expr(self.frame.file, self.id).span
    }

    /// What a result is to whoever depends on it.
    pub(super) fn outcome(&self, args: &[Value], result: functions::Result<Value>) -> Outcome {
        match result.and_then(bounds::value) {
            Ok(value) => Outcome::Value(value),
            Err(error) => match Failure::of_call(&error, self.place()) {
                Some(failure) => Outcome::Failed(self.explain(failure, args)),
                None => Outcome::Unknown(Some(self.place())),
            },
        }
    }

    /// Says what the arguments were, where the program does not.
    fn explain(&self, failure: Failure, args: &[Value]) -> Failure {
        let program = self.frame.program.ast(self.frame.file);
        let written = build::argument_exprs(&program.expr(self.id).kind);
        let failure = written.into_iter().zip(args).fold(failure, |failure, (id, value)| {
            let expr = program.expr(id);
            match expr.kind {
                ExprKind::Bool(_)
                | ExprKind::Int(_)
                | ExprKind::Float(_)
                | ExprKind::Str(_)
                | ExprKind::Lambda(_) => failure,
                _ => failure.because(expr.span, format!("this is `{}`", shortened(value))),
            }
        });
        failure.given_at(&self.frame.given_at())
    }

    fn call(&self, step: &mut Step<'_>, args: &[Value]) -> functions::Result<Value> {
        let program = &self.frame.program;
        if let Some(value) = program.given(self.function.name, args) {
            return Ok(value.clone());
        }
        let known = program.checked.types.call(self.frame.instance, self.frame.file, self.id);
        let module = &program.checked.modules.file(self.frame.file).module;
        let asker = Asker(RefCell::new(step));
        match known {
            Some(ty) => self.function.call(&Site { ty, module }, &asker, args),
            None => {
                let ty = FuncType::new(Vec::new(), crate::Type::Variant);
                self.function.call(&Site { ty: &ty, module }, &asker, args)
            }
        }
    }
}

impl Operate for LibraryCall {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let args = match step.all_values() {
            Ok(args) => args,
            Err(other) => return other,
        };
        let result = self.call(step, &args);
        self.outcome(&args, result)
    }

    fn is_pure(&self) -> bool {
        self.function.is_pure()
    }

    fn place(&self) -> Option<Span> {
        Some(LibraryCall::place(self))
    }
}

/// Passes on what a function asks.
struct Asker<'a, 'b>(RefCell<&'a mut Step<'b>>);

impl Call for Asker<'_, '_> {
    fn call(&self, _: &Func, _: &[Value]) -> functions::Result<Value> {
        Err(Error::permanent("functions of a program cannot be called here"))
    }

    fn ask(&self, request: &SourceRequest) -> functions::Result<Value> {
        match self.0.borrow_mut().ask(request) {
            Some(answer) => answer,
            None => Err(Error::Unanswered(Box::new(request.clone()))),
        }
    }
}

/// The beginning of a value, at a cost that does not follow its size.
fn shortened(value: &Value) -> String {
    let beginning = match value {
        Value::Str(text) => Value::from(text.chars().take(SHOWN_CHARS_MAX).collect::<String>()),
        other => other.clone(),
    };
    let mut shown = Beginning::default();
    // It refuses what does not fit.
    let is_whole = write!(shown, "{beginning}").is_ok();
    if is_whole && matches!((value, &beginning), (Value::Str(all), Value::Str(some)) if all != some) {
        shown.text.push('…');
    }
    shown.text
}

#[derive(Default)]
struct Beginning {
    text: String,
    chars: usize,
}

impl fmt::Write for Beginning {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for c in more.chars() {
            if self.chars == SHOWN_CHARS_MAX {
                self.text.push('…');
                return Err(fmt::Error);
            }
            self.text.push(c);
            self.chars += 1;
        }
        Ok(())
    }
}
