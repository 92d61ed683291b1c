//! What can be said about a call before it is made: for functions whose type depends on the *value* of an argument.

use crate::types::{FuncType, Type};
use crate::value::Value;

/// What is known about an argument.
#[derive(Debug, Clone, Copy)]
pub struct KnownArg<'a> {
    /// Its type, as far as it is resolved.
    pub ty: &'a Type,
    /// Its value, if it is a constant.
    pub value: Option<&'a Value>,
}

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// The argument to point at, from 0; the whole call if none.
    pub arg: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// Looks at what is known of the arguments and of the result.
///
/// Gives the type that the call has to have, to be unified with what inference found, or `None` as long as too little is
/// known. Its variables are those of the types passed in.
pub type StaticCheck = fn(args: &[KnownArg<'_>], result: &Type) -> Result<Option<FuncType>, Misuse>;

impl Misuse {
    /// Something is wrong with the whole call.
    pub(super) fn of_call(message: impl Into<String>) -> Self {
        Self { arg: None, message: message.into(), help: String::new() }
    }

    /// Something is wrong with an argument.
    pub(super) fn of_arg(arg: usize, message: impl Into<String>) -> Self {
        Self { arg: Some(arg), message: message.into(), help: String::new() }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// The text of an argument that is a constant text.
pub(super) fn constant_text<'a>(args: &[KnownArg<'a>], at: usize) -> Option<&'a str> {
    args.get(at)?.value?.as_str()
}

/// The type of a call whose arguments keep the types they have.
pub(super) fn call_type(args: &[KnownArg<'_>], result: Type) -> FuncType {
    FuncType::new(args.iter().map(|arg| arg.ty.clone()), result)
}
