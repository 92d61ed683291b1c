//! From tokens to a tree.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::quote;
use super::lexer::{self, Kind, LexError, Token};
use super::tree::{Branch, Command, Form, Item, Operand, Pipe, Template};
use super::{builtins, library};
use crate::value::Value;

/// Deeper templates are refused, so that none can exhaust the stack.
const DEPTH_MAX: usize = 100;

/// Reads a template.
///
/// # Errors
/// `template:LINE: message`.
pub(super) fn parse(text: &str) -> Result<Template, String> {
    let located = |(message, at): LexError| {
        let line = 1 + text.get(..at).map_or(0, |before| before.matches('\n').count());
        format!("template:{line}: {message}")
    };
    let tokens = lexer::tokens(text).map_err(located)?;
    let mut parser = Parser {
        text,
        tokens,
        next: 0,
        depth: 0,
        loops: 0,
        variables: vec![String::new()],
        defined: BTreeMap::new(),
    };
    let root = parser.items(&[]).map_err(located)?.0;
    Ok(Template { text: text.into(), root, defined: parser.defined })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    loops: usize,
    /// Those that can be used here, innermost last.
    variables: Vec<String>,
    defined: BTreeMap<String, Vec<Item>>,
}

type Parsed<T> = Result<T, LexError>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|token| token.kind == Kind::Space) {
            self.next += 1;
        }
    }

    fn here(&self) -> usize {
        self.peek().map_or(self.text.len(), |token| token.at.start)
    }

    fn source(&self, at: &Range<usize>) -> &'a str {
        &self.text[at.clone()]
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err((message.into(), self.here()))
    }

    fn unexpected<T>(&self, context: &str) -> Parsed<T> {
        match self.peek() {
            None => self.error("unexpected EOF"),
            Some(token) => {
                self.error(format!("unexpected {} in {context}", quote::quote(self.source(&token.at))))
            }
        }
    }

    /// The word that the next token is, if it is one.
    fn word(&self) -> Option<&'a str> {
        self.peek().filter(|token| token.kind == Kind::Word).map(|token| self.source(&token.at))
    }

    fn close(&mut self, context: &str) -> Parsed<()> {
        self.skip_space();
        if self.peek().is_some_and(|token| token.kind == Kind::Close) {
            self.next += 1;
            return Ok(());
        }
        self.unexpected(context)
    }

    /// Items up to one of these words, which is taken, and its action left open. Without words, up to the end.
    fn items(&mut self, until: &[&'static str]) -> Parsed<(Vec<Item>, &'static str)> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.error("nested too deeply");
        }
        let mut items = Vec::new();
        loop {
            let Some(token) = self.take() else {
                return if until.is_empty() { Ok((items, "")) } else { self.error("unexpected EOF") };
            };
            if token.kind == Kind::Text {
                items.push(Item::Text(self.source(&token.at).into()));
                continue;
            }
            self.skip_space();
            let word = self.word().unwrap_or_default();
            if let Some(end) = until.iter().find(|end| **end == word) {
                self.next += 1;
                self.depth -= 1;
                return Ok((items, end));
            }
            if ["end", "else"].contains(&word) {
                return self.error(format!("unexpected {{{{{word}}}}}"));
            }
            items.extend(self.action(word)?);
        }
    }

    fn action(&mut self, word: &str) -> Parsed<Option<Item>> {
        let in_word = |parser: &mut Self| {
            parser.next += 1;
            parser.skip_space();
        };
        match word {
            "if" => {
                in_word(self);
                self.branch("if").map(|branch| Some(Item::If(branch)))
            }
            "with" => {
                in_word(self);
                self.branch("with").map(|branch| Some(Item::With(branch)))
            }
            "range" => {
                in_word(self);
                self.branch("range").map(|branch| Some(Item::Range(branch)))
            }
            "template" => {
                in_word(self);
                self.template("template clause").map(Some)
            }
            "block" => {
                in_word(self);
                self.block().map(Some)
            }
            "define" => {
                in_word(self);
                self.define()?;
                Ok(None)
            }
            "break" | "continue" => {
                if self.loops == 0 {
                    return self.error(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                self.next += 1;
                self.close(word)?;
                Ok(Some(if word == "break" { Item::Break } else { Item::Continue }))
            }
            _ => {
                let pipe = self.pipe("command")?;
                self.close("command")?;
                Ok(Some(Item::Action(pipe)))
            }
        }
    }

    /// After the word; takes the end as well.
    fn branch(&mut self, word: &'static str) -> Parsed<Branch> {
        let scope = self.variables.len();
        let pipe = self.pipe(word)?;
        self.close(word)?;
        self.loops += usize::from(word == "range");
        let (then, end) = self.items(&["end", "else"])?;
        self.loops -= usize::from(word == "range");
        let otherwise = if end == "else" { self.otherwise(word)? } else { Vec::new() };
        self.close("end")?;
        self.variables.truncate(scope);
        Ok(Branch { pipe, then, otherwise })
    }

    /// After `else`; leaves the end's action open. `else if` and `else with` end with what they belong to.
    fn otherwise(&mut self, word: &'static str) -> Parsed<Vec<Item>> {
        self.skip_space();
        if word == "range" || self.word() != Some(word) {
            self.close("else")?;
            return Ok(self.items(&["end"])?.0);
        }
        self.next += 1;
        self.skip_space();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.error("nested too deeply");
        }
        let pipe = self.pipe(word)?;
        self.close(word)?;
        let (then, end) = self.items(&["end", "else"])?;
        let otherwise = if end == "else" { self.otherwise(word)? } else { Vec::new() };
        self.depth -= 1;
        let branch = Branch { pipe, then, otherwise };
        Ok(vec![if word == "if" { Item::If(branch) } else { Item::With(branch) }])
    }

    fn name(&mut self, context: &str) -> Parsed<(String, Range<usize>)> {
        match self.peek() {
            Some(Token { kind: Kind::Str(name), at }) => {
                let named = (name.clone(), at.clone());
                self.next += 1;
                self.skip_space();
                Ok(named)
            }
            _ => self.unexpected(context),
        }
    }

    fn template(&mut self, context: &str) -> Parsed<Item> {
        let (name, at) = self.name(context)?;
        let is_done = self.peek().is_some_and(|token| token.kind == Kind::Close);
        let pipe = if is_done { None } else { Some(self.pipe(context)?) };
        self.close(context)?;
        Ok(Item::Template { name, at, pipe })
    }

    fn block(&mut self) -> Parsed<Item> {
        let used = self.template("block clause")?;
        if let Item::Template { name, .. } = &used {
            self.body(name.clone())?;
        }
        Ok(used)
    }

    fn define(&mut self) -> Parsed<()> {
        if self.depth > 1 {
            return self.error("unexpected {{define}}");
        }
        let (name, _) = self.name("define clause")?;
        self.close("define clause")?;
        self.body(name)
    }

    /// Variables and loops outside are not seen inside.
    fn body(&mut self, name: String) -> Parsed<()> {
        let outside =
            (std::mem::replace(&mut self.variables, vec![String::new()]), std::mem::take(&mut self.loops));
        let (items, _) = self.items(&["end"])?;
        self.close("end")?;
        (self.variables, self.loops) = outside;
        self.defined.insert(name, items);
        Ok(())
    }

    fn pipe(&mut self, context: &str) -> Parsed<Pipe> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.error("nested too deeply");
        }
        let start = self.here();
        let (variables, is_assignment) = self.declaration(context)?;
        let mut commands = vec![self.command(context)?];
        while self.peek().is_some_and(|token| token.kind == Kind::Mark("|")) {
            self.next += 1;
            self.skip_space();
            commands.push(self.command(context)?);
        }
        self.check_stages(&commands)?;
        if !is_assignment {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        let end = commands.last().map_or(start, |command| command.at.end);
        Ok(Pipe { variables, is_assignment, commands, at: start..end })
    }

    fn check_stages(&self, commands: &[Command]) -> Parsed<()> {
        for (stage, command) in commands.iter().enumerate().skip(1) {
            if matches!(command.operands[0].form, Form::Dot | Form::Nil | Form::Literal(_)) {
                return self.error(format!("non executable command in pipeline stage {}", stage + 1));
            }
        }
        Ok(())
    }

    /// `$a :=`, `$a =`, and in `range` `$a, $b :=`.
    fn declaration(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let start = self.next;
        let mut variables = Vec::new();
        while let Some(Token { kind: Kind::Variable, at }) = self.peek() {
            variables.push(self.source(at)[1..].to_owned());
            self.next += 1;
            self.skip_space();
            match self.peek().map(|token| &token.kind) {
                Some(Kind::Mark(",")) if context == "range" && variables.len() < 2 => {
                    self.next += 1;
                    self.skip_space();
                }
                Some(Kind::Mark(mark @ (":=" | "="))) => {
                    let is_assignment = *mark == "=";
                    if let Some(unknown) =
                        variables.iter().find(|name| is_assignment && !self.variables.contains(name))
                    {
                        return self.error(format!("undefined variable \"${unknown}\""));
                    }
                    self.next += 1;
                    self.skip_space();
                    return Ok((variables, is_assignment));
                }
                Some(Kind::Mark(",")) => return self.error(format!("too many declarations in {context}")),
                _ => break,
            }
        }
        self.next = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self, context: &str) -> Parsed<Command> {
        let start = self.here();
        let mut operands = Vec::new();
        let mut end = start;
        loop {
            self.skip_space();
            let Some(operand) = self.operand()? else { break };
            end = operand.at.end;
            operands.push(operand);
            match self.peek().map(|token| &token.kind) {
                Some(Kind::Space) => {}
                Some(Kind::Close | Kind::Mark("|" | ")")) => break,
                _ => return self.unexpected("operand"),
            }
        }
        match operands.first() {
            None if self.peek().is_some_and(|token| token.kind == Kind::Close) => {
                self.error(format!("missing value for {context}"))
            }
            None => self.unexpected(context),
            Some(Operand { form: Form::Nil, .. }) if operands.len() == 1 => {
                self.error("nil is not a command")
            }
            Some(_) => Ok(Command { operands, at: start..end }),
        }
    }

    /// An operand with the fields that follow it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(token) = self.peek().cloned() else { return Ok(None) };
        let source = self.source(&token.at);
        let form = match &token.kind {
            Kind::Dot => Form::Dot,
            Kind::Field => Form::Field(vec![source[1..].to_owned()]),
            Kind::Variable => {
                let name = &source[1..];
                if !self.variables.iter().any(|known| known == name) {
                    return self.error(format!("undefined variable {}", quote::quote(source)));
                }
                Form::Variable(name.to_owned(), Vec::new())
            }
            Kind::Str(text) => Form::Literal(Value::from(text.as_str())),
            Kind::Number => match number(source) {
                Some(value) => Form::Literal(value),
                None => return self.error(format!("bad number syntax: {}", quote::quote(source))),
            },
            Kind::Word => self.named(source)?,
            Kind::Mark("(") => {
                self.next += 1;
                self.skip_space();
                let pipe = self.pipe("parenthesized pipeline")?;
                self.skip_space();
                if self.peek().is_none_or(|token| token.kind != Kind::Mark(")")) {
                    return self.unexpected("parenthesized pipeline");
                }
                Form::Nested(Box::new(pipe), Vec::new())
            }
            Kind::Text | Kind::Open | Kind::Close | Kind::Space | Kind::Mark(_) => return Ok(None),
        };
        let last = self.take().map_or(token.at.end, |last| last.at.end);
        self.fields(Operand { form, at: token.at.start..last }).map(Some)
    }

    fn named(&self, word: &str) -> Parsed<Form> {
        match word {
            "true" => Ok(Form::Literal(Value::Bool(true))),
            "false" => Ok(Form::Literal(Value::Bool(false))),
            "nil" => Ok(Form::Nil),
            name if builtins::is_builtin(name) || library::find(name).is_some() => {
                Ok(Form::Function(name.to_owned()))
            }
            name => {
                let known = builtins::NAMES.iter().copied().chain(library::names());
                let help = homeostat_model::suggest::did_you_mean(name, known);
                let help =
                    help.map_or(String::new(), |close| format!("; did you mean {}?", quote::quote(close)));
                self.error(format!("function {} not defined{help}", quote::quote(name)))
            }
        }
    }

    fn fields(&mut self, mut operand: Operand) -> Parsed<Operand> {
        while let Some(Token { kind: Kind::Field, at }) = self.peek() {
            let name = self.source(at)[1..].to_owned();
            operand.at.end = at.end;
            match &mut operand.form {
                Form::Field(names) | Form::Variable(_, names) | Form::Nested(_, names) => names.push(name),
                Form::Dot | Form::Nil | Form::Literal(_) | Form::Function(_) => {
                    let before = &self.text[operand.at.start..at.start];
                    return self.error(format!("unexpected .{name} after term {}", quote::quote(before)));
                }
            }
            self.next += 1;
        }
        Ok(operand)
    }
}

/// Go's literals of numbers and characters.
fn number(source: &str) -> Option<Value> {
    if source.starts_with('\'') {
        let c = quote::unquote(source)?.chars().next()?;
        return Some(Value::Int(u32::from(c).into()));
    }
    let (sign, digits) = match source.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, source.strip_prefix('+').unwrap_or(source)),
    };
    let plain = digits.replace('_', "").to_lowercase();
    let radix = [("0x", 16), ("0b", 2), ("0o", 8)].into_iter().find(|(prefix, _)| plain.starts_with(prefix));
    if let Some((_, base)) = radix {
        return i64::from_str_radix(&plain[2..], base).ok().map(|number| Value::Int(sign * number));
    }
    let is_number = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !is_number {
        return None;
    }
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let base = if plain.len() > 1 && plain.starts_with('0') { 8 } else { 10 };
        let signed = if sign < 0 { format!("-{plain}") } else { plain };
        return i64::from_str_radix(&signed, base).ok().map(Value::Int);
    }
    plain.parse::<f64>().ok().map(|number| Value::Float(number * f64::from(sign as i32)))
}
