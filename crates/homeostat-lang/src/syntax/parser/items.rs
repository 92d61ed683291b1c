//! What stands between brackets with commas: on one line, or each on a line of its own.

use homeostat_model::codes;

use super::{K, Parser};

/// What is said of the commas of items on lines of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commas {
    /// Each item needs one.
    Needed,
    /// How items and their commas stand was said already, at the first line end.
    Explained,
}

impl Parser<'_> {
    /// Parses from the opening bracket to the closing one. `item` says whether there was one.
    pub(super) fn items(&mut self, close: K, node: K, what: &str, item: impl FnMut(&mut Self) -> bool) {
        let part = self.start();
        self.bracketed(close, what, item);
        self.complete(part, node);
    }

    /// The same without a part of its own.
    pub(super) fn bracketed(&mut self, close: K, what: &str, item: impl FnMut(&mut Self) -> bool) {
        let open = self.at;
        self.bump();
        if self.at(K::Newline) {
            self.on_lines(open, close, what, Commas::Needed, item);
        } else {
            self.on_one_line(open, close, what, item);
        }
    }

    pub(super) fn on_lines(
        &mut self,
        open: usize,
        close: K,
        what: &str,
        commas: Commas,
        mut item: impl FnMut(&mut Self) -> bool,
    ) {
        loop {
            self.newlines();
            if self.eat(close) {
                return;
            }
            if self.at_stop() || self.leaves(open) {
                return self.unclosed(open, close);
            }
            if self.at(K::Comma) {
                self.stray_comma(what);
                continue;
            }
            let before = self.at;
            if !item(self) {
                self.skip(&[K::Comma]);
            }
            match self.kind() {
                K::Comma => {
                    self.bump();
                    if commas == Commas::Needed {
                        self.after_comma(close);
                    }
                }
                kind if kind == close || kind == K::Newline => {
                    if commas == Commas::Needed {
                        self.missing_comma();
                    }
                }
                K::End | K::CloseBrace | K::CloseBracket | K::CloseParen => {}
                _ if self.glued_to_number() => {
                    self.eat(K::Comma);
                }
                _ => {
                    self.unexpected("`,`");
                    self.skip(&[K::Comma]);
                    self.eat(K::Comma);
                }
            }
            if self.at == before && !self.at_stop() {
                self.bump_wrong();
            }
        }
    }

    /// After a comma that ends a line there is a line end.
    fn after_comma(&mut self, close: K) {
        if self.at(K::Newline) || self.at(K::End) || self.at(K::Comma) {
            return;
        }
        let message = format!("expected the end of the line, found {}", self.describe());
        let help = if self.at(close) {
            "the closing bracket goes on a line of its own"
        } else {
            "where the first item is on a line of its own, all of them are"
        };
        self.say(self.error(codes::LINE_END, message).help(help));
    }

    pub(super) fn missing_comma(&mut self) {
        // A line that breaks off lacks more than its comma, and that was said.
        if self.diagnostics.last().is_some_and(|last| last.span == Some(self.here())) {
            return;
        }
        let place = self.after_last();
        let missing = self
            .error(codes::MISSING_COMMA, "a comma is missing at the end of the line")
            .at(place)
            .saying("add a trailing comma");
        self.say(missing);
    }

    fn stray_comma(&mut self, what: &str) {
        let message = format!("expected {what}, found `,`");
        self.say(self.error(codes::STRAY_COMMA, message).saying("remove this comma"));
        self.bump_wrong();
    }

    fn on_one_line(&mut self, open: usize, close: K, what: &str, mut item: impl FnMut(&mut Self) -> bool) {
        if self.eat(close) {
            return;
        }
        let mut after_comma = false;
        let mut is_said = false;
        loop {
            if self.at(K::Comma) {
                self.stray_comma(what);
                continue;
            }
            if self.at(close) {
                if after_comma {
                    let message = format!("expected {what} after the comma, found {}", self.describe());
                    let help = "remove the comma: it stays only where each item has a line of its own";
                    self.say(self.error(codes::STRAY_COMMA, message).help(help));
                }
                self.bump();
                return;
            }
            if self.at(K::Newline) && self.closes_later(open) {
                let message = format!("expected {what}, found the end of the line");
                let help = "either all items stand on the line of the bracket, or each on a line of its own \
                            after it, with a comma at its end";
                self.say(self.error(codes::LINE_END, message).help(help));
                return self.on_lines(open, close, what, Commas::Explained, item);
            }
            if self.at_stop() {
                if !is_said {
                    self.unclosed(open, close);
                }
                return;
            }
            let before = self.at;
            let is_item = item(self);
            if !is_item {
                self.skip(&[K::Comma]);
            }
            match self.kind() {
                K::Comma => {
                    self.bump();
                    after_comma = true;
                }
                kind if kind == close => after_comma = false,
                K::Newline if self.closes_later(open) => {
                    let message = "expected `,` or the closing bracket, found the end of the line";
                    let help = "either all of it stands on one line, or each item on a line of its own with a \
                                comma at its end";
                    self.say(self.error(codes::LINE_END, message).help(help));
                    return self.on_lines(open, close, what, Commas::Explained, item);
                }
                _ if self.at_stop() => {}
                K::OpenBrace if close == K::CloseParen && !self.closes_later(open) => {
                    return self.unclosed(open, close);
                }
                _ if self.glued_to_number() => after_comma = self.eat(K::Comma),
                kind => {
                    let closing = close.spelling().unwrap_or_default();
                    if is_item && self.starts_item() && kind != K::Unknown {
                        let message = format!("expected `,` or {closing}, found {}", self.describe());
                        self.say(
                            self.error(codes::MISSING_COMMA, message).help("separate the items by commas"),
                        );
                    } else {
                        self.unexpected(&format!("`,` or {closing}"));
                        self.skip(&[K::Comma]);
                        is_said = true;
                    }
                    after_comma = false;
                }
            }
            if self.at == before && !self.at_stop() {
                self.bump_wrong();
            }
        }
    }

    fn starts_item(&self) -> bool {
        self.starts_operand() || self.at_any(&[K::Dollar, K::Identifier])
    }

    pub(super) fn closes_later(&self, open: usize) -> bool {
        self.closers[open].is_some_and(|closer| closer as usize >= self.at)
    }

    /// Whether a line begins here that stands further left than the line of an unclosed bracket, or as far left and is a
    /// statement: the bracket was forgotten then.
    pub(super) fn leaves(&self, open: usize) -> bool {
        if !self.at_line_start() {
            return false;
        }
        // A parameter with its type looks like a definition.
        let may_be_param =
            self.at(K::Dollar) && self.tokens[open].kind == K::OpenParen && self.closes_later(open);
        self.starts_statement() && !may_be_param && self.indent(self.at) <= self.line_indent(open)
    }

    pub(super) fn at_line_start(&self) -> bool {
        self.at == 0 || self.tokens[self.at - 1].kind == K::Newline
    }

    pub(super) fn unclosed(&mut self, open: usize, close: K) {
        let opening = self.tokens[open].kind.spelling().unwrap_or_default();
        let closing = close.spelling().unwrap_or_default();
        let message = format!("expected {closing}, found {}", self.describe());
        let unclosed = self
            .error(codes::UNCLOSED, message)
            .label(self.span_of(open), format!("this {opening} is not closed"))
            .help(format!("add the missing {closing}"));
        self.say(unclosed);
    }
}
