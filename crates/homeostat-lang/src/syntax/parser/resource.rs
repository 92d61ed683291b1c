//! Resources and edges.

use homeostat_model::{Span, codes};

use super::super::lexer::COLLECT;
use super::{Completed, K, Marker, Parser};

/// What joins the two sides of a field.
pub(super) const JOINED: &str = "fields and values are joined by `=>`";

fn is_edge_word(word: &str) -> bool {
    matches!(word, "Before" | "Depend" | "Notify" | "Listen" | "Meta")
}

impl Parser<'_> {
    /// `kind name { … }`
    pub(super) fn resource(&mut self) -> Completed {
        let resource = self.start();
        self.colon_name(K::KindName, "the name of a kind");
        if self.expr() {
            if self.at(K::OpenBrace) {
                self.resource_body();
            } else {
                self.missing_body();
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
            let what = "a name after the colon";
            let help = match self.kind() {
                K::Colon => "the parts of a name are joined by one `:`",
                K::Capitalized => "kinds are written in small letters where they are declared",
                _ => {
                    is_name = self.expect(K::Identifier, what);
                    continue;
                }
            };
            self.unexpected_help(what, help);
            self.bump_wrong();
            if self.at(K::Identifier) {
                self.bump();
            }
        }
        self.complete(name, node);
        is_name
    }

    pub(super) fn resource_body(&mut self) {
        let body = self.start();
        let open = self.at;
        self.bump();
        self.resource_lines(Some(open));
        self.complete(body, K::ResourceBody);
    }

    /// The fields up to the closing brace; without an opening one where that was missed already.
    pub(super) fn resource_lines(&mut self, open: Option<usize>) {
        loop {
            self.newlines();
            if self.eat(K::CloseBrace) {
                break;
            }
            if self.at_stop() || self.leaves(open.unwrap_or(self.at)) {
                if let Some(open) = open {
                    self.unclosed(open, K::CloseBrace);
                }
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
                _ if self.is_line_of_resource(0) => {
                    let message = format!("expected `,`, found {}", self.describe());
                    let missing = self.error(codes::MISSING_COMMA, message);
                    self.say(missing.help("separate the fields by commas"));
                }
                K::Semicolon => {
                    self.unexpected_help("`,`", "the fields of a resource end with commas");
                    self.bump_wrong();
                }
                K::Equals => {
                    self.unexpected_help("`,`", "two values are compared by `==`");
                    self.skip(&[K::Comma]);
                    self.eat(K::Comma);
                }
                _ if self.glued_to_number() => {
                    self.eat(K::Comma);
                }
                _ => {
                    self.unexpected("`,`");
                    self.skip(&[K::Comma]);
                    self.eat(K::Comma);
                }
            }
        }
    }

    fn resource_line(&mut self) -> bool {
        match self.kind() {
            // Some kinds have fields such as `int`; nothing else has a word in front of `=>`.
            K::Identifier if self.found() == "meta" && self.nth(1) == K::Colon => self.small_meta(),
            K::Identifier if matches!(self.nth(1), K::String | K::Dollar) && self.is_resource_ahead() => {
                self.unexpected_help("a field", "no resource stands within another");
                self.resource();
                // There is no comma to be missed.
                self.newlines();
                false
            }
            kind if kind == K::Identifier || (kind.is_word() && self.is_line_of_resource(0)) => {
                let field = self.start();
                let name = self.found();
                self.bump();
                let is_rocket = self.rocket(JOINED);
                if is_rocket && self.is_edge_half_ahead() {
                    self.edge_as_field(name);
                    self.complete(field, K::Error);
                    return true;
                }
                let is_line = is_rocket && self.value();
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
            K::IfWord => {
                let help = "a field with a condition is written `field => condition ?: value,`";
                self.unexpected_help("a field, an edge or `}`", help);
                false
            }
            K::Dollar => {
                let help = "variables are defined outside of resources";
                self.unexpected_help("a field, an edge or `}`", help);
                false
            }
            _ => {
                self.unexpected("a field, an edge or `}`");
                false
            }
        }
    }

    /// Takes `=>`, or what stands in its place in other languages.
    pub(super) fn rocket(&mut self, help: &str) -> bool {
        if self.at_any(&[K::Equals, K::Colon, K::Arrow, K::GreaterEquals, K::EqualsEquals]) {
            self.unexpected_help("`=>`", help);
            self.bump_wrong();
            return true;
        }
        if self.starts_operand() {
            self.unexpected_help("`=>`", help);
            return true;
        }
        self.expect(K::Rocket, "`=>` and a value")
    }

    /// A value, or a condition and a value.
    pub(super) fn value(&mut self) -> bool {
        self.expr() && (!self.eat(K::Elvis) || self.expr())
    }

    /// `Meta:x => …`, `Meta => …`, `Before => …`
    fn capitalized_line(&mut self) -> bool {
        let line = self.start();
        let word = self.found();
        self.bump();
        if !is_edge_word(word) && self.at(K::Rocket) && !self.is_edge_value_ahead() {
            return self.capital_field(line, word);
        }
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
            } else if self.at_any(&[K::Dot, K::OpenBracket]) {
                self.unexpected_help("`:`", "meta parameters are written `Meta:noop => true`");
                self.skip(&[K::Rocket, K::Comma]);
                K::Error
            } else {
                K::MetaStruct
            };
            let is_line = self.rocket(JOINED) && self.value();
            self.complete(line, if word == "Meta" { node } else { K::Error });
            return is_line;
        }
        let mut is_line = self.rocket(JOINED);
        if is_line {
            is_line = if self.at(K::Capitalized) {
                self.edge_half()
            } else if self.at(K::OpenBracket) && self.nth(1) == K::Capitalized {
                let help = format!("each edge has a line of its own: `{word} => File[\"/x\"],`");
                self.unexpected_help("a resource such as `File[\"/x\"]`", &help);
                self.skip_one_wrong();
                true
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

    /// A field that was written with a capital, as only edges are.
    fn capital_field(&mut self, line: Marker, word: &str) -> bool {
        let message = format!("`{word}` is no edge and no field");
        let span = self.span_of(self.at - 1);
        let help = format!("fields are written in small letters: `{} => …`", word.to_lowercase());
        self.say(self.error(codes::UNEXPECTED, message).at(span).help(help));
        let is_line = self.rocket(JOINED) && self.value();
        self.complete(line, K::Error);
        is_line
    }

    /// `A["x"] -> B["y"]`, or `A["x"].k -> B["y"].k`
    pub(super) fn edge(&mut self) -> Completed {
        let edge = self.start();
        let mut halves = 1;
        let mut sends = self.edge_end();
        loop {
            let arrow = self.here();
            if sends.is_none() || !self.edge_arrow() {
                break;
            }
            halves += 1;
            let sent = self.edge_end();
            if let (Some(before), Some(now)) = (sends, sent) {
                self.value_of_two((before, now), halves, arrow);
            }
            sends = sent;
        }
        if sends == Some(true) && halves == 1 {
            self.unexpected("`->` and the parameter that receives the value");
        }
        self.complete(edge, K::EdgeStatement)
    }

    /// A value goes from one end to one other. What is said of each end is whether it names a value.
    fn value_of_two(&mut self, (before, now): (bool, bool), halves: usize, arrow: Span) {
        let (message, span) = match (before, now) {
            (true, _) | (_, true) if halves > 2 => ("a value is sent from one resource to one other", arrow),
            (true, false) if self.at(K::Newline) => {
                ("expected the parameter that receives the value", self.after_last())
            }
            (true, false) => ("expected the parameter that receives the value", self.here()),
            (false, true) => {
                let named = Span { start: self.span_of(self.at - 2).start, ..self.span_of(self.at - 1) };
                ("expected the value that is sent", named)
            }
            _ => return,
        };
        let help = "one value is sent by `A[\"a\"].value -> B[\"b\"].param`";
        self.say(self.error(codes::UNEXPECTED, message).at(span).help(help));
    }

    /// A resource and perhaps one of its values; says whether there is a value.
    fn edge_end(&mut self) -> Option<bool> {
        if !self.at(K::Capitalized) {
            if self.at(K::Identifier) {
                let help = "edges name kinds with capitals: `File[\"/x\"]`";
                self.unexpected_help("a resource", help);
                if matches!(self.nth(1), K::OpenBracket | K::Colon) {
                    return self.edge_half().then_some(false);
                }
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
    pub(super) fn edge_half(&mut self) -> bool {
        let half = self.start();
        let kind = self.start();
        self.bump();
        while self.eat(K::Colon) {
            if self.at(K::Colon) {
                let help = "the parts of a name are joined by one `:`";
                self.unexpected_help("a capitalized name", help);
                self.bump_wrong();
            }
            if self.at(K::Identifier) {
                let help = "edges name kinds with capitals: `Http:Server[\"x\"]`";
                self.unexpected_help("a capitalized name", help);
                self.bump_wrong();
            } else if !self.expect(K::Capitalized, "a capitalized name") {
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
        } else if self.at(K::OpenParen) {
            let help = "the name of a resource stands in brackets: `File[\"/x\"]`";
            self.unexpected_help("`[` and the name of a resource", help);
            self.skip_one_wrong();
            self.complete(half, K::EdgeHalf);
            return true;
        } else if self.at(K::Less) || (self.at(K::Unknown) && self.found().starts_with('<')) {
            self.unexpected_help("`[` and the name of a resource", COLLECT);
            self.rest_of_line();
        } else {
            self.unexpected("`[` and the name of a resource");
        }
        self.complete(half, K::EdgeHalf);
        is_half
    }
}
