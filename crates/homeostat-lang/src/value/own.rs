//! How much memory is there because of a value.

use std::sync::Arc;

use super::Value;

impl Value {
    /// The bytes that only this one holds: what it has in common with other values is theirs. Costs what it counts.
    pub fn own_bytes(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Func(_) => 0,
            Self::Str(text) if Arc::strong_count(text) == 1 => text.len(),
            Self::List(list) if Arc::strong_count(&list.0) == 1 => {
                list.iter().map(|item| size_of::<Value>() + item.own_bytes()).sum()
            }
            Self::Map(map) if Arc::strong_count(&map.0) == 1 => map
                .iter()
                .map(|(key, value)| 2 * size_of::<Value>() + key.own_bytes() + value.own_bytes())
                .sum(),
            Self::Struct(fields) if Arc::strong_count(&fields.0) == 1 => {
                fields.iter().map(|(_, value)| 2 * size_of::<Value>() + value.own_bytes()).sum()
            }
            Self::Sensitive(inner) if Arc::strong_count(inner) == 1 => inner.own_bytes(),
            Self::Sensitive(_) | Self::Str(_) | Self::List(_) | Self::Map(_) | Self::Struct(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_hold_as_well_is_not_counted() {
        let text = Value::from("0123456789");
        assert_eq!(text.own_bytes(), 10);
        let list = Value::list([text.clone(), Value::Int(1)]);
        assert_eq!(text.own_bytes(), 0);
        assert_eq!(list.own_bytes(), 2 * size_of::<Value>());
        drop(text);
        assert_eq!(list.own_bytes(), 2 * size_of::<Value>() + 10);
        let other = list.clone();
        assert_eq!((list.own_bytes(), other.own_bytes()), (0, 0));
    }
}
