//! Reading a value of a known type as [`Value`]'s `Display` writes it.

use super::Value;
use crate::functions::golang::quote;
use crate::types::Type;

/// A text that is no value of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, at byte {at}")]
pub struct ParseError {
    /// What should be there.
    pub expected: String,
    /// Where, as a byte of the text.
    pub at: usize,
}

impl Value {
    /// Reads a value of that type, as it is shown.
    ///
    /// # Errors
    /// The first place that does not fit, or a type that has no values with a text, such as a function.
    pub fn parse(text: &str, ty: &Type) -> Result<Value, ParseError> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(ty)?;
        if reader.rest().is_empty() { Ok(value) } else { Err(reader.expected("the end")) }
    }
}

/// The type bounds how deep it goes.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: impl Into<String>) -> ParseError {
        ParseError { expected: what.into(), at: self.at }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), ParseError> {
        if self.take(token) { Ok(()) } else { Err(self.expected(format!("`{token}`"))) }
    }

    fn value(&mut self, ty: &Type) -> Result<Value, ParseError> {
        match ty {
            Type::Bool if self.take("true") => Ok(Value::Bool(true)),
            Type::Bool if self.take("false") => Ok(Value::Bool(false)),
            Type::Int => self.number().map(Value::Int),
            Type::Float => self.number().map(Value::Float),
            Type::Str => self.string(),
            Type::List(item) => self.list(item),
            Type::Map(key, value) => self.map(key, value),
            Type::Struct(fields) => {
                self.expect("struct{")?;
                let mut read = Vec::with_capacity(fields.len());
                for (at, field) in fields.iter().enumerate() {
                    self.expect(if at == 0 { "" } else { "; " })?;
                    self.expect(&format!("{}: ", field.name))?;
                    read.push((field.name.clone(), self.value(&field.ty)?));
                }
                self.expect("}")?;
                Ok(Value::structure(read))
            }
            Type::Bool | Type::Func(_) | Type::Variant | Type::Var(_) => {
                Err(self.expected(format!("a value of type {ty}")))
            }
        }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, ParseError> {
        let rest = self.rest();
        let end = rest.find([',', ']', '}', ';', ':', ' ']).unwrap_or(rest.len());
        let number = rest[..end].parse().map_err(|_| self.expected("a number"))?;
        self.at += end;
        Ok(number)
    }

    fn string(&mut self) -> Result<Value, ParseError> {
        let quoted = quote::quoted_prefix(self.rest()).filter(|quoted| quoted.starts_with('"'));
        let quoted = quoted.ok_or_else(|| self.expected("text in quotes"))?;
        let text = quote::unquote(quoted).ok_or_else(|| self.expected("text in quotes"))?;
        self.at += quoted.len();
        Ok(Value::from(text))
    }

    fn list(&mut self, item: &Type) -> Result<Value, ParseError> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.take("]") {
            self.expect(if items.is_empty() { "" } else { ", " })?;
            items.push(self.value(item)?);
        }
        Ok(Value::list(items))
    }

    fn map(&mut self, key: &Type, value: &Type) -> Result<Value, ParseError> {
        self.expect("{")?;
        let mut entries = Vec::new();
        while !self.take("}") {
            self.expect(if entries.is_empty() { "" } else { ", " })?;
            let key = self.value(key)?;
            self.expect(": ")?;
            entries.push((key, self.value(value)?));
        }
        Ok(Value::map(entries))
    }
}
