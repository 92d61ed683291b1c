//! The parameters of one resource: sorted by name, small.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::value::{Value, ValueError};

/// Parameter names to values, in the order of the names. What was not declared is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(Arc<str>, Value)>);

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.find(name).ok()?;
        Some(&self.0[at].1)
    }

    /// Sets a parameter; says what it was before.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.find(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Sets all that others say.
    pub fn extend(&mut self, others: &Params) {
        for (name, value) in others.iter() {
            self.set(name.clone(), value.clone());
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of those that must not be shown.
    pub fn sensitive(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name)
    }

    /// The pieces of text in them that must not be shown, the longest first.
    pub fn secrets(&self) -> Vec<Arc<str>> {
        let mut texts: Vec<Arc<str>> = self.0.iter().flat_map(|(_, value)| value.secrets()).collect();
        texts.retain(|text| !text.is_empty());
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts
    }

    /// Makes the typed parameters of a kind.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        let fields = self.0.iter().map(|(name, value)| (&**name, value));
        T::deserialize(serde::de::value::MapDeserializer::new(fields))
    }

    /// As one value.
    pub fn to_value(&self) -> Value {
        Value::Struct(self.0.iter().cloned().collect::<BTreeMap<_, _>>())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(have, _)| (**have).cmp(name))
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, Value)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(iter: I) -> Self {
        let mut params = Self::new();
        for (name, value) in iter {
            params.set(name, value);
        }
        params
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_declaration_does_not_matter() {
        let one: Params = [("b", Value::Int(1)), ("a", Value::Int(2))].into_iter().collect();
        let other: Params = [("a", Value::Int(2)), ("b", Value::Int(1))].into_iter().collect();
        assert_eq!(one, other);
        assert_eq!(one.get("b"), Some(&Value::Int(1)));
    }
}
