//! Expressions: operators by their strength, and what they work on.

use homeostat_model::codes;

use super::{Completed, HEIGHT_MAX, K, Parser, Stage};

/// How strongly an operator binds, from the weakest.
mod level {
    pub(super) const ANY: u8 = 0;
    pub(super) const EXCEPT: u8 = 1;
    pub(super) const OR: u8 = 2;
    pub(super) const AND: u8 = 3;
    pub(super) const COMPARISON: u8 = 4;
    pub(super) const SUM: u8 = 5;
    pub(super) const PRODUCT: u8 = 6;
    pub(super) const NOT: u8 = 7;
}

fn level_of(kind: K) -> Option<u8> {
    Some(match kind {
        K::Except => level::EXCEPT,
        K::OrWord => level::OR,
        K::AndWord => level::AND,
        K::Less
        | K::Greater
        | K::LessEquals
        | K::GreaterEquals
        | K::EqualsEquals
        | K::NotEquals
        | K::InWord => level::COMPARISON,
        K::Plus | K::Minus => level::SUM,
        K::Star | K::Slash | K::Percent => level::PRODUCT,
        _ => return None,
    })
}

/// What to do without.
const NO_SLICE: &str =
    "parts of a text are taken by `strings.substr`, those of a list by `[$v for $i, $v in $list if $i < 2]`";
const NO_EMPTY: &str =
    "no value is empty: leave the field out, give it by `condition ?: value`, or choose by `if`";

impl Parser<'_> {
    /// An expression, or a diagnostic that one is missing.
    pub(super) fn expr(&mut self) -> bool {
        self.operators(level::ANY).is_some()
    }

    fn operators(&mut self, weakest: u8) -> Option<Completed> {
        self.deeper(|parser| parser.operators_inner(weakest))
    }

    fn operators_inner(&mut self, weakest: u8) -> Option<Completed> {
        let mut left = if self.at(K::NotWord) {
            let not = self.start();
            self.bump();
            self.operators(level::NOT);
            self.complete(not, K::Not)
        } else {
            let operand = self.operand()?;
            self.postfix(operand)
        };
        let mut compared = false;
        loop {
            let operator = self.kind();
            if self.at_glued_number() {
                left = self.glued_number(left);
                continue;
            }
            let Some(level) = level_of(operator).filter(|level| *level >= weakest) else { break };
            if left.height >= HEIGHT_MAX {
                self.too_deep();
                break;
            }
            if level == level::COMPARISON && compared {
                let chained = self
                    .error(codes::CHAINED_COMPARISON, "comparisons cannot be chained")
                    .help("compare twice and join the results by `and`, or use parentheses");
                self.say(chained);
            }
            compared = level == level::COMPARISON;
            let binary = self.precede(left);
            self.bump();
            self.doubled_operator(operator);
            self.right_side(level + 1);
            left = self.complete(binary, if operator == K::Except { K::ExceptExpr } else { K::Binary });
        }
        Some(left)
    }

    /// What follows an operator. Where its line ends too early and the next one goes on, that is read as one expression.
    fn right_side(&mut self, weakest: u8) {
        if self.at(K::Newline) && self.stage == Stage::Parse {
            let message = "expected an expression, found the end of the line";
            let help = "an operator and what follows it stand on one line";
            self.say(self.error(codes::LINE_END, message).help(help));
            let mut next = 0;
            while self.nth(next) == K::Newline {
                next += 1;
            }
            if !self.is_operand(next) || self.is_bind(next) {
                return;
            }
            self.newlines();
        }
        self.operators(weakest);
    }

    /// A number whose sign stands where an operator belongs.
    fn at_glued_number(&self) -> bool {
        self.at_any(&[K::Integer, K::Float]) && self.found().starts_with('-')
    }

    fn glued_number(&mut self, left: Completed) -> Completed {
        let number = self.found().to_owned();
        let digits = number.trim_start_matches('-');
        let glued = self
            .error(codes::SIGN, format!("`{number}` is a number of its own here"))
            .saying(format!("put a space after the sign to subtract: `- {digits}`"));
        self.say(glued);
        let binary = self.precede(left);
        let literal = self.start();
        self.bump();
        self.complete(literal, K::Literal);
        self.complete(binary, K::Binary)
    }

    /// Lookups and fields, from the left to the right.
    fn postfix(&mut self, operand: Completed) -> Completed {
        let mut left = operand;
        loop {
            if left.height >= HEIGHT_MAX && self.at_any(&[K::OpenBracket, K::Arrow]) {
                self.too_deep();
                return left;
            }
            match self.kind() {
                K::OpenBracket => {
                    let index = self.precede(left);
                    let open = self.at;
                    self.bump();
                    if !self.expr() {
                        self.skip(&[]);
                    } else if self.at(K::Colon) {
                        self.unexpected_help("`]`", NO_SLICE);
                        self.skip(&[K::CloseBracket]);
                    }
                    self.close(open, K::CloseBracket);
                    left = self.complete(index, K::Index);
                }
                K::Arrow => {
                    let field = self.precede(left);
                    self.bump();
                    if !self.expect(K::Identifier, "the name of a field") && self.at(K::OpenBracket) {
                        self.skip_one_wrong();
                    }
                    if self.at(K::Except) {
                        self.bump();
                        self.right_side(level::EXCEPT + 1);
                        return self.complete(field, K::FieldOr);
                    }
                    left = self.complete(field, K::FieldAccess);
                }
                _ => return left,
            }
        }
    }

    /// The bracket that closes what was opened at `open`.
    pub(super) fn close(&mut self, open: usize, close: K) {
        if self.eat(close) {
            return;
        }
        let is_block = close == K::CloseParen && self.at(K::OpenBrace);
        if (self.at_stop() || is_block) && !self.closes_later(open) {
            return self.unclosed(open, close);
        }
        self.unexpected(close.spelling().unwrap_or_default());
        self.skip(&[close]);
        if self.at(K::Newline) && self.closes_later(open) {
            let skipped = self.start();
            while self.at < self.closers[open].map_or(0, |closer| closer as usize) {
                self.bump();
            }
            self.complete(skipped, K::Error);
        }
        self.eat(close);
    }

    /// Whether an operand begins here, names without `$` left out.
    pub(super) fn starts_operand(&self) -> bool {
        self.is_operand(0)
    }

    fn is_operand(&self, ahead: usize) -> bool {
        matches!(
            self.nth(ahead),
            K::Bool
                | K::String
                | K::Integer
                | K::Float
                | K::OpenBracket
                | K::OpenBrace
                | K::OpenParen
                | K::StructWord
                | K::FuncWord
                | K::IfWord
                | K::NotWord
                | K::Dollar
        ) || self.is_call(ahead)
    }

    /// Whether a call by name begins so many tokens further on.
    pub(super) fn is_call(&self, ahead: usize) -> bool {
        matches!(self.nth(ahead), K::Identifier | K::MapWord | K::CollectWord)
            && matches!(self.nth(ahead + 1), K::OpenParen | K::Dot)
    }

    /// Whether `$name =` or `$name type` begins so many tokens further on.
    pub(super) fn is_bind(&self, ahead: usize) -> bool {
        self.nth(ahead) == K::Dollar
            && matches!(self.nth(ahead + 1), K::Identifier | K::MapWord | K::CollectWord)
            && match self.nth(ahead + 2) {
                K::Equals => true,
                K::OpenBracket => self.nth(ahead + 3) == K::CloseBracket,
                kind => kind.starts_type(),
            }
    }

    fn operand(&mut self) -> Option<Completed> {
        match self.kind() {
            K::Bool | K::String | K::WrongString | K::Integer | K::Float => {
                let literal = self.start();
                self.bump();
                Some(self.complete(literal, K::Literal))
            }
            K::OpenBracket => Some(self.list()),
            K::OpenBrace => Some(self.map()),
            K::StructWord => Some(self.strukt()),
            K::FuncWord => Some(self.lambda()),
            K::OpenParen => {
                let paren = self.start();
                let open = self.at;
                self.bump();
                if !self.expr() {
                    self.skip(&[]);
                }
                self.close(open, K::CloseParen);
                Some(self.complete(paren, K::Paren))
            }
            K::IfWord => Some(self.if_expr()),
            K::Dollar => Some(self.variable()),
            K::Identifier | K::MapWord | K::CollectWord => self.named(),
            _ => {
                self.no_operand();
                None
            }
        }
    }

    fn no_operand(&mut self) {
        match self.kind() {
            K::Minus => {
                let help = "a sign stands directly before its number; for anything else write `0 - …`";
                self.unexpected_help("an expression", help);
            }
            K::EqualsEquals => self.unexpected_help("an expression", "a definition has a single `=`"),
            K::Comma if self.follows(&[K::Rocket]) => {
                self.unexpected_help("an expression", "add the value, or remove the line");
            }
            K::Comma => {
                let message = "expected an expression, found `,`";
                self.say(self.error(codes::UNEXPECTED, message));
            }
            K::Dot => {
                self.unexpected_help("an expression", "a float has digits on both sides of its point: `0.5`")
            }
            K::PanicWord => self.unexpected_help("an expression", "`panic` is a statement of its own"),
            K::Slash => self.unexpected_help("an expression", "paths are strings: `\"/tmp/a\"`"),
            K::Star if self.is_glued(0) && self.follows(&[K::Star]) => {
                self.unexpected_help("an expression", "powers are computed by `math.pow(…)`");
            }
            K::Less if self.nth(1) == K::Less => self.here_document(),
            K::Newline if self.follows(&[K::Equals, K::Rocket]) => {
                self.unexpected_help("an expression", "the value stands on the same line");
            }
            K::CloseBracket if self.follows(&[K::OpenBracket]) => {
                let help = "an index or a key stands between the brackets: `$list[0]`";
                self.unexpected_help("an expression", help);
            }
            K::Capitalized if matches!(self.found(), "True" | "False") => {
                self.unexpected_help("an expression", "`true` and `false` are written in small letters");
                self.bump_wrong();
            }
            K::Capitalized if self.found() == "None" => {
                self.unexpected_help("an expression", NO_EMPTY);
                self.bump_wrong();
            }
            K::Capitalized => {
                self.unexpected_help(
                    "an expression",
                    "variables, functions and fields are written in small letters",
                );
            }
            _ => self.unexpected("an expression"),
        }
    }

    fn variable(&mut self) -> Completed {
        let variable = self.start();
        self.bump();
        if self.at(K::OpenBrace) && self.closers[self.at].is_some() {
            self.unexpected_help(
                "the name of a variable",
                "outside of strings a variable is written `$name`",
            );
            self.skip_one_wrong();
            return self.complete(variable, K::Error);
        }
        self.dotted("the name of a variable");
        if self.at(K::OpenParen) {
            let args = self.complete(variable, K::Variable);
            let call = self.precede(args);
            self.args();
            return self.complete(call, K::CallValue);
        }
        self.complete(variable, K::Variable)
    }

    /// A call by name, or, where that is allowed, a variable.
    fn named(&mut self) -> Option<Completed> {
        let may_be_variable = self.stage == Stage::Interpolation;
        let is_call = matches!(self.nth(1), K::OpenParen | K::Dot);
        if !is_call && !may_be_variable {
            let name = self.found().to_owned();
            let help = match name.as_str() {
                "null" | "nil" | "undef" | "none" => NO_EMPTY.to_owned(),
                "return" => "the last line of a function is its value, without a word".to_owned(),
                _ => format!("a variable is written `${name}`, a call `{name}()`, a string `\"{name}\"`"),
            };
            let bare = self
                .error(codes::UNEXPECTED, format!("expected an expression, found the bare name `{name}`"))
                .help(help);
            // Of the quote that follows it was said that a string lacks one.
            if !(self.nth(1) == K::Unknown && self.is_glued(1) && self.text_of(self.at + 1).starts_with('"'))
            {
                self.say(bare);
            }
            if name == "return" {
                self.bump_wrong();
                return self.operators(level::ANY);
            }
            // Read as the variable that was probably meant.
            let variable = self.start();
            self.dotted("a name");
            return Some(self.complete(variable, K::Variable));
        }
        let call = self.start();
        self.dotted("a name");
        if self.at(K::OpenParen) {
            self.args();
            return Some(self.complete(call, K::Call));
        }
        if !may_be_variable {
            self.unexpected_help("`(`", "a function is called with parentheses; a variable begins with `$`");
        }
        Some(self.complete(call, K::Variable))
    }

    /// `a.b.c`
    pub(super) fn dotted(&mut self, what: &str) -> bool {
        let name = self.start();
        let mut is_name = self.name_part(what);
        while is_name && self.at(K::Dot) {
            self.bump();
            is_name = self.name_part("a name after the dot");
        }
        self.complete(name, K::Name);
        is_name
    }

    pub(super) fn name_part(&mut self, what: &str) -> bool {
        let is_name = self.at_any(&[K::Identifier, K::MapWord, K::CollectWord]);
        if is_name {
            self.bump();
            self.glued_to_name();
        } else if self.at(K::Capitalized) {
            self.unexpected_help(what, "names begin with a small letter and have no capitals: `foo_bar`");
            self.bump_wrong();
            self.glued_to_name();
            return true;
        } else if self.at(K::Unknown) {
            self.bump_wrong();
            self.glued_to_name();
            return true;
        } else if self.kind().is_word() {
            self.unexpected_help(what, "this word has a meaning of its own and cannot be a name");
            self.bump_wrong();
            return true;
        } else {
            self.unexpected(what);
        }
        is_name
    }

    /// `$name`, where it is defined.
    pub(super) fn variable_name(&mut self) -> bool {
        let variable = self.start();
        if self.at(K::Identifier) {
            self.unexpected_help("a variable", "variables begin with `$`");
            self.bump_wrong();
            self.complete(variable, K::Variable);
            return true;
        }
        if (self.at(K::Capitalized) || self.kind().starts_type()) && self.nth(1) == K::Dollar {
            self.unexpected_help("a variable", "the type follows the name: `$name str`");
            self.bump_wrong();
        }
        let is_variable = self.expect(K::Dollar, "a variable") && self.name_part("the name of a variable");
        if is_variable && self.at(K::Dot) {
            let message = "expected a name without dots";
            let help = "names with dots come from imports and includes and cannot be defined";
            self.say(self.error(codes::UNEXPECTED, message).help(help));
            while self.at(K::Dot) {
                self.bump_wrong();
                self.name_part("a name after the dot");
            }
        }
        self.complete(variable, K::Variable);
        is_variable
    }

    pub(super) fn args(&mut self) {
        self.items(K::CloseParen, K::Args, "an argument", Self::arg);
    }

    fn arg(&mut self) -> bool {
        if !self.at(K::Identifier) || !matches!(self.nth(1), K::Rocket | K::Equals) {
            return self.expr();
        }
        let named = self.start();
        self.bump();
        if !self.eat(K::Rocket) {
            self.unexpected_help("`=>`", "an argument is named like a field: `port => 80`");
            self.bump_wrong();
        }
        let is_arg = self.expr();
        self.complete(named, K::NamedArg);
        is_arg
    }
}
