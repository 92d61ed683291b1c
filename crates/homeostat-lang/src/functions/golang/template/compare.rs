//! How templates compare.

use std::cmp::Ordering;

use super::data::Datum;
use crate::value::Value;

const INCOMPATIBLE: &str = "incompatible types for comparison";

/// Whether the first equals one of the others.
pub(super) fn equals_any(args: &[Datum]) -> Result<bool, String> {
    let Some((first, others)) = args.split_first() else {
        return Err("missing argument for comparison".into());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Datum, b: &Datum) -> Result<bool, String> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(a.is_none() && b.is_none()) };
    match (a.reveal(), b.reveal()) {
        (Value::List(_) | Value::Map(_) | Value::Func(_), _)
        | (_, Value::List(_) | Value::Map(_) | Value::Func(_)) => Err("non-comparable type".into()),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (a, b) if std::mem::discriminant(a) == std::mem::discriminant(b) => Ok(a == b),
        _ => Err(INCOMPATIBLE.into()),
    }
}

/// How two numbers or texts stand to each other; `None` for what is not a number.
pub(super) fn order(args: &[Datum]) -> Result<Option<Ordering>, String> {
    match args {
        [Some(Value::Int(a)), Some(Value::Int(b))] => Ok(Some(a.cmp(b))),
        [Some(Value::Float(a)), Some(Value::Float(b))] => Ok(a.partial_cmp(b)),
        [Some(Value::Str(a)), Some(Value::Str(b))] => Ok(Some(a.cmp(b))),
        [Some(a), Some(b)] if std::mem::discriminant(a) == std::mem::discriminant(b) => {
            Err("invalid type for comparison".into())
        }
        [_, _] => Err(INCOMPATIBLE.into()),
        _ => Err(format!("wrong number of args: want 2 got {}", args.len())),
    }
}
