//! How values are shown: text in quotes, floats in full and without exponent.

use std::fmt::{self, Display, Formatter};

use super::{REDACTED, Value};
use crate::functions::golang::quote;

/// The shortest decimal that is this number, without exponent.
pub fn float_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    number.to_string()
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => f.write_str(&float_text(*number)),
            Self::Str(text) => f.write_str(&quote::quote(text)),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", separator(at, ", "))?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (at, (key, value)) in map.iter().enumerate() {
                    write!(f, "{}{key}: {value}", separator(at, ", "))?;
                }
                f.write_str("}")
            }
            Self::Struct(fields) => {
                f.write_str("struct{")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {value}", separator(at, "; "))?;
                }
                f.write_str("}")
            }
            Self::Func(func) => match func.ty() {
                Some(ty) => ty.fmt(f),
                None => f.write_str("func"),
            },
            Self::Sensitive(_) => f.write_str(REDACTED),
        }
    }
}

fn separator(at: usize, between: &'static str) -> &'static str {
    if at == 0 { "" } else { between }
}
