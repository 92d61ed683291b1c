//! What people bring along from other languages: read as what was meant, and said once how it is written here.

use homeostat_model::{codes, suggest};

use super::resource::JOINED;
use super::{Completed, K, Parser, Token};

pub(super) const NO_YAML: &str =
    "a resource is written `kind \"name\" { … }`; YAML is read from files that end with `.yaml`";
const ADD_BRACE: &str = "add `{` at the end of this line";

impl Parser<'_> {
    /// Whether the token before is one of these.
    pub(super) fn follows(&self, kinds: &[K]) -> bool {
        self.at > 0 && kinds.contains(&self.tokens[self.at - 1].kind)
    }

    /// Whether two strings stand side by side where a value is.
    pub(super) fn is_second_string(&self) -> bool {
        let before = self.at.checked_sub(2).map(|at| self.tokens[at].kind);
        self.at_any(&[K::String, K::WrongString])
            && self.follows(&[K::String])
            && before != Some(K::ImportWord)
    }

    pub(super) fn rest_of_line(&mut self) {
        let wrong = self.start();
        while !self.at_any(&[K::Newline, K::End]) {
            self.bump();
        }
        self.complete(wrong, K::Error);
    }

    /// A statement of another language, if one begins here. Says so and takes it.
    pub(super) fn habit(&mut self) -> Option<Completed> {
        let word = self.found();
        let help = match (word, self.nth(1)) {
            ("foreach" | "each", K::Dollar | K::Identifier | K::OpenParen) if self.has_body() => {
                "loops are written `for $index, $value in list { … }` and `forkv $key, $value in map { … }`"
            }
            ("while" | "until", next) if self.has_body() && next != K::String => {
                "a program says what is to be, not what to do: there are `for` and `forkv`"
            }
            ("unless", next) if self.has_body() && next != K::String => "write `if not … { … }`",
            ("case" | "switch" | "match" | "when", next) if self.has_body() && next != K::String => {
                "write `if … { … } else if … { … } else { … }`"
            }
            ("let" | "var" | "const" | "set" | "local", K::Identifier | K::Dollar) => {
                "a variable needs no word: `$name = …`"
            }
            ("def" | "function" | "fn" | "define" | "fun", K::Identifier) if self.nth(2) == K::OpenParen => {
                "functions are written `func name($x) { … }`, and classes `class name($x) { … }`"
            }
            ("from", K::String) | ("require" | "use" | "using", K::String) if !self.has_body() => {
                "modules are imported by `import \"…\"`"
            }
            _ => return None,
        };
        let message = format!("expected a statement, found `{word}`");
        self.say(self.error(codes::UNEXPECTED, message).help(help));
        let part = self.start();
        self.bump();
        match word {
            "let" | "var" | "const" | "set" | "local" => {
                if self.at(K::Identifier) {
                    self.bump();
                } else {
                    self.variable_name();
                }
                if self.eat(K::Equals) {
                    self.expr();
                }
            }
            "def" | "function" | "fn" | "define" | "fun" => self.skip_body(),
            "unless" | "while" | "until" => {
                self.condition();
                self.block();
            }
            "foreach" | "each" => {
                self.skip(&[K::OpenBrace]);
                self.block();
            }
            "case" | "switch" | "match" | "when" => self.skip_body(),
            _ => self.rest_of_line(),
        }
        Some(self.complete(part, K::Error))
    }

    fn skip_body(&mut self) {
        self.skip(&[K::OpenBrace]);
        if self.at(K::OpenBrace) {
            self.skip_one_wrong();
        }
    }

    /// A key of YAML: what is further in is passed over with it.
    pub(super) fn yaml(&mut self) {
        let key = self.found();
        let message = format!("expected a statement, found `{key}:`");
        self.say(self.error(codes::UNEXPECTED, message).help(NO_YAML));
        let indent = self.indent(self.at);
        let wrong = self.start();
        self.bump();
        self.bump();
        loop {
            let mut next = 0;
            while self.nth(next) == K::Newline {
                next += 1;
            }
            let index = self.at + next;
            let is_further = self.indent(index) > indent || (self.nth(next) == K::Minus && indent == 0);
            if self.nth(next) == K::End || !is_further {
                break;
            }
            self.newlines();
            while !self.at_any(&[K::Newline, K::End]) {
                self.bump();
            }
        }
        self.complete(wrong, K::Error);
    }

    /// `<<WORD` up to the line of that word.
    pub(super) fn here_document(&mut self) {
        self.unexpected_help("an expression", "a string stands between `\"`, and may have many lines");
        let mut end = 2;
        while matches!(self.nth(end), K::Minus | K::Capitalized | K::Identifier | K::String | K::WrongString)
        {
            end += 1;
        }
        let word = |parser: &Self, from: usize, to: usize| -> String {
            (from..to)
                .filter(|ahead| parser.nth(*ahead) != K::Minus)
                .map(|ahead| parser.text_of(parser.at + ahead))
                .collect()
        };
        let wanted = word(self, 2, end).replace(['"', '\''], "");
        let mut last = end;
        let mut line = end;
        while self.nth(last) != K::End {
            if self.nth(last) == K::Newline {
                if last > line && word(self, line, last) == wanted {
                    break;
                }
                line = last + 1;
            }
            last += 1;
        }
        if self.nth(last) == K::End {
            return;
        }
        let wrong = self.start();
        for _ in 0..last {
            self.bump();
        }
        self.complete(wrong, K::Error);
    }

    /// `{{ name }}`
    pub(super) fn is_template(&self) -> bool {
        let closer = self.closers.get(self.at + 1).copied().flatten().map(|closer| closer as usize);
        let is_name = |token: &Token| matches!(token.kind, K::Identifier | K::Dot | K::Dollar);
        self.nth(1) == K::OpenBrace
            && closer.is_some_and(|closer| {
                let inner = &self.tokens[self.at + 2..closer];
                !inner.is_empty()
                    && inner.iter().all(is_name)
                    && self.tokens.get(closer + 1).is_some_and(|after| after.kind == K::CloseBrace)
            })
    }

    pub(super) fn template(&mut self) {
        let help = "a variable is written `$name`, and `${name}` in a string; templates are filled by `golang.template`";
        self.unexpected_help("an expression", help);
        self.skip_one();
    }

    /// A number with something glued to it.
    pub(super) fn glued_to_number(&mut self) -> bool {
        let is_glued = self.follows(&[K::Integer, K::Float])
            && self.is_glued(0)
            && self.at_any(&[K::Identifier, K::Capitalized, K::Unknown]);
        if !is_glued {
            return false;
        }
        let number = self.text_of(self.at - 1);
        let help = match self.found() {
            hex if number == "0" && hex.starts_with(['x', 'o', 'b']) => {
                "integers are written with the digits 0 to 9"
            }
            exponent if exponent.starts_with(['e', 'E']) && exponent.len() > 1 => {
                "floats are written without exponents: `1000.0`"
            }
            _ => "a number has no unit",
        };
        self.unexpected_help("the end of the number", help);
        while self.is_glued(0) && self.at_any(&[K::Identifier, K::Capitalized, K::Unknown, K::Integer]) {
            self.bump_wrong();
        }
        true
    }

    /// Takes what is glued to a name and cannot belong to one.
    pub(super) fn glued_to_name(&mut self) {
        let is_part = |parser: &Self| {
            parser.is_glued(0)
                && parser.at_any(&[K::Capitalized, K::Unknown])
                && !parser.found().starts_with('"')
        };
        if !is_part(self) {
            return;
        }
        if !self.follows(&[K::Capitalized]) {
            self.unexpected_help("the end of the name", "names have no capitals: `foo_bar`");
        }
        while is_part(self) || (self.is_glued(0) && self.at_any(&[K::Identifier, K::Integer])) {
            self.bump_wrong();
        }
    }

    /// What is written with two signs elsewhere.
    pub(super) fn doubled_operator(&mut self, operator: K) {
        let help = match (operator, self.kind()) {
            (K::Less, K::Greater) => "whether two values differ is asked by `!=`",
            (K::EqualsEquals | K::NotEquals, K::Equals) => "two values are compared by `==` and `!=`",
            _ => return,
        };
        if self.is_glued(0) {
            self.unexpected_help("an expression", help);
            self.bump_wrong();
        }
    }

    /// `+=` and its like behind a variable.
    pub(super) fn is_changed(&mut self) -> bool {
        let is_changed = self.at_any(&[K::Plus, K::Minus, K::Star, K::Slash, K::Dot])
            && self.is_glued(1)
            && (self.nth(1) == K::Equals || self.nth(1) == self.kind());
        if is_changed {
            self.unexpected_help(
                "`=` and a value",
                "a variable keeps its value: give the new one another name",
            );
            self.skip(&[]);
        } else if self.at(K::Minus) && self.is_glued(0) && self.nth(1) == K::Identifier {
            self.unexpected_help("`=` and a value", "names have no `-`: write `_`");
            self.skip(&[]);
            return true;
        }
        is_changed
    }

    pub(super) fn colon_before_type(&mut self) {
        if self.at(K::Colon) && self.nth(1).starts_type() {
            self.unexpected_help("a type", "the type follows the name without a colon: `$name int`");
            self.bump_wrong();
        }
    }

    /// `str[]`
    pub(super) fn brackets_behind_type(&mut self) {
        if self.at(K::OpenBracket) && self.nth(1) == K::CloseBracket {
            self.unexpected_help("`=` and a value", "a list of a type is written `[]str`");
            self.skip_one_wrong();
        }
    }

    /// Says which type was probably meant.
    pub(super) fn no_such_type(&mut self) {
        let name = self.found();
        let meant = match name.to_lowercase().as_str() {
            "string" | "text" | "char" | "path" => "str",
            "integer" | "number" | "long" | "uint" | "num" => "int",
            "boolean" => "bool",
            "double" | "real" | "decimal" => "float",
            "list" | "array" | "vec" | "set" => "[]str",
            "dict" | "hash" | "object" | "hashmap" => "map{str: str}",
            "any" => "variant",
            _ => suggest::did_you_mean(name, ["bool", "str", "int", "float", "variant"]).unwrap_or_default(),
        };
        let message = format!("expected a type, found `{name}`");
        let wrong = self
            .error(codes::UNEXPECTED, message)
            .help("the types are bool, str, int, float, []T, map{K: V}, struct{a T; b U} and func(T, U) R");
        self.say(match meant {
            "" => wrong,
            meant => wrong.saying(format!("did you mean `{meant}`?")),
        });
    }

    pub(super) fn alias(&mut self, what: &str) {
        if self.at_any(&[K::String, K::Capitalized]) {
            self.unexpected_help(what, "it is a name of small letters, without quotes");
            self.bump_wrong();
        } else {
            self.expect(K::Identifier, what);
        }
    }

    /// Says that a brace is missing, and goes on at the one that follows on the line. Where none does, the closing one will
    /// not be missed.
    pub(super) fn missing_brace(&mut self, what: &str) {
        match self.kind() {
            K::Newline => self.unexpected_help(what, ADD_BRACE),
            _ => self.unexpected_help(what, "what a block holds stands between `{` and `}`"),
        }
        self.skip(&[K::OpenBrace]);
        if self.at(K::Newline) {
            self.unopened += 1;
        }
    }

    /// A function whose body does not begin with a brace.
    pub(super) fn unopened_func_body(&mut self) {
        let what = "`{` and the body of the function";
        if self.at(K::Rocket) {
            self.unexpected_help(what, "the body stands between braces: `func($x) { … }`");
            self.bump_wrong();
            self.expr();
            return;
        }
        if !self.at(K::Newline) {
            return self.unexpected(what);
        }
        self.unexpected_help(what, ADD_BRACE);
        let mut next = 0;
        while self.nth(next) == K::Newline {
            next += 1;
        }
        if !self.is_line_ahead(next) {
            return;
        }
        self.newlines();
        while self.is_bind(0) {
            self.bind();
            self.newlines();
        }
        self.expr();
        if self.at(K::Newline) && self.nth(1) == K::CloseBrace {
            self.bump();
            self.bump_wrong();
        }
    }

    /// Whether a line further in begins so many tokens further on.
    fn is_line_ahead(&self, ahead: usize) -> bool {
        let index = self.at + ahead;
        index < self.tokens.len()
            && self.at > 0
            && self.nth(ahead) != K::End
            && self.indent(index) > self.line_indent(self.at - 1)
    }

    /// A resource whose fields do not begin with a brace.
    pub(super) fn missing_body(&mut self) {
        let what = "`{` and the fields of the resource";
        if self.at_any(&[K::String, K::WrongString]) && self.has_body() {
            self.unexpected_help(
                what,
                "a resource is its kind, its name and its fields: `file \"/tmp/a\" { … }`",
            );
        } else {
            match self.kind() {
                K::Newline => self.unexpected_help(what, ADD_BRACE),
                K::Comma => self.unexpected_help(what, "the fields stand between `{` and `}`"),
                _ => self.unexpected(what),
            }
        }
        if !(self.at(K::Comma) && self.nth(1) == K::Newline) {
            self.skip(&[K::OpenBrace]);
        }
        if self.at(K::OpenBrace) {
            return self.resource_body();
        }
        let mut next = usize::from(self.at(K::Comma));
        while self.nth(next) == K::Newline {
            next += 1;
        }
        if self.is_line_of_resource(next) && self.is_line_ahead(next) {
            if self.at(K::Comma) {
                self.bump_wrong();
            }
            let body = self.start();
            self.resource_lines(None);
            self.complete(body, K::ResourceBody);
        }
    }

    /// Whether a field or an edge begins so many tokens further on, joined to its value by anything that looks like it.
    pub(super) fn is_line_of_resource(&self, ahead: usize) -> bool {
        let kind = self.nth(ahead);
        (matches!(kind, K::Identifier | K::Capitalized) || kind.is_word())
            && matches!(self.nth(ahead + 1), K::Rocket | K::Colon | K::Equals | K::Arrow)
    }

    /// `File "/tmp/a" { … }`
    pub(super) fn capital_resource(&mut self) -> Completed {
        let part = self.start();
        let small = self.found().to_lowercase();
        self.bump();
        let help = format!("a resource is declared with its kind in small letters: `{small} \"…\" {{ … }}`");
        self.unexpected_help("`[` and the name of a resource", &help);
        if self.expr() && self.at(K::OpenBrace) {
            self.resource_body();
        }
        self.complete(part, K::Error)
    }

    /// `file { … }`, and `file { "/tmp/a": … }`
    pub(super) fn unnamed_resource(&mut self) -> Completed {
        let part = self.start();
        let kind = self.found();
        let is_inside = matches!(self.nth(2), K::String | K::WrongString | K::Dollar | K::OpenBracket);
        let help = match is_inside {
            true => format!("the name stands before the brace: `{kind} \"…\" {{`"),
            false => format!("a resource has a kind, a name and fields: `{kind} \"…\" {{ }}`"),
        };
        let message = format!("expected a statement, found `{kind}`");
        self.say(self.error(codes::UNEXPECTED, message).help(help));
        self.bump();
        let open = self.at;
        self.bump();
        if is_inside {
            self.skip(&[K::Colon]);
            if self.at(K::Colon) {
                self.bump_wrong();
            }
        }
        self.resource_lines(Some(open));
        self.complete(part, K::Error)
    }

    /// `meta:noop => true`
    pub(super) fn small_meta(&mut self) -> bool {
        let line = self.start();
        self.unexpected_help("a field", "meta parameters are written `Meta:noop => true`");
        self.skip(&[K::Rocket, K::Comma]);
        let is_line = self.rocket(JOINED) && self.value();
        self.complete(line, K::Error);
        is_line
    }

    /// Whether `kind name {` begins here, on one line.
    pub(super) fn is_resource_ahead(&self) -> bool {
        match self.nth(1) {
            K::String => self.nth(2) == K::OpenBrace,
            _ => self.nth(1) == K::Dollar && self.nth(3) == K::OpenBrace,
        }
    }

    /// Whether `File[` begins here.
    pub(super) fn is_edge_half_ahead(&self) -> bool {
        self.at(K::Capitalized) && matches!(self.nth(1), K::OpenBracket | K::Colon)
    }

    /// Whether an edge, perhaps with a condition, follows the `=>`.
    pub(super) fn is_edge_value_ahead(&self) -> bool {
        let line = self.tokens[self.at..].iter().take_while(|token| token.kind != K::Newline);
        line.take(64).any(|token| token.kind == K::Capitalized)
    }

    /// `require => File["/tmp/a"]`
    pub(super) fn edge_as_field(&mut self, name: &str) {
        let edge = match name {
            "before" => "Before",
            "notify" => "Notify",
            "subscribe" | "listen" => "Listen",
            _ => "Depend",
        };
        let help = format!("edges are written with capitals: `{edge} => {}[…],`", self.found());
        self.unexpected_help("an expression", &help);
        self.edge_half();
    }

    /// Whether `file["/tmp/a"] ->` begins here.
    pub(super) fn is_edge_ahead(&self) -> bool {
        let closer = self.closers.get(self.at + 1).copied().flatten();
        closer
            .and_then(|closer| self.tokens.get(closer as usize + 1))
            .is_some_and(|next| matches!(next.kind, K::Arrow | K::Dot))
    }

    /// Takes `->`, or what joins resources elsewhere.
    pub(super) fn edge_arrow(&mut self) -> bool {
        let is_other = self.at(K::Rocket)
            || (self.at(K::Unknown) && self.found() == "~" && self.nth(1) == K::Greater)
            || (self.at(K::Minus) && self.nth(1) == K::Minus);
        if !is_other {
            return self.eat(K::Arrow);
        }
        self.unexpected_help("`->`", "resources are joined by `->`");
        while !self.at_any(&[K::Capitalized, K::Identifier]) && !self.at_stop() {
            self.bump_wrong();
        }
        true
    }
}
