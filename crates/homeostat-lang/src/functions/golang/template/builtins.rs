//! Go's own functions of templates, except `and` and `or`, which do not evaluate all of their arguments.

use std::cmp::Ordering;

use super::super::{format, html};
use super::compare;
use super::data::{self, Datum};
use crate::value::Value;

/// All of them, sorted.
pub(super) const NAMES: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print",
    "printf", "println", "slice", "urlquery",
];

pub(super) fn is_builtin(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls one of [`NAMES`].
pub(super) fn call(name: &str, args: &[Datum]) -> Result<Datum, String> {
    let ordered =
        |holds: fn(Ordering) -> bool| Ok(Some(Value::Bool(compare::order(args)?.is_some_and(holds))));
    match name {
        "eq" => Ok(Some(Value::Bool(compare::equals_any(args)?))),
        "ne" => match args {
            [_, _] => Ok(Some(Value::Bool(!compare::equals_any(args)?))),
            _ => Err(count_error(name, "2", args)),
        },
        "lt" => ordered(Ordering::is_lt),
        "le" => ordered(Ordering::is_le),
        "gt" => ordered(Ordering::is_gt),
        "ge" => ordered(Ordering::is_ge),
        "not" => match args {
            [one] => Ok(Some(Value::Bool(!data::is_true(one)))),
            _ => Err(count_error(name, "1", args)),
        },
        "len" => match args {
            [one] => length(one),
            _ => Err(count_error(name, "1", args)),
        },
        "index" => index(args),
        "slice" => slice(args),
        "print" => Ok(Some(Value::from(print(args)))),
        "println" => {
            let parts: Vec<String> = args.iter().map(|arg| format::plain(arg.as_ref())).collect();
            Ok(Some(Value::from(format!("{}\n", parts.join(" ")))))
        }
        "printf" => match args.split_first() {
            Some((Some(Value::Str(format)), rest)) => Ok(Some(Value::from(format::sprintf(format, rest)))),
            Some(_) => Err("wrong type for value; expected string".into()),
            None => Err(count_error(name, "at least 1", args)),
        },
        "html" => Ok(Some(Value::from(html::escape(&print(args))))),
        "js" => Ok(Some(Value::from(js(&print(args))))),
        "urlquery" => Ok(Some(Value::from(url_query(&print(args))))),
        _ => Err(format!("{name} cannot be called: data holds no functions")),
    }
}

fn count_error(name: &str, want: &str, args: &[Datum]) -> String {
    format!("wrong number of args for {name}: want {want} got {}", args.len())
}

/// With spaces between two of which none is text.
fn print(args: &[Datum]) -> String {
    let mut out = String::new();
    let is_text = |datum: &Datum| matches!(datum, Some(Value::Str(_)));
    for (at, arg) in args.iter().enumerate() {
        if at > 0 && !is_text(arg) && !is_text(&args[at - 1]) {
            out.push(' ');
        }
        out.push_str(&format::plain(arg.as_ref()));
    }
    out
}

fn length(datum: &Datum) -> Result<Datum, String> {
    let length = match datum {
        Some(Value::Str(text)) => text.len(),
        Some(Value::List(items)) => items.len(),
        Some(Value::Map(map)) => map.len(),
        other => return Err(format!("len of type {}", format::type_name(other.as_ref()))),
    };
    Ok(Some(Value::Int(length as i64)))
}

fn index(args: &[Datum]) -> Result<Datum, String> {
    let Some((from, indices)) = args.split_first() else {
        return Err(count_error("index", "at least 1", args));
    };
    let mut value = from.clone().ok_or("index of untyped nil")?;
    for index in indices {
        let index = index.as_ref().ok_or("cannot index with nil")?;
        value = match &value {
            Value::List(items) => {
                let at = position(index)?;
                items.get(at).cloned().ok_or_else(|| format!("index out of range: {at}"))?
            }
            Value::Str(text) => {
                let at = position(index)?;
                let byte = text.as_bytes().get(at).ok_or_else(|| format!("index out of range: {at}"))?;
                Value::Int((*byte).into())
            }
            Value::Map(map) => match map.get(index) {
                Some(value) => value.clone(),
                // As Go does: what is not there is the zero of what could be.
                None => match map.values().next().and_then(|other| Value::zero(&other.type_of())) {
                    Some(zero) => zero,
                    None => return Ok(None),
                },
            },
            other => return Err(format!("can't index item of type {}", format::type_name(Some(other)))),
        };
    }
    Ok(Some(value))
}

fn position(index: &Value) -> Result<usize, String> {
    match index {
        Value::Int(number) => usize::try_from(*number).map_err(|_| format!("index out of range: {number}")),
        other => Err(format!("cannot index slice/array with type {}", format::type_name(Some(other)))),
    }
}

fn slice(args: &[Datum]) -> Result<Datum, String> {
    let Some((from, bounds)) = args.split_first() else {
        return Err(count_error("slice", "at least 1", args));
    };
    let bounds: Vec<usize> = bounds
        .iter()
        .map(|bound| position(bound.as_ref().ok_or("cannot index with nil")?))
        .collect::<Result<_, String>>()?;
    let length = match from {
        Some(Value::Str(text)) => text.len(),
        Some(Value::List(items)) => items.len(),
        other => return Err(format!("can't slice item of type {}", format::type_name(other.as_ref()))),
    };
    let (low, high) = match bounds.as_slice() {
        [] => (0, length),
        [low] => (*low, length),
        [low, high, ..] => (*low, *high),
    };
    if high > length {
        return Err(format!("index out of range: {high}"));
    }
    if low > high {
        return Err(format!("invalid slice index: {low} > {high}"));
    }
    match from {
        Some(Value::List(items)) => Ok(Some(Value::list(items[low..high].iter().cloned()))),
        Some(Value::Str(text)) => {
            let part = text.get(low..high).ok_or("the slice would cut a character")?;
            Ok(Some(Value::from(part)))
        }
        _ => Ok(None),
    }
}

fn js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c) => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)))
            }
            c => out.push(c),
        }
    }
    out
}

fn url_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
