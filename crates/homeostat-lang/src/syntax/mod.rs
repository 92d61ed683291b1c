//! From text to a tree that keeps every token.
//!
//! Invariants: a text always becomes a tree whose text is the same; what could not be understood is in `Error` parts of it and
//! said by diagnostics. Time is linear in the length of the text, and a tree is never higher than [`HEIGHT_MAX`], so that
//! what walks it by recursion ends. The tree knows nothing of meaning: that is for [`crate::ast`].

mod kind;
mod lexer;
mod parser;
mod tree;

use homeostat_model::{Diagnostic, SourceId, codes};

pub use kind::{Mcl, SyntaxKind};
pub(crate) use parser::Fragment;
pub use parser::{DEPTH_MAX, HEIGHT_MAX, Mode};

/// A part of the tree that has parts.
pub type SyntaxNode = rowan::SyntaxNode<Mcl>;
/// A part of the tree that has none.
pub type SyntaxToken = rowan::SyntaxToken<Mcl>;
/// Either.
pub type SyntaxElement = rowan::SyntaxElement<Mcl>;

/// A step of a walk over a tree.
pub use rowan::WalkEvent;

/// A tree, and what is wrong with its text.
#[derive(Debug, Clone)]
pub struct Parsed {
    green: rowan::GreenNode,
    /// In the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// The root.
    pub fn tree(&self) -> SyntaxNode {
        SyntaxNode::new_root(self.green.clone())
    }
}

/// Parses a program.
pub fn parse(text: &str, source: SourceId) -> Parsed {
    parse_as(text, source, Mode::Program)
}

/// Parses a file.
pub fn parse_as(text: &str, source: SourceId, mode: Mode) -> Parsed {
    let (tokens, unknown) = lexer::lex(text, source);
    let (events, wrong) = parser::file(text, source, &tokens, mode);
    let mut diagnostics = unknown;
    diagnostics.extend(wrong);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    diagnostics.dedup_by(|next, last| is_of_one_piece(next, last));
    Parsed { green: tree::build(text, &tokens, events), diagnostics }
}

/// Whether a character that means nothing is glued to what something was said of: that is wrong in one way.
fn is_of_one_piece(next: &Diagnostic, last: &Diagnostic) -> bool {
    next.code == codes::UNKNOWN_CHARACTER
        && last.span.zip(next.span).is_some_and(|(last, next)| last.end == next.start)
}

/// How far what is wrong in a line of a text leaves the blocks around it as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confined {
    /// Everywhere: every bracket is closed by one that fits, and none is closed that was not opened.
    Everywhere,
    /// Up to a position: the outermost bracket there is not closed by one that fits.
    UpTo(u32),
    /// Nowhere: something is closed that was not opened, who knows where.
    Nowhere,
}

/// How far the brackets of a text fit.
pub(crate) fn confined(text: &str, source: SourceId) -> Confined {
    let mut open: Vec<(SyntaxKind, u32)> = Vec::new();
    for token in lexer::lex(text, source).0 {
        let closes = match token.kind {
            SyntaxKind::OpenBrace | SyntaxKind::OpenBracket | SyntaxKind::OpenParen => {
                open.push((token.kind, token.start));
                continue;
            }
            SyntaxKind::CloseBrace => SyntaxKind::OpenBrace,
            SyntaxKind::CloseBracket => SyntaxKind::OpenBracket,
            SyntaxKind::CloseParen => SyntaxKind::OpenParen,
            _ => continue,
        };
        let outermost = open.first().map(|(_, start)| *start);
        if open.pop().map(|(kind, _)| kind) != Some(closes) {
            return outermost.map_or(Confined::Nowhere, Confined::UpTo);
        }
    }
    open.first().map_or(Confined::Everywhere, |(_, start)| Confined::UpTo(*start))
}

/// Parses the expression of an interpolation, in which variables are written without their `$`.
pub(crate) fn parse_fragment(text: &str, source: SourceId, fragment: Fragment) -> Parsed {
    let (tokens, unknown) = lexer::lex(text, source);
    let (events, wrong) = parser::fragment(text, source, &tokens, fragment);
    let mut diagnostics = unknown;
    diagnostics.extend(wrong);
    Parsed { green: tree::build(text, &tokens, events), diagnostics }
}
