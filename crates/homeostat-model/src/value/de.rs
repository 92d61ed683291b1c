//! A value is a serde data format: `T::deserialize(value)` makes the parameters of a kind.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::Value;

/// A value that does not fit where it was put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

impl de::Error for ValueError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl<'de> IntoDeserializer<'de, ValueError> for &'de Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self::Deserializer {
        self
    }
}

impl<'de> de::Deserializer<'de> for &'de Value {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Str(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Value::Map(map) => visitor.visit_map(MapDeserializer::new(map.iter())),
            Value::Struct(fields) => {
                visitor.visit_map(MapDeserializer::new(fields.iter().map(|(key, value)| (&**key, value))))
            }
            Value::Sensitive(inner) => inner.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self.reveal() {
            Value::Str(text) => {
                let variant: de::value::StrDeserializer<'_, ValueError> = (**text).into_deserializer();
                variant.deserialize_enum(name, variants, visitor)
            }
            other => Err(ValueError(format!("expected one of {variants:?}, found {}", other.type_word()))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self {
            // Only `AnyValue` asks by this name, and it takes this visit for a secret.
            Value::Sensitive(inner) if name == ANY_VALUE => visitor.visit_some(&**inner),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A value can stand for itself in the parameters of a kind (`any`), and what must not be shown stays so.
impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(ANY_VALUE, AnyValue)
    }
}

impl schemars::JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::Schema::default()
    }
}

/// The name by which a value asks for another.
const ANY_VALUE: &str = "$homeostat::Value";

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    /// Our own deserializer says in this way that what comes must not be shown.
    fn visit_some<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Ok(Value::Sensitive(Box::new(serde::Deserialize::deserialize(deserializer)?)))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Int).map_err(|_| E::custom(format!("{value} does not fit 64 bits")))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Value, Value)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(super::json::mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Exists,
        Absent,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Params {
        state: State,
        small: Option<u8>,
        ratio: BTreeMap<i64, f64>,
    }

    #[test]
    fn a_struct_of_values_becomes_typed_parameters() {
        let fields: BTreeMap<Arc<str>, Value> = [
            ("state".into(), Value::from("absent")),
            ("small".into(), Value::Sensitive(Box::new(Value::Int(7)))),
            ("ratio".into(), Value::Map([(Value::Int(1), Value::Float(0.5))].into())),
        ]
        .into();
        let params = Params::deserialize(&Value::Struct(fields));
        let want = Params { state: State::Absent, small: Some(7), ratio: [(1, 0.5)].into() };
        assert_eq!(params, Ok(want));
    }

    #[test]
    fn a_value_stands_for_itself_and_its_secrets_stay_secret() {
        let secret = Value::Sensitive(Box::new(Value::List(vec![Value::Int(1)])));
        let value = Value::List(vec![Value::Null, secret.clone(), Value::from("open")]);
        assert_eq!(Value::deserialize(&value), Ok(value.clone()));
        assert_eq!(Option::<Value>::deserialize(&secret), Ok(Some(secret)));
        assert_eq!(serde_json::from_str::<Value>("[1]").unwrap(), Value::List(vec![Value::Int(1)]));
    }

    #[test]
    fn a_number_out_of_range_is_refused() {
        assert!(u8::deserialize(&Value::Int(256)).is_err());
    }
}
