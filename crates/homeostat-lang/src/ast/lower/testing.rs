//! What files of tests give.

use super::{Lower, exprs};
use crate::ast::{Block, ExprKind, Loop, LoopKind, LoopVariables, StatementId, StatementKind};
use crate::syntax::{SyntaxKind as K, SyntaxNode};

impl Lower {
    /// Notes each entry. That a call and what it gives have the same type is what a list of both says, so there is a loop over
    /// such a list, with nothing in it.
    pub(super) fn given(&mut self, node: &SyntaxNode, statements: &mut Vec<StatementId>) {
        for entry in node.descendants().filter(|part| part.kind() == K::GivenEntry) {
            let span = self.span(&entry);
            let mut parts = exprs(&entry);
            let call = self.expr_or_error(parts.next(), &entry);
            let value = self.expr_or_error(parts.next(), &entry);
            self.given.push((call, value));
            let over = self.add(ExprKind::List([call, value].into()), span);
            let mut name = |text: &str| crate::ast::Name { text: self.intern(text), span };
            let variables = LoopVariables { kind: LoopKind::For, key: Some(name("i")), value: name("v") };
            let body = Block { statements: Vec::new(), span };
            statements.push(self.add_statement(StatementKind::Loop(Loop { variables, over, body }), span));
        }
    }
}
