//! Values: what parameters hold, what resources send, what the language computes.

mod de;
mod json;
mod text;
mod typed;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use de::ValueError;
pub use json::{FromJsonError, REDACTED};
pub use text::Text;
pub use typed::{Tagged, TypedJsonError};

/// A value. Ordered and hashable, so that anything made of values has one defined order.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing was given.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// An ordered sequence.
    List(Vec<Value>),
    /// Keys of one type to values of one type.
    Map(BTreeMap<Value, Value>),
    /// Named fields.
    Struct(BTreeMap<Arc<str>, Value>),
    /// A value that must not be shown. It is the value inside for whoever uses it.
    Sensitive(Box<Value>),
}

impl Value {
    /// Text as a value.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self.reveal() {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value itself, whether it may be shown or not.
    pub fn reveal(&self) -> &Value {
        match self {
            Self::Sensitive(inner) => inner.reveal(),
            other => other,
        }
    }

    /// Whether any part of it must not be shown.
    pub fn is_sensitive(&self) -> bool {
        match self {
            Self::Sensitive(_) => true,
            Self::List(items) => items.iter().any(Self::is_sensitive),
            Self::Map(map) => map.iter().any(|(key, value)| key.is_sensitive() || value.is_sensitive()),
            Self::Struct(fields) => fields.values().any(Self::is_sensitive),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) => false,
        }
    }

    /// The pieces of text inside that must not be shown, for whoever has to blank them out of something else: the longest
    /// first. A short text counts by its words as well, since a failure may quote one word of a command.
    pub fn secrets(&self) -> Vec<Arc<str>> {
        let mut found = Vec::new();
        self.collect_secrets(false, &mut found);
        let words: Vec<Arc<str>> = found.iter().flat_map(|text| secret_words(text)).map(Arc::from).collect();
        found.extend(words);
        found.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        found.dedup();
        found
    }

    fn collect_secrets(&self, hidden: bool, found: &mut Vec<Arc<str>>) {
        match self {
            Self::Sensitive(inner) => inner.collect_secrets(true, found),
            Self::Str(text) if hidden => found.push(text.clone()),
            Self::List(items) => items.iter().for_each(|item| item.collect_secrets(hidden, found)),
            Self::Map(map) => map.iter().for_each(|(key, value)| {
                key.collect_secrets(hidden, found);
                value.collect_secrets(hidden, found);
            }),
            Self::Struct(fields) => fields.values().for_each(|field| field.collect_secrets(hidden, found)),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) => {}
        }
    }

    /// The word for its type in messages.
    pub fn type_word(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Struct(_) => "a mapping",
            Self::Sensitive(inner) => inner.type_word(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Str(_) => 4,
            Self::List(_) => 5,
            Self::Map(_) => 6,
            Self::Struct(_) => 7,
            Self::Sensitive(_) => 8,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Str(a), Self::Str(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Map(a), Self::Map(b)) => a.cmp(b),
            (Self::Struct(a), Self::Struct(b)) => a.cmp(b),
            (Self::Sensitive(a), Self::Sensitive(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank());
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Str(text) => text.hash(state),
            Self::List(items) => items.hash(state),
            Self::Map(map) => map.hash(state),
            Self::Struct(fields) => fields.hash(state),
            Self::Sensitive(inner) => inner.hash(state),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Blanks secrets out of a text; longer ones have to come first.
pub fn redact(text: &str, secrets: &[Arc<str>]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(&**secret, REDACTED))
}

/// What is shorter is a word of the language rather than a secret, and blanking it out would hide too much.
const SECRET_WORD_BYTES_MIN: usize = 4;
/// In longer texts, such as keys and whole files, words are no secrets.
const SECRET_LINE_BYTES_MAX: usize = 4096;

/// The words of a text, with and without what stands around and between their parts.
fn secret_words(text: &str) -> impl Iterator<Item = &str> {
    let is_mark = |c: char| "\"'`;&|()<>=,".contains(c);
    let whole = Some(text).filter(|text| text.len() <= SECRET_LINE_BYTES_MAX);
    let words = whole.into_iter().flat_map(str::split_whitespace);
    words
        .flat_map(move |word| std::iter::once(word.trim_matches(is_mark)).chain(word.split(is_mark)))
        .filter(|word| word.len() >= SECRET_WORD_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_however_deep_it_lies() {
        let value = Value::List(vec![Value::from("open"), Value::Sensitive(Box::new(Value::from("shut")))]);
        assert!(value.is_sensitive());
        assert_eq!(value.secrets(), vec![Arc::from("shut")]);
        let command = Value::Sensitive(Box::new(Value::from("login -p PASS='hunter2;x' me")));
        let secrets = command.secrets();
        for secret in ["login -p PASS='hunter2;x' me", "login", "hunter2"] {
            assert!(secrets.iter().any(|text| **text == *secret), "{secret} {secrets:?}");
        }
        assert!(secrets.is_sorted_by_key(|text| std::cmp::Reverse(text.len())), "{secrets:?}");
    }

    #[test]
    fn not_a_number_equals_itself() {
        assert_eq!(Value::Float(f64::NAN), Value::Float(f64::NAN));
    }
}
