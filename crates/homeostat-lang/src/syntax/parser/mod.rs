//! The parser: recursive descent over the tokens that count, which makes events and diagnostics and never fails.
//!
//! Whatever is wrong is said once, at the first token that does not belong; what follows is passed over up to a place where
//! the parser knows again where it is: a comma or a line end of the same bracket, or the bracket's end.

mod expr;
mod habits;
mod items;
mod literal;
mod resource;
mod statement;
mod testing;
mod types;

use homeostat_model::suggest::printable;
use homeostat_model::{Diagnostic, SourceId, Span, Stage, codes};

use super::kind::SyntaxKind as K;
use super::lexer::Token;

/// How deep brackets and blocks can be nested.
pub const DEPTH_MAX: u32 = 200;
/// How high an expression can become, chains of operators included.
pub const HEIGHT_MAX: u32 = 1000;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A program, or a part of one.
    Program,
    /// Tests: `test`, `given` and `expect` are statements, too.
    Tests,
}

/// What the tree is built from.
#[derive(Debug)]
pub(super) enum Event {
    /// A part begins; its parent, if it got one later, begins at the event of that number.
    Start {
        kind: K,
        parent: Option<usize>,
    },
    Token,
    Finish,
    Nothing,
}

/// The text of an interpolation within a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fragment {
    /// How deep it stands already.
    pub(crate) depth: u32,
}

/// Parses a file; the tokens end with one of kind `End`.
pub(super) fn file(
    text: &str,
    source: SourceId,
    tokens: &[Token],
    mode: Mode,
) -> (Vec<Event>, Vec<Diagnostic>) {
    let mut parser = Parser::new(text, source, tokens);
    parser.mode = mode;
    let file = parser.start();
    parser.statements(K::End);
    parser.complete(file, K::File);
    (parser.events, parser.diagnostics)
}

/// Parses one expression that is all of the text.
pub(super) fn fragment(
    text: &str,
    source: SourceId,
    tokens: &[Token],
    fragment: Fragment,
) -> (Vec<Event>, Vec<Diagnostic>) {
    let mut parser = Parser::new(text, source, tokens);
    parser.stage = Stage::Interpolation;
    parser.depth = fragment.depth;
    let file = parser.start();
    parser.expr();
    if !parser.at(K::End) {
        parser.unexpected("the end of the expression");
        let rest = parser.start();
        while !parser.at(K::End) {
            parser.bump();
        }
        parser.complete(rest, K::Error);
    }
    parser.complete(file, K::File);
    (parser.events, parser.diagnostics)
}

/// A part that has begun.
#[must_use]
#[derive(Debug, Clone, Copy)]
struct Marker {
    event: usize,
    /// The height of the highest part beside it.
    beside: u32,
}

/// A part that has ended, and how high it is.
#[derive(Debug, Clone, Copy)]
struct Completed {
    event: usize,
    height: u32,
}

struct Parser<'a> {
    text: &'a str,
    source: SourceId,
    /// Those that count, without spaces and comments.
    tokens: Vec<Token>,
    /// Where each of them ends.
    ends: Vec<u32>,
    /// For each opening bracket, the number of the closing one that fits.
    closers: Vec<Option<u32>>,
    /// For each bracket, whether a loop stands directly in it.
    comprehensions: Vec<bool>,
    at: usize,
    events: Vec<Event>,
    diagnostics: Vec<Diagnostic>,
    depth: u32,
    /// Said once: what is nested too deep is so at many places.
    is_too_deep: bool,
    /// Blocks whose opening brace is missing, which was said: so many closing ones belong to none.
    unopened: u32,
    /// The height of the highest part within the one that is open.
    height: u32,
    stage: Stage,
    mode: Mode,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, source: SourceId, all: &[Token]) -> Self {
        let mut tokens = Vec::with_capacity(all.len());
        let mut ends = Vec::with_capacity(all.len());
        for (index, token) in all.iter().enumerate() {
            if !token.kind.is_trivia() {
                tokens.push(*token);
                ends.push(all.get(index + 1).map_or(token.start, |next| next.start));
            }
        }
        let (closers, comprehensions) = brackets(&tokens);
        Self {
            text,
            source,
            closers,
            comprehensions,
            ends,
            at: 0,
            events: Vec::with_capacity(tokens.len() * 3),
            tokens,
            diagnostics: Vec::new(),
            depth: 0,
            is_too_deep: false,
            unopened: 0,
            height: 0,
            stage: Stage::Parse,
            mode: Mode::Program,
        }
    }

    // Looking.

    fn kind(&self) -> K {
        self.nth(0)
    }

    /// The kind of the token so many further on.
    fn nth(&self, ahead: usize) -> K {
        self.tokens.get(self.at + ahead).map_or(K::End, |token| token.kind)
    }

    fn at(&self, kind: K) -> bool {
        self.kind() == kind
    }

    fn at_any(&self, kinds: &[K]) -> bool {
        kinds.contains(&self.kind())
    }

    fn text_of(&self, index: usize) -> &'a str {
        let start = self.tokens[index].start as usize;
        &self.text[start..self.ends[index] as usize]
    }

    /// The text of the token.
    fn found(&self) -> &'a str {
        self.text_of(self.at)
    }

    /// How far from the start of its line a token stands, in bytes.
    fn indent(&self, index: usize) -> usize {
        let start = self.tokens[index].start as usize;
        start - self.text[..start].rfind('\n').map_or(0, |at| at + 1)
    }

    /// How far the first token of the line of a token stands from the start of it.
    fn line_indent(&self, index: usize) -> usize {
        let start = self.tokens[index].start as usize;
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        self.text[line..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    /// Whether nothing stands between the token and the one before it.
    fn is_glued(&self, ahead: usize) -> bool {
        let index = self.at + ahead;
        index > 0 && index < self.tokens.len() && self.ends[index - 1] == self.tokens[index].start
    }

    // Making the tree.

    fn start(&mut self) -> Marker {
        self.events.push(Event::Start { kind: K::Error, parent: None });
        Marker { event: self.events.len() - 1, beside: std::mem::take(&mut self.height) }
    }

    fn complete(&mut self, marker: Marker, as_kind: K) -> Completed {
        if let Event::Start { kind, .. } = &mut self.events[marker.event] {
            *kind = as_kind;
        }
        self.events.push(Event::Finish);
        let height = self.height + 1;
        self.height = height.max(marker.beside);
        Completed { event: marker.event, height }
    }

    /// Begins a part that holds what was completed last.
    fn precede(&mut self, completed: Completed) -> Marker {
        let marker = self.start();
        if let Event::Start { parent, .. } = &mut self.events[completed.event] {
            *parent = Some(marker.event);
        }
        self.height = completed.height;
        marker
    }

    fn bump(&mut self) {
        if !self.at(K::End) {
            self.events.push(Event::Token);
            self.at += 1;
        }
    }

    fn eat(&mut self, kind: K) -> bool {
        let is = self.at(kind);
        if is {
            self.bump();
        }
        is
    }

    fn newlines(&mut self) {
        while self.eat(K::Newline) {}
    }

    /// Takes the token, or says what belongs here.
    fn expect(&mut self, kind: K, what: &str) -> bool {
        let is = self.eat(kind);
        if !is {
            self.unexpected(what);
        }
        is
    }

    // Saying what is wrong.

    fn span_of(&self, index: usize) -> Span {
        Span::new(self.source, self.tokens[index].start as usize, self.ends[index] as usize)
    }

    fn here(&self) -> Span {
        self.span_of(self.at)
    }

    /// The empty place after the last token that was taken.
    fn after_last(&self) -> Span {
        let end = self.at.checked_sub(1).map_or(0, |last| self.ends[last]) as usize;
        Span::new(self.source, end, end)
    }

    /// What the token is called: its text, or the end of something.
    fn describe(&self) -> String {
        match self.kind() {
            K::End if self.stage == Stage::Interpolation => "the end of the interpolation".to_owned(),
            kind @ (K::Newline | K::End) => kind.describe().to_owned(),
            K::String => "a string".to_owned(),
            _ => {
                let text = self.found();
                let short: String = text.chars().take(40).collect();
                format!("`{}`", printable(&short))
            }
        }
    }

    /// Says that something else belongs here, unless something was said of this place already.
    fn unexpected(&mut self, what: &str) {
        let message = format!("expected {what}, found {}", self.describe());
        self.say(self.error(codes::UNEXPECTED, message));
    }

    /// The same, and how it is written.
    fn unexpected_help(&mut self, what: &str, help: &str) {
        let message = format!("expected {what}, found {}", self.describe());
        self.say(self.error(codes::UNEXPECTED, message).help(help));
    }

    /// An error at the token.
    fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.stage, message).at(self.here())
    }

    fn say(&mut self, diagnostic: Diagnostic) {
        // The lexer has spoken about what is no token; and one place is wrong in one way.
        let is_said = self.at(K::Unknown) && diagnostic.span == Some(self.here())
            || self.diagnostics.last().is_some_and(|last| last.span == diagnostic.span);
        if !is_said {
            self.diagnostics.push(diagnostic);
        }
    }

    // Passing over.

    /// Passes over tokens up to one of `stops`, a line end, the end of the bracket around, or the end. What is in brackets that
    /// are closed is passed over with them.
    fn skip(&mut self, stops: &[K]) {
        if self.at_any(stops) || self.at_stop() {
            return;
        }
        let skipped = self.start();
        while !self.at_any(stops) && !self.at_stop() {
            self.skip_one();
        }
        self.complete(skipped, K::Error);
    }

    fn at_stop(&self) -> bool {
        matches!(self.kind(), K::Newline | K::End | K::CloseBrace | K::CloseBracket | K::CloseParen)
    }

    /// Passes over a token, or over a bracket with what is in it.
    fn skip_one(&mut self) {
        let end = self.closers[self.at].map_or(self.at, |closer| closer as usize);
        while self.at <= end && !self.at(K::End) {
            self.bump();
        }
    }

    /// Puts one token into a part for errors.
    fn bump_wrong(&mut self) {
        let wrong = self.start();
        self.bump();
        self.complete(wrong, K::Error);
    }

    /// Goes a step deeper, unless that is too deep: then what is there is passed over.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= DEPTH_MAX {
            self.too_deep();
            return None;
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&mut self) {
        if !std::mem::replace(&mut self.is_too_deep, true) {
            let message = "this is nested too deep";
            let help = "give the inner parts names";
            self.say(self.error(codes::TOO_DEEP, message).help(help));
        }
        self.skip(&[]);
    }
}

/// Which closing bracket belongs to which opening one. A closing bracket that fits none of those that are open is left out,
/// and so are opening ones within a pair that fits. And which of those that are closed have a loop directly in them.
fn brackets(tokens: &[Token]) -> (Vec<Option<u32>>, Vec<bool>) {
    let mut closers = vec![None; tokens.len()];
    let mut loops = vec![false; tokens.len()];
    let mut open: Vec<(K, usize)> = Vec::new();
    let mut counts = [0_usize; 3];
    let slot = |kind: K| match kind {
        K::OpenBrace | K::CloseBrace => Some(0),
        K::OpenParen | K::CloseParen => Some(1),
        K::OpenBracket | K::CloseBracket => Some(2),
        _ => None,
    };
    for (index, token) in tokens.iter().enumerate() {
        let Some(at) = slot(token.kind) else {
            if let (K::ForWord | K::ForkvWord, Some((_, opener))) = (token.kind, open.last()) {
                loops[*opener] = true;
            }
            continue;
        };
        if matches!(token.kind, K::OpenBrace | K::OpenParen | K::OpenBracket) {
            open.push((token.kind, index));
            counts[at] += 1;
            continue;
        }
        while counts[at] > 0 {
            let Some((kind, opener)) = open.pop() else { break };
            let popped = slot(kind).unwrap_or(at);
            counts[popped] -= 1;
            if popped == at {
                closers[opener] = u32::try_from(index).ok();
                break;
            }
        }
    }
    for (opener, closer) in closers.iter().enumerate() {
        loops[opener] &= closer.is_some();
    }
    (closers, loops)
}
