//! Values as JSON that keeps their types, both ways: what JSON cannot say is an object with one key that says it (`struct`,
//! `map`, `float`, `sensitive`). Nothing is redacted; who writes it somewhere says what stands for what is sensitive.

use serde_json::{Map, Value as Json, json};

use super::Value;

/// JSON that is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypedJsonError {
    /// A whole number outside of 64 bits.
    #[error("{0} does not fit 64 bits")]
    Range(String),
    /// An object that says nothing of what it is.
    #[error("it holds a value of no known type")]
    Untyped,
    /// What `tagged` said.
    #[error("{0}")]
    Refused(String),
}

/// Reads an object whose key is none of ours; `None` if it is nobody's.
pub type Tagged<'a> = dyn FnMut(&str, &Json) -> Option<Result<Value, String>> + 'a;

impl Value {
    /// All of it, what is sensitive included and marked.
    pub fn to_typed_json(&self) -> Json {
        self.to_typed_json_hiding(&mut |secret| json!({ "sensitive": secret.to_typed_json() }))
    }

    /// The same; `hide` takes what is sensitive, and says what stands in its place.
    pub fn to_typed_json_hiding(&self, hide: &mut dyn FnMut(&Value) -> Json) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) if value.is_finite() => (*value).into(),
            Self::Float(value) => json!({ "float": value.to_string() }),
            Self::Str(text) => (**text).into(),
            Self::List(items) => items.iter().map(|item| item.to_typed_json_hiding(hide)).collect(),
            Self::Map(map) => {
                let pairs = map.iter().map(|(key, value)| {
                    json!([key.to_typed_json_hiding(hide), value.to_typed_json_hiding(hide)])
                });
                json!({ "map": pairs.collect::<Vec<_>>() })
            }
            Self::Struct(fields) => {
                let fields =
                    fields.iter().map(|(name, value)| (name.to_string(), value.to_typed_json_hiding(hide)));
                json!({ "struct": fields.collect::<Map<_, _>>() })
            }
            Self::Sensitive(value) => hide(value),
        }
    }

    /// Reads what [`to_typed_json`](Self::to_typed_json) wrote.
    pub fn from_typed_json(json: &Json) -> Result<Self, TypedJsonError> {
        Self::from_typed_json_with(json, &mut |_, _| None)
    }

    /// The same, where objects with other keys stand for something.
    pub fn from_typed_json_with(json: &Json, tagged: &mut Tagged<'_>) -> Result<Self, TypedJsonError> {
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(float)) if number.is_f64() => Self::Float(float),
                _ => return Err(TypedJsonError::Range(number.to_string())),
            },
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(items) => Self::List(
                items
                    .iter()
                    .map(|item| Self::from_typed_json_with(item, tagged))
                    .collect::<Result<_, _>>()?,
            ),
            Json::Object(object) => {
                let mut entries = object.iter();
                let (Some((tag, inner)), None) = (entries.next(), entries.next()) else {
                    return Err(TypedJsonError::Untyped);
                };
                Self::from_tagged(tag, inner, tagged)?
            }
        })
    }

    fn from_tagged(tag: &str, inner: &Json, tagged: &mut Tagged<'_>) -> Result<Self, TypedJsonError> {
        Ok(match (tag, inner) {
            ("float", Json::String(text)) => Self::Float(text.parse().map_err(|_| TypedJsonError::Untyped)?),
            ("struct", Json::Object(fields)) => {
                let fields = fields.iter().map(|(name, value)| {
                    Ok((name.as_str().into(), Self::from_typed_json_with(value, tagged)?))
                });
                Self::Struct(fields.collect::<Result<_, _>>()?)
            }
            ("map", Json::Array(pairs)) => {
                let pairs = pairs.iter().map(|pair| match pair.as_array().map(Vec::as_slice) {
                    Some([key, value]) => Ok((
                        Self::from_typed_json_with(key, tagged)?,
                        Self::from_typed_json_with(value, tagged)?,
                    )),
                    _ => Err(TypedJsonError::Untyped),
                });
                Self::Map(pairs.collect::<Result<_, _>>()?)
            }
            ("sensitive", inner) => Self::Sensitive(Box::new(Self::from_typed_json_with(inner, tagged)?)),
            (tag, inner) => match tagged(tag, inner) {
                Some(value) => value.map_err(TypedJsonError::Refused)?,
                None => return Err(TypedJsonError::Untyped),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_with_its_types() {
        let secret = Value::Sensitive(Box::new(Value::List(vec![Value::Int(1)])));
        for value in [
            Value::Null,
            Value::Float(1.0),
            Value::Float(f64::INFINITY),
            Value::Map([(Value::Int(1), secret.clone())].into_iter().collect()),
            Value::Struct([("map".into(), secret)].into_iter().collect()),
        ] {
            let text = value.to_typed_json().to_string();
            assert_eq!(Value::from_typed_json(&serde_json::from_str(&text).unwrap()), Ok(value), "{text}");
        }
    }

    /// Or a value that was computed would differ from itself as it was stored, for ever.
    #[test]
    fn every_float_reads_back_as_itself() {
        for value in
            (0..10_000).map(|number| f64::from(number) / 1000.0 * 1.1).chain([f64::MAX, 5e-324, -0.0])
        {
            let text = Value::Float(value).to_typed_json().to_string();
            let read = Value::from_typed_json(&serde_json::from_str(&text).unwrap());
            let Ok(Value::Float(read)) = read else { panic!("{text} is read as {read:?}") };
            assert_eq!(read.to_bits(), value.to_bits(), "{text}");
        }
    }

    #[test]
    fn what_is_of_no_type_is_no_value() {
        for text in ["{}", "{\"a\":1}", "{\"map\":[[1]]}", "{\"float\":\"x\"}", "18446744073709551615"] {
            assert!(Value::from_typed_json(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }
}
