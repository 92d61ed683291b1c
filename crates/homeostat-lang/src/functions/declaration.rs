//! One declaration per function: its name, types, documentation, examples, and what it does.

use std::borrow::Cow;
use std::sync::Arc;

use super::args::Args;
use super::check::StaticCheck;
use super::error::{Error, Result};
use super::sources::SourceRequest;
use crate::types::{FuncType, Type, Unifier};
use crate::value::{Func, Value};

/// A function of the library.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The module, a dot, and the name: `strings.split`, `net/http.response`. Without a dot, what needs no import.
    pub name: &'static str,
    /// Its types, at most one for each number of arguments; `?1` is any type, `...T` any number of arguments.
    pub signatures: &'static [&'static str],
    /// What its variables may become; empty if anything. Inference looks at these when it has solved the rest.
    pub forms: &'static [&'static str],
    /// One paragraph of Markdown.
    pub doc: &'static str,
    /// Calls and what they give; every one is tried.
    pub examples: &'static [Example],
    /// What it does.
    pub body: Body,
    /// What can be said about a call before it is made.
    pub check: Option<StaticCheck>,
    /// Whether it only moves values about, so that only what it gives is sensitive that was.
    pub is_transparent: bool,
}

/// A call and what it gives.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The call, as a program would write it.
    pub call: &'static str,
    /// What the source it asks would say, as a value is shown; empty where it asks none.
    pub given: &'static str,
    /// The result as a value is shown, or `error: ` and the message.
    pub result: &'static str,
}

/// What is fixed at the place of a call.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The type of this call, with everything known.
    pub ty: &'a FuncType,
    /// The directory of the module that holds the call, ending in a slash.
    pub module: &'a str,
}

/// What functions need of whoever evaluates.
pub trait Call {
    /// Calls a function value.
    fn call(&self, func: &Func, args: &[Value]) -> Result<Value>;

    /// The present answer of a source.
    ///
    /// # Errors
    /// [`Error::Unanswered`] while there is none, as always where nothing is executed; and what the source says.
    fn ask(&self, request: &SourceRequest) -> Result<Value>;
}

/// What a function does. Closed, so that an evaluator can treat each form in the cheapest way.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// A value of its arguments alone.
    Pure(fn(Args<'_>) -> Result<Value>),
    /// As above, and of the place of the call.
    At(fn(&Site<'_>, Args<'_>) -> Result<Value>),
    /// Asks for one thing and makes its value of the answer.
    Source(SourceBody),
    /// Calls the function that is its last argument, independently for each set of arguments.
    Each(EachBody),
    /// Calls the function that is its last argument on a value and the next item, item after item.
    Fold(FoldBody),
    /// Finds out on its way what it asks, which is mostly nothing: then it is as good as pure.
    Asking(fn(&Site<'_>, &dyn Call, Args<'_>) -> Result<Value>),
    /// Cannot be had here, for this reason.
    Absent(&'static str),
}

/// The arguments of a call as its function may see them.
#[derive(Debug)]
pub struct Opened<'a> {
    args: Cow<'a, [Value]>,
    was_sensitive: bool,
}

impl Opened<'_> {
    /// The arguments.
    pub fn args(&self) -> Args<'_> {
        Args(&self.args)
    }
}

/// See [`Body::Source`].
#[derive(Debug, Clone, Copy)]
pub struct SourceBody {
    /// What to ask.
    pub request: fn(&Site<'_>, Args<'_>) -> Result<SourceRequest>,
    /// The value, from an answer.
    pub value: fn(&Site<'_>, Args<'_>, &Value) -> Result<Value>,
}

/// See [`Body::Each`].
#[derive(Debug, Clone, Copy)]
pub struct EachBody {
    /// The arguments of every call.
    pub calls: fn(Args<'_>) -> Result<Vec<Vec<Value>>>,
    /// The value, from the results of the calls in order.
    pub collect: fn(Args<'_>, Vec<Value>) -> Result<Value>,
}

/// See [`Body::Fold`].
#[derive(Debug, Clone, Copy)]
pub struct FoldBody {
    /// The first value, and the items that follow.
    pub start: fn(Args<'_>) -> Result<(Value, Vec<Value>)>,
}

impl Function {
    /// The module that has to be imported; empty for what needs no import.
    pub fn module(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(module, _)| module)
    }

    /// The name within its module.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, name)| name)
    }

    /// Its type for a call with that many arguments; what repeats is written out. `None` if it takes no such number.
    pub fn signature(&self, arguments: usize) -> Option<FuncType> {
        self.types().into_iter().find_map(|ty| ty.with_arguments(arguments))
    }

    /// All its types.
    pub fn types(&self) -> Vec<FuncType> {
        parse(self.signatures)
    }

    /// What it may be used at, where it is not everything that its signature allows.
    pub fn allowed(&self) -> Vec<FuncType> {
        parse(self.forms)
    }

    /// Whether it may be used at that type, which is one of its signatures with its variables resolved.
    pub fn allows(&self, call: &FuncType) -> bool {
        let allowed = self.allowed();
        let fits = |form: &FuncType| {
            let mut unifier = Unifier::default();
            let (call, form) = (unifier.instantiate(call), unifier.instantiate(form));
            unifier.unify(&Type::Func(Arc::new(form)), &Type::Func(Arc::new(call))).is_ok()
        };
        allowed.is_empty() || allowed.iter().any(fits)
    }

    /// Whether the same arguments always give the same value, so that a call of constants is a constant.
    pub fn is_pure(&self) -> bool {
        match self.body {
            Body::Pure(_) | Body::At(_) | Body::Each(_) | Body::Fold(_) => true,
            Body::Source(_) | Body::Asking(_) | Body::Absent(_) => false,
        }
    }

    /// Whether `golang.template` offers it: it has one type, without variables, and takes no functions.
    pub fn is_simple(&self) -> bool {
        let plain = |ty: &FuncType| ty.result.is_known() && ty.params.iter().all(|param| param.ty.is_known());
        let one_type = self.signatures.len() == 1 && self.types().iter().all(plain);
        one_type && !matches!(self.body, Body::Absent(_) | Body::Each(_) | Body::Fold(_) | Body::Asking(_))
    }

    /// Makes a whole call at once: as constants are folded, and as a naive evaluator would.
    ///
    /// # Errors
    /// What the function says, and [`Error::Unanswered`] where it has to know something first.
    pub fn call(&self, site: &Site<'_>, caller: &dyn Call, args: &[Value]) -> Result<Value> {
        let opened = self.open(args);
        let result = self.run(site, caller, opened.args());
        self.close(&opened, result)
    }

    /// The arguments as the function may see them. Whoever takes the body apart, such as an evaluator that makes the calls of
    /// [`Body::Each`] itself, passes these to its parts and the result to [`close`](Self::close).
    pub fn open<'a>(&self, args: &'a [Value]) -> Opened<'a> {
        let is_closed = |value: &Value| match self.is_transparent {
            true => matches!(value, Value::Sensitive(_)),
            false => value.is_sensitive(),
        };
        if !args.iter().any(is_closed) {
            return Opened { args: Cow::Borrowed(args), was_sensitive: false };
        }
        let revealed: Vec<Value> = match self.is_transparent {
            true => args.iter().map(|value| value.reveal().clone()).collect(),
            false => args.iter().map(Value::reveal_all).collect(),
        };
        Opened { args: Cow::Owned(revealed), was_sensitive: true }
    }

    /// The result of a call, which tells no more than its arguments may.
    ///
    /// # Errors
    /// That of the call, without its reason where that may quote what is sensitive.
    pub fn close(&self, opened: &Opened<'_>, result: Result<Value>) -> Result<Value> {
        let result = result.map_err(|error| self.failure(error));
        if !opened.was_sensitive {
            return result;
        }
        result.map(Value::into_sensitive).map_err(|error| error.without_reason(self.name))
    }

    /// Nothing catches what functions of Go say.
    fn failure(&self, error: Error) -> Error {
        match error {
            Error::Catchable(message) if self.name.starts_with("golang/") => Error::Permanent(message),
            other => other,
        }
    }

    fn run(&self, site: &Site<'_>, caller: &dyn Call, args: Args<'_>) -> Result<Value> {
        let func = || args.func(args.len().saturating_sub(1));
        match self.body {
            Body::Pure(body) => body(args),
            Body::At(body) => body(site, args),
            Body::Source(source) => {
                let answer = caller.ask(&(source.request)(site, args)?)?;
                (source.value)(site, args, &answer)
            }
            Body::Each(each) => {
                let calls = (each.calls)(args)?;
                let results: Result<Vec<Value>> =
                    calls.iter().map(|arguments| caller.call(func()?, arguments)).collect();
                (each.collect)(args, results?)
            }
            Body::Fold(fold) => {
                let (first, items) = (fold.start)(args)?;
                items.into_iter().try_fold(first, |value, item| caller.call(func()?, &[value, item]))
            }
            Body::Asking(body) => body(site, caller, args),
            Body::Absent(reason) => Err(Error::permanent(format!("`{}` is not here: {reason}", self.name))),
        }
    }
}

fn parse(signatures: &'static [&'static str]) -> Vec<FuncType> {
    let parsed = signatures.iter().map(|text| text.parse());
    parsed.map(|ty: Result<FuncType, _>| ty.expect("a test reads every signature of the library")).collect()
}

/// How declarations are written.
impl Function {
    const fn new(
        name: &'static str,
        signatures: &'static [&'static str],
        doc: &'static str,
        examples: &'static [Example],
        body: Body,
    ) -> Self {
        Self { name, signatures, forms: &[], doc, examples, body, check: None, is_transparent: false }
    }

    pub(super) const fn pure(
        name: &'static str,
        signatures: &'static [&'static str],
        doc: &'static str,
        examples: &'static [Example],
        body: fn(Args<'_>) -> Result<Value>,
    ) -> Self {
        Self::new(name, signatures, doc, examples, Body::Pure(body))
    }

    pub(super) const fn with_body(
        name: &'static str,
        signatures: &'static [&'static str],
        doc: &'static str,
        examples: &'static [Example],
        body: Body,
    ) -> Self {
        Self::new(name, signatures, doc, examples, body)
    }

    pub(super) const fn source(
        name: &'static str,
        signatures: &'static [&'static str],
        doc: &'static str,
        examples: &'static [Example],
        request: fn(&Site<'_>, Args<'_>) -> Result<SourceRequest>,
        value: fn(&Site<'_>, Args<'_>, &Value) -> Result<Value>,
    ) -> Self {
        Self::new(name, signatures, doc, examples, Body::Source(SourceBody { request, value }))
    }

    pub(super) const fn absent(
        name: &'static str,
        signatures: &'static [&'static str],
        doc: &'static str,
        reason: &'static str,
    ) -> Self {
        Self::new(name, signatures, doc, &[], Body::Absent(reason))
    }

    pub(super) const fn forms(mut self, forms: &'static [&'static str]) -> Self {
        self.forms = forms;
        self
    }

    pub(super) const fn check(mut self, check: StaticCheck) -> Self {
        self.check = Some(check);
        self
    }

    pub(super) const fn transparent(mut self) -> Self {
        self.is_transparent = true;
        self
    }
}

/// The answer as it is.
pub(super) fn answer(_: &Site<'_>, _: Args<'_>, answer: &Value) -> Result<Value> {
    Ok(answer.clone())
}

/// A call and its result.
pub(super) const fn gives(call: &'static str, result: &'static str) -> Example {
    Example { call, given: "", result }
}

/// A call, what its source says, and its result.
pub(super) const fn told(call: &'static str, given: &'static str, result: &'static str) -> Example {
    Example { call, given, result }
}
