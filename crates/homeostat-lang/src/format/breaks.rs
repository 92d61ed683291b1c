//! Where a line ends whatever was written: in blocks of statements and in resources always; in blocks of expressions and in
//! comprehensions where one of their lines was ended.

use std::collections::HashMap;

use crate::syntax::{SyntaxElement, SyntaxKind as K, SyntaxNode, SyntaxToken};

/// Whether a line ends before and after a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Breaks {
    pub(super) before: bool,
    pub(super) after: bool,
}

/// What was decided about parts that are on one line or on several as a whole.
#[derive(Default)]
pub(super) struct Decided(HashMap<SyntaxNode, bool>);

impl Decided {
    pub(super) fn around(&mut self, token: &SyntaxToken) -> Breaks {
        let kind = token.kind();
        let is_decisive = matches!(
            kind,
            K::OpenBrace
                | K::CloseBrace
                | K::OpenBracket
                | K::CloseBracket
                | K::Comma
                | K::ForWord
                | K::ForkvWord
                | K::IfWord
        );
        let Some(parent) = token.parent().filter(|_| is_decisive) else { return Breaks::default() };
        let on_lines = match parent.kind() {
            _ if kind == K::Comma => matches!(parent.kind(), K::ResourceBody | K::GivenBody),
            K::Block | K::ResourceBody | K::GivenBody => true,
            K::FuncBody | K::ListComprehension | K::MapComprehension => self.is_on_lines(&parent),
            K::ExprBlock | K::ComprehensionFor | K::ComprehensionIf => {
                parent.parent().is_some_and(|whole| self.is_on_lines(&whole))
            }
            _ => false,
        };
        Breaks {
            before: on_lines && !matches!(kind, K::OpenBrace | K::OpenBracket | K::Comma),
            after: on_lines && matches!(kind, K::OpenBrace | K::OpenBracket | K::Comma),
        }
    }

    /// Whether a line ends directly in a part, or in one of its blocks.
    fn is_on_lines(&mut self, whole: &SyntaxNode) -> bool {
        if let Some(known) = self.0.get(whole) {
            return *known;
        }
        let ends_line = |node: &SyntaxNode| {
            node.children_with_tokens()
                .filter_map(SyntaxElement::into_token)
                .any(|token| token.kind() == K::Newline)
        };
        let is_on_lines = ends_line(whole)
            || whole.children().any(|child| child.kind() == K::ExprBlock && ends_line(&child));
        self.0.insert(whole.clone(), is_on_lines);
        is_on_lines
    }
}
