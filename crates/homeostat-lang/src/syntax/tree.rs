//! From the parser's events and the lexer's tokens to the tree. What the parser passed over is put in again here: before
//! the part that it stands in front of, so that parts begin and end with something that counts.

use rowan::{GreenNode, GreenNodeBuilder, Language};

use super::kind::{Mcl, SyntaxKind as K};
use super::lexer::Token;
use super::parser::Event;

pub(super) fn build(text: &str, tokens: &[Token], mut events: Vec<Event>) -> GreenNode {
    let mut builder = Builder { text, tokens, at: 0, green: GreenNodeBuilder::new(), open: 0 };
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
    builder.green.finish()
}

struct Builder<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    green: GreenNodeBuilder<'static>,
    open: usize,
}

impl Builder<'_> {
    fn start(&mut self, kind: K) {
        // The outermost part holds everything.
        if self.open > 0 {
            self.trivia();
        }
        self.open += 1;
        self.green.start_node(Mcl::kind_to_raw(kind));
    }

    fn finish(&mut self) {
        if self.open == 1 {
            self.trivia();
        }
        self.open -= 1;
        self.green.finish_node();
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
        self.green.token(Mcl::kind_to_raw(kind), &self.text[start as usize..end as usize]);
        self.at += 1;
    }
}
