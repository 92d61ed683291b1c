//! Lists, maps, structs, functions and `if` as expressions.

use homeostat_model::codes;

use super::{Completed, K, Marker, Parser};

impl Parser<'_> {
    pub(super) fn list(&mut self) -> Completed {
        let list = self.start();
        let Some(open) = self.comprehension_ahead(list, K::CloseBracket, K::ListComprehension) else {
            self.bracketed(K::CloseBracket, "an item", Self::expr);
            return self.complete(list, K::List);
        };
        open
    }

    pub(super) fn map(&mut self) -> Completed {
        let map = self.start();
        if self.is_template() {
            self.template();
            return self.complete(map, K::Error);
        }
        let Some(open) = self.comprehension_ahead(map, K::CloseBrace, K::MapComprehension) else {
            self.bracketed(K::CloseBrace, "`key => value`", Self::map_entry);
            return self.complete(map, K::Map);
        };
        open
    }

    fn map_entry(&mut self) -> bool {
        let entry = self.start();
        let mut is_entry = self.expr();
        if is_entry {
            is_entry = self.rocket("keys and values are joined by `=>`") && self.expr();
        }
        self.complete(entry, K::MapEntry);
        is_entry
    }

    /// Parses a comprehension, if the bracket holds one.
    fn comprehension_ahead(&mut self, part: Marker, close: K, kind: K) -> Option<Completed> {
        if !self.comprehensions[self.at] {
            return None;
        }
        let open = self.at;
        self.bump();
        self.newlines();
        if kind == K::MapComprehension {
            self.map_entry();
        } else {
            self.expr();
        }
        self.newlines();
        let header = self.start();
        if self.at(K::ForWord) || self.at(K::ForkvWord) {
            let is_forkv = self.at(K::ForkvWord);
            self.bump();
            self.loop_header(!is_forkv);
        } else {
            self.unexpected("`for`");
            self.skip(&[close]);
        }
        self.complete(header, K::ComprehensionFor);
        if self.at(K::Newline) && self.closes_later(open) {
            self.newlines();
        }
        if self.at(K::IfWord) {
            let filter = self.start();
            self.bump();
            self.expr();
            self.complete(filter, K::ComprehensionIf);
            if self.at(K::Newline) && self.closes_later(open) {
                self.newlines();
            }
        }
        self.close(open, close);
        Some(self.complete(part, kind))
    }

    /// `$key, $value in collection`
    pub(super) fn loop_header(&mut self, may_be_single: bool) -> bool {
        let mut is_header = self.variable_name();
        if is_header && !(may_be_single && self.at(K::InWord)) {
            is_header = if self.at(K::InWord) {
                let help = "a loop names two variables: the index or key, and the value";
                self.unexpected_help("`,` and a second variable", help);
                true
            } else {
                self.expect(K::Comma, "`,` and a second variable") && self.variable_name()
            };
        }
        if is_header && !self.at(K::InWord) {
            let help = "a loop is written `for $index, $value in list { … }`";
            self.unexpected_help("`in`", help);
            if self.at_any(&[K::Identifier, K::Equals, K::Colon]) {
                self.bump_wrong();
            }
            return self.starts_operand() && self.expr();
        }
        is_header && self.expect(K::InWord, "`in`") && self.expr()
    }

    pub(super) fn strukt(&mut self) -> Completed {
        let strukt = self.start();
        self.bump();
        if self.at(K::OpenBrace) {
            self.bracketed(K::CloseBrace, "`field => value`", Self::struct_field);
        } else {
            self.unexpected("`{`");
        }
        self.complete(strukt, K::Struct)
    }

    fn struct_field(&mut self) -> bool {
        let field = self.start();
        let help = "the fields of a struct have plain names: `name => value`; a map has strings as keys";
        let joined = "fields and values are joined by `=>`";
        let is_field = if self.eat(K::Identifier) {
            self.rocket(joined) && self.expr()
        } else if self.kind().is_word() && self.nth(1) == K::Rocket {
            let help = "this word has a meaning of its own and cannot be a name";
            self.unexpected_help("the name of a field", help);
            self.bump_wrong();
            self.rocket(joined) && self.expr()
        } else {
            self.unexpected_help("the name of a field", help);
            false
        };
        self.complete(field, K::StructField);
        is_field
    }

    /// `func($a, $b) type { … }`, and its call if one follows.
    pub(super) fn lambda(&mut self) -> Completed {
        let lambda = self.start();
        self.bump();
        self.function_rest();
        let lambda = self.complete(lambda, K::Lambda);
        if !self.at(K::OpenParen) {
            return lambda;
        }
        let call = self.precede(lambda);
        self.args();
        self.complete(call, K::CallValue)
    }

    /// Parameters, result and body.
    pub(super) fn function_rest(&mut self) {
        if self.at(K::OpenParen) {
            self.params(false);
        } else {
            self.unexpected("`(`");
            self.skip(&[K::OpenBrace, K::OpenParen]);
            if self.at(K::OpenParen) {
                self.params(false);
            }
        }
        if self.at_any(&[K::Arrow, K::Colon]) {
            let help = "the type of the result follows the parameters: `func f($x int) int { … }`";
            self.unexpected_help("`{` and the body of the function", help);
            self.bump_wrong();
        }
        if self.kind().starts_type() {
            self.type_();
        }
        if self.at(K::OpenBrace) {
            self.func_body();
        } else {
            self.unopened_func_body();
        }
    }

    pub(super) fn params(&mut self, of_class: bool) {
        self.items(K::CloseParen, K::Params, "a parameter", |parser| parser.param(of_class));
    }

    fn param(&mut self, of_class: bool) -> bool {
        let param = self.start();
        if self.at(K::Identifier) {
            let help = format!("parameters are variables: `${}`", self.found());
            self.unexpected_help("a parameter", &help);
            self.complete(param, K::Param);
            return false;
        }
        if self.kind().starts_type() {
            self.unexpected_help("a parameter", "the type follows the name: `$x int`");
            self.type_();
        }
        let mut is_param = self.variable_name();
        self.colon_before_type();
        if is_param && self.kind().starts_type() {
            self.type_();
        }
        if is_param && self.eat(K::Equals) {
            is_param = self.expr();
        }
        if is_param && self.at(K::Identifier) && self.found() == "where" {
            if !of_class {
                let message = "only parameters of classes can have checks";
                self.say(
                    self.error(codes::UNEXPECTED, message).help("check it with `panic` where it is used"),
                );
            }
            self.bump();
            is_param = self.expr();
        }
        self.complete(param, K::Param);
        is_param
    }

    /// The bindings of a function, and the expression that is its value.
    fn func_body(&mut self) {
        let body = self.start();
        let open = self.at;
        self.bump();
        self.newlines();
        while self.is_bind(0) {
            self.bind();
            if !self.at(K::Newline) {
                if self.at(K::CloseBrace) {
                    let help = "the last line of a function is its value";
                    self.unexpected_help("an expression on a line of its own", help);
                } else {
                    self.unexpected("the end of the line");
                    self.skip(&[]);
                }
            }
            self.newlines();
        }
        self.block_value(open);
        self.complete(body, K::FuncBody);
    }

    pub(super) fn block_value(&mut self, open: usize) {
        if !self.at(K::CloseBrace) || self.tokens[self.at - 1].kind != K::Newline || self.at == open + 1 {
            if !self.expr() {
                self.skip(&[]);
            }
        } else if self.diagnostics.last().is_none_or(|last| last.span != Some(self.here())) {
            self.unexpected("an expression");
        }
        self.newlines();
        if self.at(K::CloseBrace) {
            self.bump();
        } else if (self.at_stop() && !self.closes_later(open)) || self.leaves(open) {
            self.unclosed(open, K::CloseBrace);
        } else {
            self.unexpected_help("`}`", "a value is one expression");
            let skipped = self.start();
            let end = self.closers[open].map_or(self.at, |closer| closer as usize);
            while self.at < end {
                self.bump();
            }
            self.complete(skipped, K::Error);
            if self.closers[open].is_some() {
                self.eat(K::CloseBrace);
            }
        }
    }

    /// `if c { a } else if d { b } else { c }`
    pub(super) fn if_expr(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        self.condition();
        loop {
            self.expr_block();
            if !self.at_else() {
                let help = "an `if` that is a value says what it is otherwise: `else { … }`";
                self.unexpected_help("`else`", help);
                break;
            }
            if !self.else_or_else_if() {
                self.expr_block();
                break;
            }
        }
        self.complete(part, K::IfExpr)
    }

    pub(super) fn condition(&mut self) {
        let is_condition = self.expr();
        if is_condition && self.at(K::Equals) {
            self.unexpected_help("`{`", "two values are compared by `==`");
            self.bump_wrong();
            self.expr();
        } else if !is_condition {
            self.skip(&[K::OpenBrace]);
        }
    }

    fn expr_block(&mut self) {
        if !self.at(K::OpenBrace) {
            self.missing_brace("`{`");
            if !self.at(K::OpenBrace) {
                return;
            }
        }
        let block = self.start();
        let open = self.at;
        self.bump();
        self.newlines();
        self.block_value(open);
        self.complete(block, K::ExprBlock);
    }

    /// Whether `else` comes, or a word for `else if` from elsewhere, or `else` on a line of its own.
    pub(super) fn at_else(&self) -> bool {
        let mut ahead = 0;
        while self.nth(ahead) == K::Newline {
            ahead += 1;
        }
        self.nth(ahead) == K::ElseWord || (self.at(K::Identifier) && is_else_if(self.found()))
    }

    /// Takes `else`, or `else if` with its condition: then it is true. Says how they are written where they are not.
    pub(super) fn else_or_else_if(&mut self) -> bool {
        if self.at(K::Newline) {
            self.newlines();
            let own_line = self
                .error(codes::LINE_END, "`else` stands on a line of its own")
                .help("it belongs on the line of the closing brace: `} else {`");
            self.say(own_line);
        }
        let is_else_if = if self.eat(K::ElseWord) {
            self.eat(K::IfWord)
        } else {
            let message = format!("`{}` means nothing here", self.found());
            self.say(
                self.error(codes::UNEXPECTED, message).saying("this is written in two words: `else if`"),
            );
            self.bump_wrong();
            true
        };
        if is_else_if {
            self.condition();
        }
        is_else_if
    }
}

fn is_else_if(word: &str) -> bool {
    matches!(word, "elif" | "elsif" | "elseif")
}
