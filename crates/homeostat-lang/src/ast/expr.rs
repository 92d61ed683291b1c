//! Expressions.

use std::sync::Arc;

use homeostat_model::Span;

use super::{Name, TypeExpr};

/// The number of an expression in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(u32);

impl ExprId {
    pub(super) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its place among all expressions of its file.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An expression and where it was written.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of it.
    pub span: Span,
}

/// The forms of expressions.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// `true`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `4.2`
    Float(f64),
    /// `"text"`, with its escapes resolved.
    Str(Arc<str>),
    /// `"text ${name}"`: has the type `str`.
    Interpolated(Box<[Piece]>),
    /// `[a, b]`
    List(Box<[ExprId]>),
    /// `{k => v}`
    Map(Box<[(ExprId, ExprId)]>),
    /// `struct{a => v}`
    Struct(Box<[StructField]>),
    /// `[item for $i, $v in list if condition]`
    ListComprehension(Box<Comprehension<ExprId>>),
    /// `{key => value for $i, $v in list if condition}`
    MapComprehension(Box<Comprehension<(ExprId, ExprId)>>),
    /// `func($a) { $a }`
    Lambda(Box<Function>),
    /// `$a.b`
    Variable(Arc<str>),
    /// `f(a)`, `$f(a)`, `func($a) { $a }(a)`
    Call(Callee, Box<[Arg]>),
    /// Conditions with their values, and the value otherwise.
    If(Box<[(ExprId, ExprId)]>, ExprId),
    /// `not a`
    Not(ExprId),
    /// `a + b`; the second span is that of the operator.
    Binary(BinaryOp, Span, ExprId, ExprId),
    /// `a[b]`
    Index(ExprId, ExprId),
    /// `a->f`
    Field(ExprId, Name),
    /// `a->f <|> b`
    FieldOr(ExprId, Name, ExprId),
    /// `a <|> b`
    Except(ExprId, ExprId),
    /// The text is wrong; a diagnostic says so.
    Error,
}

/// A part of a string with interpolation.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Text, with its escapes resolved.
    Text(Arc<str>),
    /// `${name}`: a variable, which must have the type `str`.
    Variable(ExprId),
    /// `${n + 1}`: any other expression, whose value is printed.
    Printed(ExprId),
}

/// What is called.
#[derive(Debug, Clone)]
pub enum Callee {
    /// A function by its name.
    Named(Name),
    /// A function that is a value.
    Value(ExprId),
}

/// An argument.
#[derive(Debug, Clone)]
pub struct Arg {
    /// The parameter that it is for, if it says so.
    pub name: Option<Name>,
    /// Its value.
    pub value: ExprId,
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub struct StructField {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: ExprId,
}

/// What a list or a map is made of by a loop.
#[derive(Debug, Clone)]
pub struct Comprehension<T> {
    /// Made for each element; sees the variables.
    pub item: T,
    /// What is gone through.
    pub over: ExprId,
    /// The variables of the loop.
    pub variables: LoopVariables,
    /// Elements for which it is false are left out; sees the variables.
    pub condition: Option<ExprId>,
}

/// What a loop goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopKind {
    /// A list, with indices.
    For,
    /// A map, with keys.
    Forkv,
}

/// The variables of a loop.
#[derive(Debug, Clone)]
pub struct LoopVariables {
    /// What it goes through.
    pub kind: LoopKind,
    /// The index or key; a comprehension over a list may leave it out.
    pub key: Option<Name>,
    /// The element or value.
    pub value: Name,
}

/// A function: a named one or a value.
#[derive(Debug, Clone)]
pub struct Function {
    /// In their order.
    pub params: Vec<Param>,
    /// The type of its value, if it says so.
    pub result: Option<TypeExpr>,
    /// Variables of its body, each visible in all of it.
    pub locals: Vec<Bind>,
    /// Its value.
    pub body: ExprId,
}

/// A parameter of a function or a class.
#[derive(Debug, Clone)]
pub struct Param {
    /// Without `$`.
    pub name: Name,
    /// Its type, if it says so.
    pub ty: Option<TypeExpr>,
    /// Its value where none is given.
    pub default: Option<ExprId>,
    /// What must hold of it; only parameters of classes have one.
    pub check: Option<ExprId>,
    /// All of it.
    pub span: Span,
}

/// `$name type = value`
#[derive(Debug, Clone)]
pub struct Bind {
    /// Without `$`.
    pub name: Name,
    /// Its type, if it says so.
    pub ty: Option<TypeExpr>,
    /// Its value.
    pub value: ExprId,
}

/// The operators between two operands that are no fallbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum BinaryOp {
    Or,
    And,
    Less,
    Greater,
    LessEquals,
    GreaterEquals,
    Equals,
    NotEquals,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessEquals => "<=",
            Self::GreaterEquals => ">=",
            Self::Equals => "==",
            Self::NotEquals => "!=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
