//! To and from the values of the model, which resources are made of.

use homeostat_model::value::Value as Model;

use super::Value;

/// A value that has no counterpart on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotData {
    /// Functions stay in the language.
    #[error("a function is no data")]
    Function,
    /// The language has no nothing.
    #[error("there is no value")]
    Null,
}

impl TryFrom<&Value> for Model {
    type Error = NotData;

    fn try_from(value: &Value) -> Result<Self, NotData> {
        Ok(match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Str(text) => Self::Str(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::try_from).collect::<Result<_, _>>()?),
            Value::Map(map) => {
                let entries =
                    map.iter().map(|(key, value)| Ok((Self::try_from(key)?, Self::try_from(value)?)));
                Self::Map(entries.collect::<Result<_, _>>()?)
            }
            Value::Struct(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), Self::try_from(value)?)));
                Self::Struct(fields.collect::<Result<_, _>>()?)
            }
            Value::Func(_) => return Err(NotData::Function),
            Value::Sensitive(inner) => Self::Sensitive(Box::new(Self::try_from(&**inner)?)),
        })
    }
}

impl TryFrom<&Model> for Value {
    type Error = NotData;

    /// The fields of a struct come in the order of their names: the model knows no other.
    fn try_from(value: &Model) -> Result<Self, NotData> {
        Ok(match value {
            Model::Null => return Err(NotData::Null),
            Model::Bool(value) => Self::Bool(*value),
            Model::Int(number) => Self::Int(*number),
            Model::Float(number) => Self::Float(*number),
            Model::Str(text) => Self::Str(text.clone()),
            Model::List(items) => Self::List(items.iter().map(Self::try_from).collect::<Result<_, _>>()?),
            Model::Map(map) => {
                let entries =
                    map.iter().map(|(key, value)| Ok((Self::try_from(key)?, Self::try_from(value)?)));
                Self::Map(entries.collect::<Result<_, _>>()?)
            }
            Model::Struct(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), Self::try_from(value)?)));
                Self::Struct(fields.collect::<Result<_, _>>()?)
            }
            Model::Sensitive(inner) => Self::try_from(&**inner)?.into_sensitive(),
        })
    }
}
