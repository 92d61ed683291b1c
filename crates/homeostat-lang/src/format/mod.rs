//! The canonical form of a file.
//!
//! Line ends mean something in this language, so the lines of a text mostly stay as they are. What is decided here is the
//! space between tokens, the indentation, and the few places where a line must or must not end. No token is changed but numbers,
//! none is added or left out but line ends and spaces, and comments keep their text.

mod breaks;
mod space;

use homeostat_model::{Diagnostic, SourceId};

use crate::syntax::{self, Mode, SyntaxElement, SyntaxKind as K, SyntaxNode, SyntaxToken};

/// The canonical form of a text, or what keeps it from being read.
pub fn format(text: &str, source: SourceId) -> Result<String, Vec<Diagnostic>> {
    format_as(text, source, Mode::Program)
}

/// The same of a file that may be one of tests.
pub fn format_as(text: &str, source: SourceId, mode: Mode) -> Result<String, Vec<Diagnostic>> {
    let parsed = syntax::parse_as(text, source, mode);
    if parsed.diagnostics.is_empty() { Ok(format_tree(&parsed.tree())) } else { Err(parsed.diagnostics) }
}

/// A token with what decides about the space around it.
struct Piece {
    token: SyntaxToken,
    kind: K,
    parent: K,
    /// The line ends before or after it, whatever was written.
    breaks: breaks::Breaks,
}

fn format_tree(tree: &SyntaxNode) -> String {
    let pieces = pieces(tree);
    let mut out = Output::default();
    let mut breaks = 0;
    let mut last: Option<&Piece> = None;
    for (index, piece) in pieces.iter().enumerate() {
        if piece.kind == K::Newline {
            breaks += 1;
            continue;
        }
        let is_empty_bracket = last.is_some_and(|last| is_opening(last.kind)) && is_closing(piece.kind);
        let must_break = last.is_some_and(|last| last.breaks.after) || piece.breaks.before;
        let wanted = match last {
            None => 0,
            Some(_) if is_empty_bracket => 0,
            Some(_) if must_break && piece.kind != K::Comment => breaks.max(1),
            Some(_) => breaks.min(2),
        };
        if wanted > 0 {
            out.line(wanted.min(2), is_closing(piece.kind));
        } else if last.is_some_and(|last| space::between(last, piece)) {
            out.text.push(' ');
        }
        out.put(piece);
        breaks = 0;
        last = pieces.get(index);
    }
    if last.is_some() {
        out.text.push('\n');
    }
    out.text
}

fn pieces(tree: &SyntaxNode) -> Vec<Piece> {
    let mut breaks = breaks::Decided::default();
    let tokens = tree.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    tokens
        .filter(|token| token.kind() != K::Whitespace)
        .map(|token| Piece {
            kind: token.kind(),
            parent: token.parent().map_or(K::File, |parent| parent.kind()),
            breaks: breaks.around(&token),
            token,
        })
        .collect()
}

fn is_opening(kind: K) -> bool {
    matches!(kind, K::OpenBrace | K::OpenParen | K::OpenBracket)
}

fn is_closing(kind: K) -> bool {
    matches!(kind, K::CloseBrace | K::CloseParen | K::CloseBracket)
}

#[derive(Default)]
struct Output {
    text: String,
    /// How far the line is indented.
    indent: usize,
    /// For each open bracket, how far its line is indented. What opens on one line is indented once.
    open: Vec<usize>,
}

impl Output {
    fn line(&mut self, breaks: usize, closes: bool) {
        self.indent = match self.open.last() {
            Some(indent) => indent + usize::from(!closes),
            None => 0,
        };
        self.text.extend(std::iter::repeat_n('\n', breaks));
        self.text.extend(std::iter::repeat_n('\t', self.indent));
    }

    fn put(&mut self, piece: &Piece) {
        if is_opening(piece.kind) {
            self.open.push(self.indent);
        } else if is_closing(piece.kind) {
            self.open.pop();
        }
        let text = piece.token.text();
        match piece.kind {
            K::Integer => self.number(text, text.parse::<i64>().ok().map(|number| number.to_string())),
            K::Float => self.number(text, text.parse().ok().map(float)),
            _ => self.text.push_str(text),
        }
    }

    fn number(&mut self, text: &str, normal: Option<String>) {
        self.text.push_str(normal.as_deref().unwrap_or(text));
    }
}

/// The shortest text that is read as the same number.
fn float(number: f64) -> String {
    let text = number.to_string();
    if text.contains('.') { text } else { text + ".0" }
}
