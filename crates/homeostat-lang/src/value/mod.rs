//! Values: cheap to clone, totally ordered, hashable.
//!
//! Invariant: whether something inside must not be shown, and how much there is to look at, is known without looking inside.
//! There is no value for "not known yet": what has no value has none, and whoever evaluates keeps track of it.

mod convert;
mod display;
mod func;
mod own;
mod parse;
mod shape;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use convert::NotData;
pub use display::float_text;
pub use func::{Func, FuncBody};
pub use homeostat_model::value::REDACTED;
pub use parse::ParseError;

use crate::types::{Type, TypeVar};

/// A value of the language.
#[derive(Debug, Clone)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// Items in order.
    List(List),
    /// Keys to values, in the order of the keys.
    Map(Map),
    /// Named fields in the order of their type.
    Struct(Struct),
    /// A function.
    Func(Func),
    /// A value that must not be shown, and whatever was made of it.
    Sensitive(Arc<Value>),
}

/// The items of a list.
#[derive(Debug, Clone, Default)]
pub struct List(Arc<Tainted<Vec<Value>>>);

/// The entries of a map.
#[derive(Debug, Clone, Default)]
pub struct Map(Arc<Tainted<BTreeMap<Value, Value>>>);

/// The fields of a struct.
#[derive(Debug, Clone, Default)]
pub struct Struct(Arc<Tainted<Vec<FieldValue>>>);

/// The name of a field and its value.
pub type FieldValue = (Arc<str>, Value);

/// What a container holds, whether any of it must not be shown, and the weight of all of it.
#[derive(Debug, Default)]
struct Tainted<T> {
    inner: T,
    is_sensitive: bool,
    weight: u32,
}

/// So many bytes of a text weigh as much as a number.
const BYTES_PER_WEIGHT: usize = 8;

impl Value {
    /// Text as a value.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// A list of these items.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// A map of these entries; of equal keys the last counts.
    pub fn map(entries: impl IntoIterator<Item = (Value, Value)>) -> Self {
        Self::Map(entries.into_iter().collect())
    }

    /// A struct of these fields.
    pub fn structure<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self::Struct(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The same, not to be shown.
    #[must_use]
    pub fn into_sensitive(self) -> Self {
        match self {
            Self::Sensitive(_) => self,
            open => Self::Sensitive(Arc::new(open)),
        }
    }

    /// The value itself, whether it may be shown or not. Parts of it may still be sensitive by themselves.
    pub fn reveal(&self) -> &Value {
        match self {
            Self::Sensitive(inner) => inner.reveal(),
            open => open,
        }
    }

    /// Whether any part of it must not be shown.
    pub fn is_sensitive(&self) -> bool {
        match self {
            Self::Sensitive(_) => true,
            Self::List(list) => list.0.is_sensitive,
            Self::Map(map) => map.0.is_sensitive,
            Self::Struct(fields) => fields.0.is_sensitive,
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) | Self::Func(_) => false,
        }
    }

    /// How much there is to look at: a number is 1, a text 1 for every eight bytes and 1 more. What is in it twice counts
    /// twice, even if it is one in memory, since whoever compares, prints or converts it meets it twice. [`u32::MAX`] stands
    /// for that and whatever is more.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Func(_) => 1,
            Self::Str(text) => u32::try_from(text.len() / BYTES_PER_WEIGHT + 1).unwrap_or(u32::MAX),
            Self::List(list) => list.0.weight,
            Self::Map(map) => map.0.weight,
            Self::Struct(fields) => fields.0.weight,
            Self::Sensitive(inner) => inner.weight(),
        }
    }

    /// The same with nothing sensitive left in it, for a computation whose result will be tainted as a whole.
    #[must_use]
    pub fn reveal_all(&self) -> Value {
        if !self.is_sensitive() {
            return self.clone();
        }
        match self.reveal() {
            Self::List(list) => Self::list(list.iter().map(Self::reveal_all)),
            Self::Map(map) => {
                Self::map(map.iter().map(|(key, value)| (key.reveal_all(), value.reveal_all())))
            }
            Self::Struct(fields) => {
                Self::structure(fields.iter().map(|(name, value)| (name.clone(), value.reveal_all())))
            }
            scalar => scalar.clone(),
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self.reveal() {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The field of that name, if it is a struct that has one.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self.reveal() {
            Self::Struct(fields) => fields.get(name),
            _ => None,
        }
    }

    /// Its type as far as it can be seen: `?0` where a container is empty, or for a function.
    pub fn type_of(&self) -> Type {
        let unknown = || Type::Var(TypeVar(0));
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Str(_) => Type::Str,
            Self::List(list) => Type::list(list.first().map_or_else(unknown, Self::type_of)),
            Self::Map(map) => match map.first_key_value() {
                Some((key, value)) => Type::map(key.type_of(), value.type_of()),
                None => Type::map(unknown(), unknown()),
            },
            Self::Struct(fields) => {
                Type::structure(fields.iter().map(|(name, value)| (name.clone(), value.type_of())))
            }
            Self::Func(func) => func.ty().cloned().unwrap_or_else(unknown),
            Self::Sensitive(inner) => inner.type_of(),
        }
    }

    /// Whether it has that type; what is empty has all that fit, and a variable may stand for any.
    pub fn is_of(&self, ty: &Type) -> bool {
        match (self.reveal(), ty) {
            (_, Type::Var(_)) => true,
            (Self::List(items), Type::List(item)) => items.iter().all(|value| value.is_of(item)),
            (Self::Map(map), Type::Map(key, value)) => {
                map.iter().all(|(k, v)| k.is_of(key) && v.is_of(value))
            }
            (Self::Struct(values), Type::Struct(fields)) => {
                let is_field = |((name, value), field): (&FieldValue, &crate::types::Field)| {
                    *name == field.name && value.is_of(&field.ty)
                };
                values.len() == fields.len() && values.iter().zip(fields.iter()).all(is_field)
            }
            (Self::Func(func), ty) => func.ty().is_none_or(|known| known == ty),
            (scalar, ty) => scalar.type_of() == *ty,
        }
    }

    /// What a value of that type is before anybody said otherwise: false, 0, empty. `None` for functions and for what is
    /// not known.
    pub fn zero(ty: &Type) -> Option<Value> {
        Some(match ty {
            Type::Bool => Self::Bool(false),
            Type::Str => Self::str(""),
            Type::Int => Self::Int(0),
            Type::Float => Self::Float(0.0),
            Type::List(_) => Self::List(List::default()),
            Type::Map(..) => Self::Map(Map::default()),
            Type::Struct(fields) => {
                let zeros: Option<Vec<_>> =
                    fields.iter().map(|field| Some((field.name.clone(), Self::zero(&field.ty)?))).collect();
                Self::structure(zeros?)
            }
            Type::Func(_) | Type::Variant | Type::Var(_) => return None,
        })
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Str(_) => 3,
            Self::List(_) => 4,
            Self::Map(_) => 5,
            Self::Struct(_) => 6,
            Self::Func(_) => 7,
            Self::Sensitive(_) => 8,
        }
    }
}

impl Struct {
    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(field, _)| &**field == name).map(|(_, value)| value)
    }
}

impl std::ops::Deref for List {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.0.inner
    }
}

impl std::ops::Deref for Map {
    type Target = BTreeMap<Value, Value>;

    fn deref(&self) -> &BTreeMap<Value, Value> {
        &self.0.inner
    }
}

impl std::ops::Deref for Struct {
    type Target = Vec<FieldValue>;

    fn deref(&self) -> &Vec<FieldValue> {
        &self.0.inner
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        let inner: Vec<Value> = items.into_iter().collect();
        let (is_sensitive, weight) = sum(inner.iter());
        Self(Arc::new(Tainted { inner, is_sensitive, weight }))
    }
}

impl FromIterator<(Value, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(entries: I) -> Self {
        let inner: BTreeMap<Value, Value> = entries.into_iter().collect();
        let (is_sensitive, weight) = sum(inner.iter().flat_map(|(key, value)| [key, value]));
        Self(Arc::new(Tainted { inner, is_sensitive, weight }))
    }
}

impl FromIterator<(Arc<str>, Value)> for Struct {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(fields: I) -> Self {
        let inner: Vec<FieldValue> = fields.into_iter().collect();
        let (is_sensitive, weight) = sum(inner.iter().map(|(_, value)| value));
        Self(Arc::new(Tainted { inner, is_sensitive, weight }))
    }
}

/// Whether a part of a container must not be shown, and what the container weighs with all of them.
fn sum<'a>(parts: impl Iterator<Item = &'a Value>) -> (bool, u32) {
    parts.fold((false, 1), |(is_sensitive, weight), part| {
        (is_sensitive | part.is_sensitive(), weight.saturating_add(part.weight()))
    })
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Str(a), Self::Str(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
            (Self::Str(a), Self::Str(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) if Arc::ptr_eq(&a.0, &b.0) => Ordering::Equal,
            (Self::List(a), Self::List(b)) => a.0.inner.cmp(&b.0.inner),
            (Self::Map(a), Self::Map(b)) if Arc::ptr_eq(&a.0, &b.0) => Ordering::Equal,
            (Self::Map(a), Self::Map(b)) => a.0.inner.cmp(&b.0.inner),
            (Self::Struct(a), Self::Struct(b)) if Arc::ptr_eq(&a.0, &b.0) => Ordering::Equal,
            (Self::Struct(a), Self::Struct(b)) => a.0.inner.cmp(&b.0.inner),
            (Self::Func(a), Self::Func(b)) => a.cmp(b),
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
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u8(self.rank());
        match self {
            Self::Bool(value) => value.hash(hasher),
            Self::Int(value) => value.hash(hasher),
            Self::Float(value) => value.to_bits().hash(hasher),
            Self::Str(text) => text.hash(hasher),
            Self::List(list) => list.0.inner.hash(hasher),
            Self::Map(map) => map.0.inner.hash(hasher),
            Self::Struct(fields) => fields.0.inner.hash(hasher),
            Self::Func(func) => func.hash(hasher),
            Self::Sensitive(inner) => inner.hash(hasher),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
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

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Str(text)
    }
}

#[cfg(test)]
mod tests;
