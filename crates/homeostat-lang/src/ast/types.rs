//! Types as they were written.

use homeostat_model::Span;

use super::Name;

/// A type and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The forms of types.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum TypeKind {
    Bool,
    Str,
    Int,
    Float,
    Variant,
    List(Box<TypeExpr>),
    Map(Box<(TypeExpr, TypeExpr)>),
    /// Fields in their order.
    Struct(Vec<(Name, TypeExpr)>),
    /// Arguments, which may have names, and the result.
    Func(Vec<(Option<Name>, TypeExpr)>, Box<TypeExpr>),
    /// What was written is no type.
    Error,
}
