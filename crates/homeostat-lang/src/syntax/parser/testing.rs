//! What only files of tests have: `test "name" { … }`, and in it `given { … }`, `expect { … }`, `expect not { … }` and
//! `expect only { … }`.

use super::{Completed, K, Mode, Parser};

impl Parser<'_> {
    /// One of these, if it begins here. Nothing is taken otherwise.
    pub(super) fn testing(&mut self) -> Option<Completed> {
        if self.mode == Mode::Program {
            return None;
        }
        match (self.found(), self.nth(1)) {
            ("test", K::String) if self.nth(2) == K::OpenBrace => Some(self.test()),
            ("given", K::OpenBrace) => Some(self.given()),
            ("expect", K::OpenBrace | K::NotWord) => Some(self.expectation()),
            ("expect", K::Identifier) if self.text_of(self.at + 1) == "only" => Some(self.expectation()),
            _ => None,
        }
    }

    fn test(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        self.bump();
        self.block();
        self.complete(part, K::Test)
    }

    fn expectation(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if !self.at(K::OpenBrace) {
            self.bump();
        }
        self.block();
        self.complete(part, K::Expect)
    }

    fn given(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        let body = self.start();
        let open = self.at;
        self.bump();
        loop {
            self.newlines();
            if self.at_any(&[K::CloseBrace, K::End]) {
                break;
            }
            let before = self.at;
            self.given_entry();
            if self.at == before {
                self.bump_wrong();
            }
        }
        if !self.eat(K::CloseBrace) {
            self.unclosed(open, K::CloseBrace);
        }
        self.complete(body, K::GivenBody);
        self.complete(part, K::Given)
    }

    /// `call => value,`
    fn given_entry(&mut self) {
        let entry = self.start();
        let is_right = self.expr() && self.expect(K::Rocket, "`=>` and what the call gives") && self.expr();
        self.complete(entry, K::GivenEntry);
        if !is_right {
            self.skip(&[K::Comma]);
            self.eat(K::Comma);
        } else if !self.eat(K::Comma) {
            self.unexpected("`,`");
            self.skip(&[K::Comma]);
            self.eat(K::Comma);
        }
    }
}
