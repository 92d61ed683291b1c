//! The little of the language that examples need: literals, calls, and functions of one call.

use std::sync::Arc;

use crate::functions::golang::quote;
use crate::value::{FuncBody, Value};

#[derive(Debug)]
pub(super) enum Expression {
    Scalar(Value),
    List(Vec<Expression>),
    Map(Vec<Expression>, Vec<Expression>),
    Struct(Vec<String>, Vec<Expression>),
    Variable(String),
    Func(Arc<Closure>),
    Call(String, Vec<Expression>),
}

#[derive(Debug)]
pub(super) struct Closure {
    pub(super) params: Vec<String>,
    pub(super) body: Expression,
}

impl FuncBody for Arc<Closure> {}

/// Panics with what is left of a text that is none.
pub(super) fn parse(text: &str) -> Expression {
    let mut reader = Reader { rest: text };
    let expression = reader.expression();
    assert_eq!(reader.rest, "", "in {text}");
    expression
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        self.rest = self.rest.trim_start();
        let (word, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn name(&mut self) -> String {
        self.until(|c| !c.is_ascii_alphanumeric() && c != '_').to_owned()
    }

    /// Items up to the closing bracket.
    fn items<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.take(close) {
            assert!(
                items.is_empty() || self.take(",") || self.take(";"),
                "no separator before {}",
                self.rest
            );
            items.push(item(self));
        }
        items
    }

    /// `key => value`, or as values are shown.
    fn arrow(&mut self) {
        assert!(self.take("=>") || self.take(":"), "no arrow before {}", self.rest);
    }

    fn expression(&mut self) -> Expression {
        if self.take("[") {
            return Expression::List(self.items("]", Self::expression));
        }
        if self.take("{") {
            let pairs = self.items("}", |reader| {
                let key = reader.expression();
                reader.arrow();
                (key, reader.expression())
            });
            let (keys, values) = pairs.into_iter().unzip();
            return Expression::Map(keys, values);
        }
        if self.take("struct{") {
            let fields = self.items("}", |reader| {
                let name = reader.name();
                reader.arrow();
                (name, reader.expression())
            });
            let (names, values) = fields.into_iter().unzip();
            return Expression::Struct(names, values);
        }
        if self.take("func(") {
            let params = self.items(")", |reader| {
                assert!(reader.take("$"));
                reader.name()
            });
            assert!(self.take("{"));
            let body = self.expression();
            assert!(self.take("}"));
            return Expression::Func(Arc::new(Closure { params, body }));
        }
        if self.take("$") {
            return Expression::Variable(self.name());
        }
        if self.rest.starts_with('"') {
            let literal = quote::quoted_prefix(self.rest).unwrap_or_else(|| panic!("no text: {}", self.rest));
            self.rest = &self.rest[literal.len()..];
            let text = quote::unquote(&literal.replace("\\$", "$"));
            return Expression::Scalar(Value::from(text.unwrap_or_else(|| panic!("no text: {literal}"))));
        }
        let word = self.until(|c| "(,;)]} ".contains(c));
        if self.take("(") {
            return Expression::Call(word.to_owned(), self.items(")", Self::expression));
        }
        let number = word.parse().map(Value::Int).or_else(|_| word.parse().map(Value::Float));
        Expression::Scalar(match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => number.unwrap_or_else(|_| panic!("no value: {word}")),
        })
    }
}
