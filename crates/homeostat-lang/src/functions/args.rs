//! The arguments of a call, read by their types.

use std::sync::Arc;

use super::error::{Error, Result};
use crate::value::{Func, List, Map, Value};

/// The arguments of a call. Inference has checked their types; a caller that did not gets an error, not a panic.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a>(pub &'a [Value]);

impl<'a> Args<'a> {
    /// How many there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The argument at that position, from 0.
    pub fn get(self, at: usize) -> Result<&'a Value> {
        let value = self.0.get(at).map(Value::reveal);
        value.ok_or_else(|| Error::permanent(format!("argument {} is missing", at + 1)))
    }

    /// A `bool`.
    pub fn bool(self, at: usize) -> Result<bool> {
        match self.get(at)? {
            Value::Bool(value) => Ok(*value),
            other => Err(wrong(at, "bool", other)),
        }
    }

    /// An `int`.
    pub fn int(self, at: usize) -> Result<i64> {
        match self.get(at)? {
            Value::Int(number) => Ok(*number),
            other => Err(wrong(at, "int", other)),
        }
    }

    /// A `float`.
    pub fn float(self, at: usize) -> Result<f64> {
        match self.get(at)? {
            Value::Float(number) => Ok(*number),
            other => Err(wrong(at, "float", other)),
        }
    }

    /// A `str`.
    pub fn str(self, at: usize) -> Result<&'a str> {
        self.text(at).map(|text| &**text)
    }

    /// A `str`, to be kept.
    pub fn text(self, at: usize) -> Result<&'a Arc<str>> {
        match self.get(at)? {
            Value::Str(text) => Ok(text),
            other => Err(wrong(at, "str", other)),
        }
    }

    /// A list.
    pub fn list(self, at: usize) -> Result<&'a List> {
        match self.get(at)? {
            Value::List(list) => Ok(list),
            other => Err(wrong(at, "list", other)),
        }
    }

    /// A list of `str`.
    pub fn strings(self, at: usize) -> Result<Vec<&'a str>> {
        let items = self.list(at)?.iter();
        items.map(|item| item.as_str().ok_or_else(|| wrong(at, "[]str", item))).collect()
    }

    /// A map.
    pub fn map(self, at: usize) -> Result<&'a Map> {
        match self.get(at)? {
            Value::Map(map) => Ok(map),
            other => Err(wrong(at, "map", other)),
        }
    }

    /// A function.
    pub fn func(self, at: usize) -> Result<&'a Func> {
        match self.get(at)? {
            Value::Func(func) => Ok(func),
            other => Err(wrong(at, "func", other)),
        }
    }
}

fn wrong(at: usize, expected: &str, found: &Value) -> Error {
    let found = found.type_of();
    Error::permanent(format!("argument {} has type `{found}` where `{expected}` is expected", at + 1))
}
