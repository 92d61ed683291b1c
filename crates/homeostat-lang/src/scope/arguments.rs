//! Which argument is for which parameter.

use std::sync::Arc;

use homeostat_model::suggest::did_you_mean;
use homeostat_model::{Diagnostic, Span, Stage, codes};

use crate::ast::{Arg, Param};

/// What a parameter gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The argument of that number.
    Argument(usize),
    /// Its default.
    Default,
}

/// What is called, for messages.
pub(crate) struct Called<'a> {
    /// "the class `c`"
    pub(crate) what: String,
    /// All of the call or include.
    pub(crate) span: Span,
    pub(crate) stage: Stage,
    pub(crate) params: &'a [Param],
}

/// What each parameter gets, in their order. `None` if they do not fit together.
pub fn arguments(params: &[Param], args: &[Arg]) -> Option<Vec<Given>> {
    let mut given: Vec<Option<Given>> = vec![None; params.len()];
    for (at, arg) in args.iter().enumerate() {
        let target = match &arg.name {
            Some(name) => params.iter().position(|param| param.name.text == name.text)?,
            None => at,
        };
        match given.get_mut(target) {
            Some(slot @ None) => *slot = Some(Given::Argument(at)),
            _ => return None,
        }
    }
    let defaults = given.into_iter().zip(params);
    defaults.map(|(given, param)| given.or(param.default.map(|_| Given::Default))).collect()
}

impl Called<'_> {
    /// What is wrong with the arguments, if they do not fit.
    pub(crate) fn misfit(&self, args: &[Arg]) -> Option<Diagnostic> {
        if arguments(self.params, args).is_some() {
            return None;
        }
        let wrong = |message: String| Diagnostic::error(codes::ARGUMENTS, self.stage, message).at(self.span);
        let names = || self.params.iter().map(|param| &*param.name.text);
        for name in args.iter().filter_map(|arg| arg.name.as_ref()) {
            if let Some(at) = self.params.iter().position(|param| param.name.text == name.text) {
                if args.get(at).is_some_and(|arg| arg.name.is_none()) {
                    let message = format!("{} is given `{}` twice", self.what, name.text);
                    let twice = wrong(message).label(name.span, "once here, by its name");
                    return Some(twice.help("once by its place, once by its name: leave one out"));
                }
                continue;
            }
            let message = format!("{} has no parameter `{}`", self.what, name.text);
            let unknown = wrong(message).label(name.span, "this one");
            return Some(match did_you_mean(&name.text, names()) {
                Some(close) => unknown.help(format!("did you mean `{close}`?")),
                None => unknown.help(self.takes()),
            });
        }
        let message = format!("{} takes {}, and is given {}", self.what, self.count(), args.len());
        Some(wrong(message).label(self.declared(), "its parameters are here").help(self.takes()))
    }

    fn count(&self) -> String {
        let all = self.params.len();
        let needed = self.params.iter().filter(|param| param.default.is_none()).count();
        match all {
            _ if needed < all => format!("{needed} to {all} arguments"),
            1 => "1 argument".to_owned(),
            _ => format!("{all} arguments"),
        }
    }

    fn takes(&self) -> String {
        if self.params.is_empty() {
            return "it has no parameters".to_owned();
        }
        let names: Vec<String> = self.params.iter().map(|param| format!("`${}`", param.name.text)).collect();
        format!("its parameters are {}", names.join(", "))
    }

    fn declared(&self) -> Option<Span> {
        let (first, last) = (self.params.first()?, self.params.last()?);
        Some(Span { end: last.span.end, ..first.span })
    }
}

/// A name as messages show it.
pub(crate) fn quoted(what: &str, name: &Arc<str>) -> String {
    format!("the {what} `{name}`")
}
