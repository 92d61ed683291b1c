//! Names: a kind, and a resource of a kind, always shown as `file[/etc/motd]`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a kind, lower case, sub-kinds joined by colons: `file`, `http:server`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KindName(Arc<str>);

impl KindName {
    /// Wraps a name as it is; whether such a kind exists is for a registry to say.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One declared resource: its kind and its name. Unique within a catalog.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The kind, as in `file`.
    pub kind: KindName,
    /// The name, as in `/etc/motd`.
    pub name: Arc<str>,
}

impl ResourceId {
    /// Puts a kind and a name together.
    pub fn new(kind: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind: KindName::new(kind), name: name.into() }
    }

    /// Reads `kind[name]`; the name may itself hold brackets.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        let fail = || ParseIdError { text: text.to_owned() };
        let (kind, rest) = text.split_once('[').ok_or_else(fail)?;
        let name = rest.strip_suffix(']').ok_or_else(fail)?;
        if kind.is_empty() || name.is_empty() || kind.contains(char::is_whitespace) {
            return Err(fail());
        }
        Ok(Self::new(kind, name))
    }
}

/// A text that is not `kind[name]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not of the form `kind[name]`")]
pub struct ParseIdError {
    /// What was given.
    pub text: String,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.kind, crate::suggest::printable(&self.name))
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}[{}]", self.kind, self.name))
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_shows() {
        for (kind, name) in [("file", "/etc/motd"), ("http:server", ":80"), ("exec", "a[0]")] {
            let id = ResourceId::new(kind, name);
            assert_eq!(ResourceId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn text_without_brackets_is_no_id() {
        for text in ["file", "file[]", "[x]", "file[x", "a b[x]"] {
            assert!(ResourceId::parse(text).is_err(), "{text}");
        }
    }
}
