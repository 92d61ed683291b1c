//! From the tree to the program, with what is checked on the way: all that needs neither names nor types of other places.
//!
//! Recursion goes as deep as brackets are nested, not as high as chains of operators.

mod check;
mod expr;
mod resource;
mod statement;
mod string;
mod testing;
mod types;

use std::collections::HashSet;
use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, Span, Stage};

use super::{Expr, ExprId, ExprKind, Name, Program, Statement, StatementId, StatementKind};
use crate::syntax::{SyntaxElement, SyntaxKind as K, SyntaxNode, SyntaxToken};

/// The program of a tree, and what is wrong with its structure and its strings.
pub(super) fn program(text: &str, source: SourceId, tree: &SyntaxNode) -> (Program, Vec<Diagnostic>) {
    let mut lower = Lower {
        source,
        offset: 0,
        depth: 0,
        exprs: Vec::new(),
        statements: Vec::new(),
        given: Vec::new(),
        names: HashSet::new(),
        diagnostics: Vec::new(),
    };
    let mut body = lower.block(tree);
    body.span = Span::new(source, 0, text.len());
    let Lower { exprs, statements, given, diagnostics, .. } = lower;
    (Program { source, body, given, exprs, statements }, diagnostics)
}

struct Lower {
    source: SourceId,
    /// Where the text of the tree begins in the file: the tree of an interpolation begins later.
    offset: usize,
    /// How deep the text of the tree stands in interpolations.
    depth: u32,
    exprs: Vec<Expr>,
    statements: Vec<Statement>,
    given: Vec<(ExprId, ExprId)>,
    /// Each name once.
    names: HashSet<Arc<str>>,
    diagnostics: Vec<Diagnostic>,
}

impl Lower {
    fn add(&mut self, kind: ExprKind, span: Span) -> ExprId {
        self.exprs.push(Expr { kind, span });
        ExprId::new(self.exprs.len() - 1)
    }

    fn add_statement(&mut self, kind: StatementKind, span: Span) -> StatementId {
        self.statements.push(Statement { kind, span });
        StatementId::new(self.statements.len() - 1)
    }

    fn say(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn error(&self, code: &'static str, stage: Stage, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic::error(code, stage, message).at(span)
    }

    fn range(&self, range: rowan::TextRange) -> Span {
        let at = |offset: rowan::TextSize| self.offset + usize::from(offset);
        Span::new(self.source, at(range.start()), at(range.end()))
    }

    fn span(&self, node: &SyntaxNode) -> Span {
        self.range(node.text_range())
    }

    /// From the start of a part to the end of a part or token in it: its head.
    fn head(&self, node: &SyntaxNode, last: Option<rowan::TextRange>) -> Span {
        let range = node.text_range();
        self.range(last.map_or(range, |last| rowan::TextRange::new(range.start(), last.end())))
    }

    fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let name: Arc<str> = text.into();
        self.names.insert(name.clone());
        name
    }

    fn token_name(&mut self, token: &SyntaxToken) -> Name {
        Name { text: self.intern(token.text()), span: self.range(token.text_range()) }
    }

    /// The words of a part, joined: without the spaces and the `$` that stand between them.
    fn name(&mut self, node: &SyntaxNode) -> Name {
        let text = word(node);
        Name { text: self.intern(&text), span: self.span(node) }
    }

    /// The name in a definition: `$name`. None where it is missing.
    fn variable_name(&mut self, node: &SyntaxNode) -> Option<Name> {
        let name = self.name(node);
        if name.text.is_empty() {
            return None;
        }
        self.check_variable(&name.text, name.span);
        Some(name)
    }
}

fn word(node: &SyntaxNode) -> String {
    let mut text = String::new();
    for token in node.descendants_with_tokens().filter_map(SyntaxElement::into_token) {
        if !token.kind().is_trivia() && token.kind() != K::Dollar {
            text.push_str(token.text());
        }
    }
    text
}

fn child(node: &SyntaxNode, kind: K) -> Option<SyntaxNode> {
    node.children().find(|child| child.kind() == kind)
}

fn token(node: &SyntaxNode, kind: K) -> Option<SyntaxToken> {
    node.children_with_tokens().filter_map(SyntaxElement::into_token).find(|token| token.kind() == kind)
}

fn exprs(node: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    node.children().filter(|child| child.kind().is_expr())
}
