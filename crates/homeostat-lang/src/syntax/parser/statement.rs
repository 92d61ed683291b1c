//! Statements and blocks of them.

use homeostat_model::{codes, suggest};

use super::habits::NO_YAML;
use super::{Completed, K, Parser};

/// The words that statements begin with.
const WORDS: &[&str] = &["if", "for", "forkv", "func", "class", "include", "import", "panic", "collect"];

impl Parser<'_> {
    /// Statements up to `end`, which is not taken.
    pub(super) fn statements(&mut self, end: K) {
        loop {
            self.newlines();
            if self.at(end) || self.at(K::End) {
                return;
            }
            let before = self.at;
            if self.at(K::CloseBrace) && self.unopened > 0 {
                self.unopened -= 1;
                self.bump_wrong();
                continue;
            }
            if self.at_any(&[K::CloseBrace, K::CloseBracket, K::CloseParen]) {
                let message = format!("expected a statement, found {}", self.describe());
                self.say(
                    self.error(codes::UNCLOSED, message).help("no bracket is open here that this one closes"),
                );
                self.bump_wrong();
                continue;
            }
            if self.statement().is_none() {
                self.skip(&[]);
            }
            self.statement_end(end);
            if self.at == before {
                self.bump_wrong();
            }
        }
    }

    /// After a statement comes the end of its line.
    fn statement_end(&mut self, end: K) {
        match self.kind() {
            K::Newline => {}
            // A bracket was not closed, and this is a line of what is around it.
            _ if self.at_line_start() && !self.at(K::End) => {}
            K::CloseBrace if self.unopened > 0 => {}
            K::CloseBrace if end == K::CloseBrace => {
                let message = "expected the end of the line, found `}`";
                let help = "the closing brace of a block of statements begins a line of its own";
                self.say(self.error(codes::LINE_END, message).help(help));
            }
            K::End => {
                if self.tokens.get(self.at.wrapping_sub(1)).is_some_and(|last| last.kind != K::Newline) {
                    let message = "the last line has no end";
                    let help = "end the file with a line end";
                    self.say(self.error(codes::LINE_END, message).help(help));
                }
            }
            K::Semicolon => {
                self.unexpected_help("the end of the line", "each statement stands on a line of its own");
                self.bump_wrong();
            }
            _ => {
                self.unexpected_after_statement();
                self.skip(&[]);
                while self.at_any(&[K::CloseBracket, K::CloseParen]) {
                    self.bump_wrong();
                    self.skip(&[]);
                }
            }
        }
    }

    fn unexpected_after_statement(&mut self) {
        let what = "the end of the line";
        match self.kind() {
            K::Equals => self.unexpected_help(what, "two values are compared by `==`"),
            K::Dot if self.follows(&[K::Integer]) => {
                self.unexpected_help(what, "a float has digits on both sides of its point: `3.0`");
            }
            K::Dot if self.is_glued(0) => {
                self.unexpected_help(what, "a field of a struct is read by `->`; values have no methods");
            }
            K::Dot => self.unexpected_help(what, "strings are joined by `+`"),
            _ if self.is_second_string() && self.is_glued(0) => {
                self.unexpected_help(what, "a string stands between single `\"`, and may have many lines");
            }
            _ if self.is_second_string() => {
                self.unexpected_help(what, "strings are joined by `+`");
            }
            K::CloseParen | K::CloseBracket => {
                self.unexpected_help(what, "no bracket is open here that this one closes");
            }
            K::Rocket if self.follows(&[K::CloseParen]) => {
                self.unexpected_help(what, "a function is written `func($x) { … }`");
            }
            _ if self.glued_to_number() => {}
            _ => self.unexpected(what),
        }
    }

    /// `{ … }` with statements.
    pub(super) fn block(&mut self) {
        if !self.at(K::OpenBrace) {
            self.missing_brace("`{`");
            if !self.at(K::OpenBrace) {
                return;
            }
        }
        let block = self.start();
        let open = self.at;
        self.bump();
        self.statements(K::CloseBrace);
        if !self.eat(K::CloseBrace) {
            self.unclosed(open, K::CloseBrace);
        }
        self.complete(block, K::Block);
    }

    /// Whether what begins here can only be a statement.
    pub(super) fn starts_statement(&self) -> bool {
        match self.kind() {
            K::Dollar => self.is_bind(0),
            K::ForWord | K::ForkvWord | K::ClassWord | K::IncludeWord | K::ImportWord | K::PanicWord => true,
            K::FuncWord => self.nth(1) == K::Identifier,
            K::Identifier => matches!(self.nth(1), K::String | K::Dollar | K::Colon),
            K::Capitalized => self.nth(1) == K::OpenBracket,
            _ => false,
        }
    }

    fn statement(&mut self) -> Option<Completed> {
        self.deeper(Self::statement_inner)
    }

    fn statement_inner(&mut self) -> Option<Completed> {
        Some(match self.kind() {
            K::Dollar => self.bind(),
            K::IfWord => self.if_statement(),
            K::ForWord => self.for_statement(K::For),
            K::ForkvWord => self.for_statement(K::Forkv),
            K::FuncWord => self.func_def(),
            K::ClassWord => self.class(),
            K::IncludeWord => self.include(),
            K::ImportWord => self.import(),
            K::PanicWord => self.panic(),
            K::CollectWord => self.collect(),
            K::Capitalized if matches!(self.nth(1), K::String | K::Dollar) && self.has_body() => {
                self.capital_resource()
            }
            K::Capitalized => self.edge(),
            K::Identifier => {
                return self.testing().or_else(|| self.habit()).or_else(|| self.named_statement());
            }
            K::ElseWord => {
                self.unexpected_help(
                    "a statement",
                    "`else` follows the closing brace of an `if`, on its line",
                );
                self.bump_wrong();
                if self.eat(K::IfWord) {
                    self.condition();
                }
                self.block();
                return None;
            }
            _ => {
                self.no_statement();
                return None;
            }
        })
    }

    fn no_statement(&mut self) {
        let is_operator = matches!(
            self.kind(),
            K::Plus
                | K::Minus
                | K::Star
                | K::Slash
                | K::Percent
                | K::Except
                | K::Arrow
                | K::AndWord
                | K::OrWord
                | K::InWord
        );
        if self.at(K::Minus) && self.nth(1) == K::Minus && self.is_glued(1) {
            self.unexpected_help("a statement", "comments begin with `#`");
            self.rest_of_line();
        } else if self.at(K::Minus) && self.nth(1) == K::Identifier && self.nth(2) == K::Colon {
            self.unexpected_help("a statement", NO_YAML);
            self.rest_of_line();
        } else if is_operator {
            self.unexpected_help(
                "a statement",
                "an operator and what is on both sides of it stand on one line",
            );
        } else if self.starts_operand() {
            self.unexpected_help(
                "a statement",
                "a value alone does nothing: give it a name with `$name = …`",
            );
        } else {
            self.unexpected("a statement");
        }
    }

    /// What begins with a name: a resource, or something that was meant to be something else.
    fn named_statement(&mut self) -> Option<Completed> {
        let name = self.found();
        match self.nth(1) {
            K::Equals => {
                let help = format!("variables begin with `$`: `${name} = …`");
                self.unexpected_help("a statement", &help);
                self.bump_wrong();
                self.bump_wrong();
                self.expr();
                None
            }
            K::OpenBracket if self.is_edge_ahead() => Some(self.edge()),
            K::Colon if self.nth(2) == K::Newline => {
                self.yaml();
                None
            }
            K::Minus if self.is_glued(1) => {
                self.bump();
                self.unexpected_help("a statement", "names have no `-`: write `_`");
                self.skip(&[K::OpenBrace]);
                if self.at(K::OpenBrace) {
                    self.skip_one_wrong();
                }
                None
            }
            K::OpenParen | K::Dot if self.nth(1) == K::Dot || !self.is_operand_with_more(self.at + 1) => {
                let help = "a call alone does nothing: give its value a name with `$name = …`";
                self.unexpected_help("a statement", help);
                let wrong = self.start();
                self.expr();
                self.complete(wrong, K::Error);
                None
            }
            K::Identifier | K::Newline | K::End if !self.is_call(1) => self.no_such_statement(name),
            K::OpenBrace if !self.is_operand_with_more(self.at + 1) => {
                if suggest::did_you_mean(name, WORDS.iter().copied()).is_some() {
                    return self.no_such_statement(name);
                }
                Some(self.unnamed_resource())
            }
            _ => {
                let near = suggest::did_you_mean(name, ["include", "import", "class", "panic", "collect"]);
                if let (Some(word), K::String | K::Dollar) = (near, self.nth(1))
                    && !self.has_body()
                {
                    let message = format!("expected a statement, found `{name}`");
                    self.say(
                        self.error(codes::UNEXPECTED, message).saying(format!("did you mean `{word}`?")),
                    );
                    return None;
                }
                Some(self.resource())
            }
        }
    }

    /// A name that nothing belongs to: a mistyped word, or a resource without its name.
    fn no_such_statement(&mut self, name: &str) -> Option<Completed> {
        let near = suggest::did_you_mean(name, WORDS.iter().copied());
        let error = self.error(codes::UNEXPECTED, format!("expected a statement, found `{name}`"));
        self.say(match near {
            Some(word) => error.saying(format!("did you mean `{word}`?")),
            None => error.help(format!("a resource has a kind, a name and fields: `{name} \"…\" {{ }}`")),
        });
        self.bump_wrong();
        self.skip(&[K::OpenBrace]);
        if self.at(K::OpenBrace) {
            self.skip_one_wrong();
        }
        None
    }

    /// Whether something follows a bracket on its line.
    fn is_operand_with_more(&self, open: usize) -> bool {
        let after = self.closers[open].and_then(|closer| self.tokens.get(closer as usize + 1));
        after.is_some_and(|after| !matches!(after.kind, K::Newline | K::End | K::CloseBrace))
    }

    /// Whether a brace opens on this line.
    pub(super) fn has_body(&self) -> bool {
        let line = self.tokens[self.at..].iter().take_while(|token| token.kind != K::Newline);
        line.take(64).any(|token| token.kind == K::OpenBrace)
    }

    pub(super) fn skip_one_wrong(&mut self) {
        let wrong = self.start();
        self.skip_one();
        self.complete(wrong, K::Error);
    }

    /// `$name type = value`
    pub(super) fn bind(&mut self) -> Completed {
        let bind = self.start();
        let said = self.diagnostics.len();
        if self.variable_name() {
            self.colon_before_type();
            if self.is_changed() {
                return self.complete(bind, K::Error);
            }
            if self.at(K::Capitalized) {
                self.no_such_type();
                self.skip(&[K::Equals]);
            } else if self.kind().starts_type() || (self.at(K::Identifier) && self.nth(1) == K::Equals) {
                self.type_();
                self.brackets_behind_type();
            }
            if self.at(K::EqualsEquals) {
                self.unexpected_help("`=`", "a definition has a single `=`");
                self.bump_wrong();
                self.value_of_bind();
            } else if self.at_any(&[K::Rocket, K::Colon]) {
                self.unexpected_help("`=`", "a variable is defined by `=`");
                self.bump_wrong();
                self.eat(K::Equals);
                self.value_of_bind();
            } else if self.eat(K::Equals) {
                self.value_of_bind();
            } else {
                // A type that was wrong may have taken what is missing.
                if self.diagnostics.len() == said {
                    self.unexpected("`=` and a value");
                }
                self.skip(&[]);
            }
        } else {
            self.skip(&[]);
        }
        self.complete(bind, K::Bind)
    }

    fn value_of_bind(&mut self) {
        if self.at(K::Equals) {
            self.unexpected_help("an expression", "a definition has a single `=`");
            self.bump_wrong();
        }
        if !self.expr() {
            self.skip(&[]);
        }
    }

    fn if_statement(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        self.condition();
        loop {
            self.block();
            if !self.at_else() {
                break;
            }
            if !self.else_or_else_if() {
                self.block();
                break;
            }
        }
        self.complete(part, K::IfStatement)
    }

    fn for_statement(&mut self, node: K) -> Completed {
        let part = self.start();
        self.bump();
        if self.at(K::OpenParen) {
            let help = "what a loop names stands without parentheses: `for $index, $value in … { … }`";
            self.unexpected_help("a variable", help);
            self.skip(&[K::OpenBrace]);
        } else if !self.loop_header(false) {
            self.skip(&[K::OpenBrace]);
        }
        self.block();
        self.complete(part, node)
    }

    fn func_def(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if !self.eat(K::Identifier) {
            let help = match self.at(K::Capitalized) {
                true => "names begin with a small letter",
                false => "a function without a name is a value: `$name = func(…) { … }`",
            };
            self.unexpected_help("the name of the function", help);
            self.skip(&[K::OpenParen, K::OpenBrace]);
        }
        self.function_rest();
        self.complete(part, K::FuncDef)
    }

    fn class(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if self.at(K::Capitalized) {
            self.unexpected_help("the name of the class", "names begin with a small letter");
            self.bump_wrong();
        } else if self.kind().is_word() {
            self.unexpected_help(
                "the name of the class",
                "this word has a meaning of its own and cannot be a name",
            );
            self.skip(&[K::OpenParen, K::OpenBrace]);
        } else if !self.colon_name(K::ClassName, "the name of the class") {
            self.skip(&[K::OpenParen, K::OpenBrace]);
        }
        if self.at(K::OpenParen) {
            self.params(true);
        }
        self.block();
        self.complete(part, K::Class)
    }

    fn include(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if self.at(K::String) {
            self.unexpected_help("the name of a class", "names of classes are written without quotes");
            self.bump_wrong();
            return self.complete(part, K::Error);
        }
        if self.at(K::Dollar) {
            self.unexpected_help("the name of a class", "names of classes are written without `$`");
            self.bump_wrong();
        }
        self.dotted("the name of a class");
        if self.at(K::OpenParen) {
            self.args();
        }
        if self.eat(K::AsWord) {
            self.alias("a name");
        }
        self.complete(part, K::Include)
    }

    fn import(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if !self.eat(K::String) {
            self.unexpected_help("a string", "what is imported is named by a string: `import \"fmt\"`");
            self.skip(&[]);
            return self.complete(part, K::Import);
        }
        if self.eat(K::AsWord) && !self.eat(K::Star) {
            self.alias("a name or `*`");
        }
        self.complete(part, K::Import)
    }

    fn panic(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if self.at(K::OpenParen) {
            self.args();
        } else {
            self.unexpected_help("`(`", "`panic` is called: `panic(\"…\")`");
            self.skip(&[]);
        }
        self.complete(part, K::Panic)
    }

    fn collect(&mut self) -> Completed {
        let part = self.start();
        self.bump();
        if self.at(K::Identifier) {
            self.resource();
        } else if self.at(K::Capitalized) && self.has_body() {
            self.capital_resource();
        } else {
            self.unexpected("the kind of the resources to collect");
        }
        self.complete(part, K::Collect)
    }
}
