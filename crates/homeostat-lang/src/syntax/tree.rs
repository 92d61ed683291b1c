//! From the parser's events and the lexer's tokens to the tree. What the parser passed over is put in again here: before
//! the part that it stands in front of, so that parts begin and end with something that counts.

use std::collections::HashMap;

use rowan::{GreenNode, GreenToken, Language, NodeOrToken};

use super::kind::{Mcl, SyntaxKind as K};
use super::lexer::Token;
use super::parser::Event;

pub(super) fn build(text: &str, tokens: &[Token], mut events: Vec<Event>) -> GreenNode {
    let mut builder =
        Builder { text, tokens, at: 0, open: Vec::new(), children: Vec::new(), shared: HashMap::new() };
    let mut kinds = Vec::new();
    for index in 0..events.len() {
        match std::mem::replace(&mut events[index], Event::Nothing) {
            Event::Nothing => {}
            Event::Start { kind, parent } => {
                kinds.push(kind);
                let mut next = parent;
                while let Some(at) = next {
                    let Event::Start { kind, parent } = std::mem::replace(&mut events[at], Event::Nothing)
                    else {
                        break;
                    };
                    kinds.push(kind);
                    next = parent;
                }
                while let Some(kind) = kinds.pop() {
                    builder.start(kind);
                }
            }
            Event::Token => builder.token(),
            Event::Finish => builder.finish(),
        }
    }
    match builder.children.pop() {
        Some(NodeOrToken::Node(root)) => root,
        Some(NodeOrToken::Token(_)) | None => GreenNode::new(Mcl::kind_to_raw(K::File), []),
    }
}

/// Longer tokens are rarely there twice.
const SHARED_BYTES_MAX: usize = 4;

/// Not the builder that comes with the tree: its table of parts that are the same degrades with many short strings.
struct Builder<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// The parts that have begun, each with the number of its first child.
    open: Vec<(K, usize)>,
    /// The children of all parts that have begun.
    children: Vec<NodeOrToken<GreenNode, GreenToken>>,
    /// Punctuation and short words, each once.
    shared: HashMap<&'a str, GreenToken>,
}

impl Builder<'_> {
    fn start(&mut self, kind: K) {
        // The outermost part holds everything.
        if !self.open.is_empty() {
            self.trivia();
        }
        self.open.push((kind, self.children.len()));
    }

    fn finish(&mut self) {
        if self.open.len() == 1 {
            self.trivia();
        }
        if let Some((kind, first)) = self.open.pop() {
            let node = GreenNode::new(Mcl::kind_to_raw(kind), self.children.drain(first..));
            self.children.push(NodeOrToken::Node(node));
        }
    }

    fn token(&mut self) {
        self.trivia();
        self.put();
    }

    fn trivia(&mut self) {
        while self.tokens[self.at].kind.is_trivia() {
            self.put();
        }
    }

    fn put(&mut self) {
        let Token { kind, start } = self.tokens[self.at];
        let end = self.tokens[self.at + 1].start;
        let text = &self.text[start as usize..end as usize];
        let make = || GreenToken::new(Mcl::kind_to_raw(kind), text);
        let token = match kind {
            // The same text is the same kind, except for what is no token.
            K::Unknown => make(),
            _ if text.len() <= SHARED_BYTES_MAX => self.shared.entry(text).or_insert_with(make).clone(),
            _ => make(),
        };
        self.children.push(NodeOrToken::Token(token));
        self.at += 1;
    }
}
