//! A program as the later stages want it: owned, compact, with precedence resolved and a span on everything.
//!
//! Expressions and statements lie in two arenas of their file and refer to each other by number; an expression's number is
//! higher than those of its parts. Parentheses are gone, strings are taken apart into text and expressions, and classes with a
//! colon in their name lie in the class that they belong to. Where the text is wrong, there is [`ExprKind::Error`], so that what
//! is right can be looked at further. The formatter and editors use [`crate::syntax`] instead.

mod children;
mod class;
mod expr;
mod lower;
mod parts;
mod statement;
mod types;

use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, Span};

use crate::syntax::Mode;

pub use expr::{
    Arg, BinaryOp, Bind, Callee, Comprehension, Expr, ExprId, ExprKind, Function, LoopKind, LoopVariables,
    Param, Piece, StructField,
};
pub use parts::{Part, Parts};
pub use statement::{
    Alias, Block, Class, EdgeEnd, EdgeProperty, Field, If, Import, Include, Line, LineKind, Loop, Resource,
    ResourceRef, Statement, StatementId, StatementKind,
};
pub use types::{TypeExpr, TypeKind};

/// A name as it was written, without `$`; dots and colons are part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: Arc<str>,
    /// Where.
    pub span: Span,
}

/// One file.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file.
    pub source: SourceId,
    /// Its statements at the top.
    pub body: Block,
    /// What a file of tests gives: calls, and what they give.
    pub given: Vec<(ExprId, ExprId)>,
    exprs: Vec<Expr>,
    statements: Vec<Statement>,
}

impl Program {
    /// An expression of this file.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.index()]
    }

    /// A statement of this file.
    pub fn statement(&self, id: StatementId) -> &Statement {
        &self.statements[id.index()]
    }

    /// The statement of that number, if there is one.
    pub fn statement_id(&self, index: usize) -> Option<StatementId> {
        (index < self.statements.len()).then(|| StatementId::new(index))
    }

    /// All expressions; [`ExprId::index`] is the place of each.
    pub fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    /// All statements; [`StatementId::index`] is the place of each.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// A program, and what is wrong with its text.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// All that could be understood.
    pub program: Program,
    /// In the order of their places, with the stages `parse`, `structure` and `interpolation`.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file: syntax, structure and interpolation.
pub fn parse(text: &str, source: SourceId) -> Parsed {
    parse_as(text, source, Mode::Program)
}

/// The same of a file that may be one of tests.
pub fn parse_as(text: &str, source: SourceId, mode: Mode) -> Parsed {
    let parsed = crate::syntax::parse_as(text, source, mode);
    let (program, found) = lower::program(text, source, &parsed.tree());
    let mut diagnostics = parsed.diagnostics;
    diagnostics.extend(found);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    Parsed { program, diagnostics }
}
