//! Resources and edges.

use homeostat_model::codes;

use super::{Completed, K, Parser};

impl Parser<'_> {
    /// `kind name { … }`
    pub(super) fn resource(&mut self) -> Completed {
        let resource = self.start();
        self.colon_name(K::KindName, "the name of a kind");
        if self.expr() {
            if self.at(K::OpenBrace) {
                self.resource_body();
            } else {
                self.unexpected("`{` and the fields of the resource");
            }
        } else {
            self.skip(&[K::OpenBrace]);
            if self.at(K::OpenBrace) {
                self.resource_body();
            }
        }
        self.complete(resource, K::Resource)
    }

    /// `a:b:c`
    pub(super) fn colon_name(&mut self, node: K, what: &str) -> bool {
        let name = self.start();
        let mut is_name = self.expect(K::Identifier, what);
        while is_name && self.eat(K::Colon) {
            is_name = self.expect(K::Identifier, "a name after the colon");
        }
        self.complete(name, node);
        is_name
    }

    fn resource_body(&mut self) {
        let body = self.start();
        let open = self.at;
        self.bump();
        loop {
            self.newlines();
            if self.eat(K::CloseBrace) {
                break;
            }
            if self.at_stop() || self.leaves(open) {
                self.unclosed(open, K::CloseBrace);
                break;
            }
            let before = self.at;
            if !self.resource_line() {
                self.skip(&[K::Comma]);
                self.eat(K::Comma);
                if self.at == before && !self.at_stop() {
                    self.bump_wrong();
                }
                continue;
            }
            match self.kind() {
                K::Comma => self.bump(),
                K::Newline | K::CloseBrace | K::End => self.missing_comma(),
                _ => {
                    self.unexpected("`,`");
                    self.skip(&[K::Comma]);
                    self.eat(K::Comma);
                }
            }
        }
        self.complete(body, K::ResourceBody);
    }

    fn resource_line(&mut self) -> bool {
        match self.kind() {
            // Some kinds have fields such as `int`; nothing else has a word in front of `=>`.
            kind if kind == K::Identifier || (kind.is_word() && self.nth(1) == K::Rocket) => {
                let field = self.start();
                self.bump();
                let is_line = self.rocket() && self.value();
                self.complete(field, K::Field);
                is_line
            }
            K::Capitalized => self.capitalized_line(),
            K::Comma => {
                let message = "expected a field, found `,`";
                self.say(self.error(codes::STRAY_COMMA, message).saying("remove this comma"));
                false
            }
            K::String => {
                self.unexpected_help("the name of a field", "names of fields are written without quotes");
                false
            }
            _ => {
                self.unexpected("a field, an edge or `}`");
                false
            }
        }
    }

    fn rocket(&mut self) -> bool {
        if self.at_any(&[K::Equals, K::Colon]) {
            self.unexpected_help("`=>`", "fields and values are joined by `=>`");
            self.bump_wrong();
            return true;
        }
        self.expect(K::Rocket, "`=>` and a value")
    }

    /// A value, or a condition and a value.
    fn value(&mut self) -> bool {
        self.expr() && (!self.eat(K::Elvis) || self.expr())
    }

    /// `Meta:x => …`, `Meta => …`, `Before => …`
    fn capitalized_line(&mut self) -> bool {
        let line = self.start();
        let word = self.found();
        self.bump();
        if self.at(K::Colon) || word == "Meta" {
            if word != "Meta" {
                let message = format!("`{word}` has no properties");
                let span = self.span_of(self.at - 1);
                let help = "meta parameters are written `Meta:noop => true`";
                self.say(self.error(codes::UNEXPECTED, message).at(span).help(help));
            }
            let node = if self.eat(K::Colon) {
                if !self.expect(K::Identifier, "the name of a meta parameter") {
                    self.complete(line, K::MetaField);
                    return false;
                }
                K::MetaField
            } else {
                K::MetaStruct
            };
            let is_line = self.rocket() && self.value();
            self.complete(line, if word == "Meta" { node } else { K::Error });
            return is_line;
        }
        let mut is_line = self.rocket();
        if is_line {
            is_line = if self.at(K::Capitalized) {
                self.edge_half()
            } else if self.at(K::Identifier) && matches!(self.nth(1), K::OpenBracket | K::Colon) {
                let help = "edges name kinds with capitals: `File[\"/x\"]`";
                self.unexpected_help("a resource", help);
                false
            } else {
                self.expr() && self.expect(K::Elvis, "`?:` or a resource such as `File[\"/x\"]`") && {
                    if self.at(K::Capitalized) {
                        self.edge_half()
                    } else {
                        let what = "a resource such as `File[\"/x\"]`";
                        self.unexpected(what);
                        false
                    }
                }
            };
        }
        self.complete(line, K::EdgeField);
        is_line
    }

    /// `A["x"] -> B["y"]`, or `A["x"].k -> B["y"].k`
    pub(super) fn edge(&mut self) -> Completed {
        let edge = self.start();
        let mut halves = 1;
        let mut sends = self.edge_end();
        while sends.is_some() && self.eat(K::Arrow) {
            halves += 1;
            let sent = self.edge_end();
            match (sends, sent) {
                (Some(before), Some(now)) if before != now || (now && halves > 2) => {
                    let message = if halves > 2 {
                        "a value is sent from one resource to one other"
                    } else if before {
                        "expected the parameter that receives the value"
                    } else {
                        "expected the value that is sent"
                    };
                    let help = "one value is sent by `A[\"a\"].value -> B[\"b\"].param`";
                    let span = self.span_of(self.at - 1);
                    self.say(self.error(codes::UNEXPECTED, message).at(span).help(help));
                }
                _ => {}
            }
            sends = sent;
        }
        if sends == Some(true) && halves == 1 {
            self.unexpected("`->` and the parameter that receives the value");
        }
        self.complete(edge, K::EdgeStatement)
    }

    /// A resource and perhaps one of its values; says whether there is a value.
    fn edge_end(&mut self) -> Option<bool> {
        if !self.at(K::Capitalized) {
            if self.at(K::Identifier) {
                let help = "edges name kinds with capitals: `File[\"/x\"]`";
                self.unexpected_help("a resource", help);
            } else {
                self.unexpected("a resource such as `File[\"/x\"]`");
            }
            return None;
        }
        if !self.edge_half() {
            return None;
        }
        if !self.eat(K::Dot) {
            return Some(false);
        }
        if self.at(K::Identifier) || self.kind().is_word() {
            self.bump();
            return Some(true);
        }
        self.unexpected("the name of a value");
        None
    }

    /// `Http:Server["a"]`
    fn edge_half(&mut self) -> bool {
        let half = self.start();
        let kind = self.start();
        self.bump();
        while self.eat(K::Colon) {
            if !self.expect(K::Capitalized, "a capitalized name") {
                break;
            }
        }
        self.complete(kind, K::EdgeKind);
        let is_half = self.at(K::OpenBracket);
        if is_half {
            let open = self.at;
            self.bump();
            if !self.expr() {
                self.skip(&[]);
            }
            self.close(open, K::CloseBracket);
        } else {
            self.unexpected("`[` and the name of a resource");
        }
        self.complete(half, K::EdgeHalf);
        is_half
    }
}
