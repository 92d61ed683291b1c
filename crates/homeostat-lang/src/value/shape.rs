//! Values that were kept outside of the language, in a form that knows fewer types: it tells no map by texts from a struct, keeps the
//! fields of a struct in the order of their names, and may write a number without its fraction.

use super::Value;
use crate::types::Type;

impl Value {
    /// The value as one of a type that says what its form leaves open. `None` if it is none of that type.
    pub fn shaped(&self, ty: &Type) -> Option<Value> {
        let fields_of = |value: &Value| -> Option<Vec<(Value, Value)>> {
            match value {
                Value::Struct(fields) => Some(
                    fields.iter().map(|(name, value)| (Value::Str(name.clone()), value.clone())).collect(),
                ),
                Value::Map(map) => {
                    Some(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
                }
                _ => None,
            }
        };
        match (self, ty) {
            (Value::Sensitive(inner), _) => Some(inner.shaped(ty)?.into_sensitive()),
            (Value::List(items), Type::List(item)) => {
                let items: Option<Vec<Value>> = items.iter().map(|value| value.shaped(item)).collect();
                Some(Value::list(items?))
            }
            (Value::Map(_) | Value::Struct(_), Type::Map(key, value)) => {
                let entries =
                    fields_of(self)?.into_iter().map(|(k, v)| Some((k.shaped(key)?, v.shaped(value)?)));
                Some(Value::map(entries.collect::<Option<Vec<_>>>()?))
            }
            (Value::Map(_) | Value::Struct(_), Type::Struct(wanted)) => {
                let given = fields_of(self)?;
                let fields = wanted.iter().map(|field| {
                    let (_, value) = given.iter().find(|(name, _)| name.as_str() == Some(&*field.name))?;
                    Some((field.name.clone(), value.shaped(&field.ty)?))
                });
                let fields = fields.collect::<Option<Vec<_>>>()?;
                (fields.len() == given.len()).then(|| Value::structure(fields))
            }
            (Value::Int(number), Type::Float) => Some(Value::Float(*number as f64)),
            _ => self.is_of(ty).then(|| self.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_leaves_open_is_said_by_the_type() {
        let kept = Value::structure([("a", Value::from(1)), ("b", Value::from(2))]);
        let by_text = Type::map(Type::Str, Type::Float);
        let map = kept.shaped(&by_text).unwrap();
        assert_eq!(
            map,
            Value::map([(Value::from("a"), Value::from(1.0)), (Value::from("b"), Value::from(2.0))])
        );
        assert!(map.is_of(&by_text));
        let turned = Type::structure([("b", Type::Int), ("a", Type::Int)]);
        assert!(kept.shaped(&turned).unwrap().is_of(&turned));
        let list = Value::list([kept.clone()]);
        let lists = Type::list(turned);
        assert!(list.shaped(&lists).unwrap().is_of(&lists));
        for other in [Type::structure([("a", Type::Int)]), Type::map(Type::Str, Type::Str), Type::Str] {
            assert_eq!(kept.shaped(&other), None, "{other}");
        }
    }
}
