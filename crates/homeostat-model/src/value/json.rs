//! Values as JSON, both ways. A sensitive value is printed redacted, and a redacted one cannot be read back.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::Value;

/// What stands where a sensitive value was.
pub const REDACTED: &str = "[redacted]";

const SENSITIVE_KEY: &str = "$sensitive";

/// JSON that is no value of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FromJsonError {
    /// A value that was redacted when it was printed.
    #[error("the value was redacted when it was printed")]
    Redacted,
    /// A whole number outside of 64 bits.
    #[error("{0} does not fit 64 bits")]
    Range(String),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Map(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    out.serialize_entry(&key_text(key), value)?;
                }
                out.end()
            }
            Self::Struct(fields) => {
                let mut out = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    out.serialize_entry(key, value)?;
                }
                out.end()
            }
            Self::Sensitive(_) => {
                let mut out = serializer.serialize_map(Some(1))?;
                out.serialize_entry(SENSITIVE_KEY, REDACTED)?;
                out.end()
            }
        }
    }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::Str(text) => text.to_string(),
        Value::Sensitive(_) => REDACTED.to_owned(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

impl Value {
    /// Reads a value; objects become structs, numbers with a point floats.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, FromJsonError> {
        Ok(match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(float)) if number.is_f64() => Self::Float(float),
                _ => return Err(FromJsonError::Range(number.to_string())),
            },
            serde_json::Value::String(text) => Self::from(text.as_str()),
            serde_json::Value::Array(items) => {
                Self::List(items.iter().map(Self::from_json).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(fields) => {
                if fields.contains_key(SENSITIVE_KEY) {
                    return Err(FromJsonError::Redacted);
                }
                let fields =
                    fields.iter().map(|(key, value)| Ok((key.as_str().into(), Self::from_json(value)?)));
                Self::Struct(fields.collect::<Result<_, FromJsonError>>()?)
            }
        })
    }
}

/// A mapping without a schema: a struct when every key is text, else a map.
pub(super) fn mapping(entries: Vec<(Value, Value)>) -> Value {
    if entries.iter().all(|(key, _)| matches!(key, Value::Str(_))) {
        let fields = entries.into_iter().filter_map(|(key, value)| match key {
            Value::Str(text) => Some((text, value)),
            _ => None,
        });
        Value::Struct(fields.collect())
    } else {
        Value::Map(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_reads_back_what_it_shows() {
        let json = serde_json::json!({"a": [1, 2.5, true, null, "x"]});
        let value = Value::from_json(&json).unwrap();
        assert_eq!(serde_json::to_value(&value).unwrap(), json);
    }

    #[test]
    fn a_redacted_value_is_not_read_back() {
        let secret = Value::Sensitive(Box::new(Value::from("hunter2")));
        let json = serde_json::to_value(&secret).unwrap();
        assert!(!json.to_string().contains("hunter2"));
        assert_eq!(Value::from_json(&json), Err(FromJsonError::Redacted));
    }
}
