//! What a template consists of.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::value::Value;

/// A whole template with those defined in it.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) text: Box<str>,
    pub(super) root: Vec<Item>,
    pub(super) defined: BTreeMap<String, Vec<Item>>,
}

/// Something that is rendered.
#[derive(Debug)]
pub(super) enum Item {
    Text(Box<str>),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { name: String, at: Range<usize>, pipe: Option<Pipe> },
    Break,
    Continue,
}

/// A pipeline, what is rendered if it is true, and otherwise.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) then: Vec<Item>,
    pub(super) otherwise: Vec<Item>,
}

/// Commands, each of which gets the value of the one before it as its last argument.
#[derive(Debug)]
pub(super) struct Pipe {
    /// The variables that get the value.
    pub(super) variables: Vec<String>,
    /// Whether they are there already.
    pub(super) is_assignment: bool,
    pub(super) commands: Vec<Command>,
    pub(super) at: Range<usize>,
}

/// A function and its arguments, or a single operand.
#[derive(Debug)]
pub(super) struct Command {
    /// Never empty.
    pub(super) operands: Vec<Operand>,
    pub(super) at: Range<usize>,
}

/// A part of a command, with its place in the text.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) form: Form,
    pub(super) at: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Form {
    Dot,
    Nil,
    Literal(Value),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`, without the dollar sign; `$` is the empty name.
    Variable(String, Vec<String>),
    /// The name of a function.
    Function(String),
    /// `(pipe).a.b`
    Nested(Box<Pipe>, Vec<String>),
}
