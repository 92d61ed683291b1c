//! A text parameter that remembers whether it may be shown.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{REDACTED, Value};

/// Text for a kind that shows its parameters to people: what was declared as sensitive is told as redacted.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    sensitive: bool,
}

impl Text {
    /// What may be shown.
    pub fn shown(&self) -> &str {
        if self.sensitive { REDACTED } else { &self.text }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), sensitive: false }
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.reveal() {
            Value::Str(text) => Ok(Self { text: text.to_string(), sensitive: value.is_sensitive() }),
            other => Err(D::Error::custom(format!("expected a string, found {}", other.type_word()))),
        }
    }
}

impl schemars::JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sensitive_is_not_shown() {
        let open = Value::from("hello");
        let secret = Value::Sensitive(Box::new(open.clone()));
        assert_eq!(Text::deserialize(&open).unwrap().shown(), "hello");
        let secret = Text::deserialize(&secret).unwrap();
        assert_eq!((secret.shown(), format!("{secret:?}").as_str()), (REDACTED, "\"[redacted]\""));
        assert!(Text::deserialize(&Value::Int(1)).is_err());
    }
}
