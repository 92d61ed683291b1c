//! What templates compute with: values, in the shapes that Go's templates see, or nothing.

use crate::value::Value;

/// A value, or `nil`.
pub(super) type Datum = Option<Value>;

/// Structs become maps, whose keys are the names of the fields with a capital first letter. As keys of maps they stay.
pub(super) fn from_value(value: &Value) -> Value {
    match value.reveal() {
        Value::List(items) => Value::list(items.iter().map(from_value)),
        Value::Map(map) => Value::map(map.iter().map(|(key, value)| (key_of(key), from_value(value)))),
        Value::Struct(fields) => {
            Value::map(fields.iter().map(|(name, value)| (Value::from(title(name)), from_value(value))))
        }
        scalar => scalar.clone(),
    }
}

fn key_of(key: &Value) -> Value {
    match key.reveal() {
        Value::Struct(fields) => {
            Value::structure(fields.iter().map(|(name, value)| (title(name), key_of(value))))
        }
        scalar => scalar.clone(),
    }
}

pub(super) fn title(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Whether it counts as true: not false, not zero, not empty.
pub(super) fn is_true(datum: &Datum) -> bool {
    match datum.as_ref().map(Value::reveal) {
        None => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Int(number)) => *number != 0,
        Some(Value::Float(number)) => *number != 0.0,
        Some(Value::Str(text)) => !text.is_empty(),
        Some(Value::List(items)) => !items.is_empty(),
        Some(Value::Map(map)) => !map.is_empty(),
        Some(Value::Struct(_) | Value::Func(_) | Value::Sensitive(_)) => true,
    }
}
