//! Statements and blocks.

use homeostat_model::{Stage, codes};

use super::{Lower, child, exprs, token};
use crate::ast::{
    Alias, Block, Class, ExprId, If, Import, Include, Loop, Statement, StatementId, StatementKind, class,
};
use crate::syntax::{SyntaxKind as K, SyntaxNode};

impl Lower {
    /// The statements that stand directly in a part.
    pub(super) fn block(&mut self, node: &SyntaxNode) -> Block {
        let mut statements: Vec<StatementId> = Vec::new();
        for part in node.children() {
            match part.kind() {
                K::Given => self.given(&part, &mut statements),
                kind if kind.is_statement() => statements.extend(self.statement(&part)),
                _ => {}
            }
        }
        let mut block = Block { statements, span: self.span(node) };
        let twice = class::nest(&mut self.statements, &mut block);
        self.diagnostics.extend(twice);
        block
    }

    fn block_in(&mut self, node: &SyntaxNode) -> Block {
        match child(node, K::Block) {
            Some(block) => self.block(&block),
            None => Block { statements: Vec::new(), span: self.span(node) },
        }
    }

    fn statement(&mut self, node: &SyntaxNode) -> Option<StatementId> {
        let kind = match node.kind() {
            K::Bind => StatementKind::Bind(self.bind(node)?),
            K::Panic => StatementKind::Panic(self.args(node)),
            K::Collect => StatementKind::Collect(self.resource(&child(node, K::Resource)?)?),
            K::Resource => StatementKind::Resource(self.resource(node)?),
            K::EdgeStatement => StatementKind::Edge(self.edge(node)),
            K::IfStatement => StatementKind::If(self.if_statement(node)),
            K::For | K::Forkv => StatementKind::Loop(self.loop_(node)?),
            K::FuncDef => {
                let name = token(node, K::Identifier).map(|token| self.token_name(&token))?;
                StatementKind::Func(name, self.function(node))
            }
            K::Class => StatementKind::Class(self.class(node)?),
            K::Include => StatementKind::Include(self.include(node)?),
            K::Import => StatementKind::Import(self.import(node)?),
            _ => return None,
        };
        let span = self.span(node);
        Some(self.add_statement(kind, span))
    }

    fn if_statement(&mut self, node: &SyntaxNode) -> If {
        let mut arms = Vec::new();
        let mut condition: Option<ExprId> = None;
        let mut otherwise = None;
        for part in node.children() {
            if part.kind() == K::Block {
                let block = self.block(&part);
                match condition.take() {
                    Some(condition) => arms.push((condition, block)),
                    None => otherwise = Some(block),
                }
            } else if part.kind().is_expr() {
                condition = Some(self.expr(&part));
            }
        }
        If { arms, otherwise }
    }

    fn loop_(&mut self, node: &SyntaxNode) -> Option<Loop> {
        let header = self.loop_header(node);
        let body = self.block_in(node);
        let (variables, over) = header?;
        for import in
            body.statements.iter().map(|id| self.imported(*id)).collect::<Vec<_>>().into_iter().flatten()
        {
            let head = self.head(node, exprs(node).last().map(|over| over.text_range()));
            let in_loop = self.error(
                codes::IMPORT_IN_LOOP,
                Stage::Structure,
                "a module cannot be imported in a loop",
                head,
            );
            self.say(in_loop.label(import, "this import").help("move it out of the loop"));
        }
        Some(Loop { variables, over, body })
    }

    /// Where a statement is, if it is an import.
    fn imported(&self, id: StatementId) -> Option<homeostat_model::Span> {
        let Statement { kind, span } = &self.statements[id.index()];
        matches!(kind, StatementKind::Import(_)).then_some(*span)
    }

    fn class(&mut self, node: &SyntaxNode) -> Option<Class> {
        let name = child(node, K::ClassName).map(|name| self.name(&name))?;
        let params = self.params(node);
        let body = self.block_in(node);
        (!name.text.is_empty()).then_some(Class { name, params, body })
    }

    fn include(&mut self, node: &SyntaxNode) -> Option<Include> {
        let class = child(node, K::Name).map(|name| self.name(&name))?;
        let args = self.args(node);
        let alias = token(node, K::Identifier).map(|token| self.token_name(&token));
        (!class.text.is_empty()).then_some(Include { class, args, alias })
    }

    fn import(&mut self, node: &SyntaxNode) -> Option<Import> {
        let quoted = token(node, K::String)?;
        let text = quoted.text();
        let path = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let alias = match token(node, K::Identifier) {
            Some(name) => Alias::Named(self.token_name(&name)),
            None if token(node, K::Star).is_some() => Alias::Everything,
            None => Alias::Default,
        };
        Some(Import { path: self.intern(path), path_span: self.range(quoted.text_range()), alias })
    }
}
