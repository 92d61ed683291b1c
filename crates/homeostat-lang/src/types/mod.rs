//! Types: their forms, how they are written, and how two of them are made one.
//!
//! Invariant: a type is plain data. Only a [`Unifier`] knows what its variables stand for.

mod display;
mod mismatch;
mod parse;
mod schema;
mod unify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use mismatch::{Cause, Mismatch, Step};
pub use parse::TypeError;
pub use schema::accepts;
pub use unify::Unifier;

/// A type of the language.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// Text.
    Str,
    /// A whole number of 64 bits.
    Int,
    /// A number of 64 bits with a fraction.
    Float,
    /// Items of one type.
    List(Arc<Type>),
    /// Keys of one type to values of one type.
    Map(Arc<Type>, Arc<Type>),
    /// Named fields; their order is part of the type.
    Struct(Arc<[Field]>),
    /// A function.
    Func(Arc<FuncType>),
    /// What could be anything. Programs may write it, but nothing has this type.
    Variant,
    /// A type that is not known: in a signature, any type, the same wherever it has the same number.
    Var(TypeVar),
}

/// The number of a type variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeVar(pub u32);

/// A field of a struct type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}

/// The type of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncType {
    /// What it takes, in order.
    pub params: Vec<ParamType>,
    /// What it gives.
    pub result: Type,
}

/// A parameter of a function type. Two types that differ only in the names of parameters are equal.
#[derive(Debug, Clone)]
pub struct ParamType {
    /// The name, for people.
    pub name: Option<Arc<str>>,
    /// The type.
    pub ty: Type,
    /// Whether any number of these may come, in the signatures of the library.
    pub repeats: bool,
}

impl Type {
    /// A list of these.
    pub fn list(item: Type) -> Self {
        Self::List(Arc::new(item))
    }

    /// A map from keys of one type to values of another.
    pub fn map(key: Type, value: Type) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// A struct of these fields.
    pub fn structure<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, Type)>) -> Self {
        Self::Struct(fields.into_iter().map(|(name, ty)| Field { name: name.into(), ty }).collect())
    }

    /// A function of unnamed parameters.
    pub fn func(params: impl IntoIterator<Item = Type>, result: Type) -> Self {
        Self::Func(Arc::new(FuncType::new(params, result)))
    }

    /// The word for its outermost form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::List(_) => "list",
            Self::Map(..) => "map",
            Self::Struct(_) => "struct",
            Self::Func(_) => "func",
            Self::Variant => "variant",
            Self::Var(_) => "nil",
        }
    }

    /// Whether nothing in it is unknown.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Var(_) => false,
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Variant => true,
            Self::List(item) => item.is_known(),
            Self::Map(key, value) => key.is_known() && value.is_known(),
            Self::Struct(fields) => fields.iter().all(|field| field.ty.is_known()),
            Self::Func(func) => func.params.iter().all(|param| param.ty.is_known()) && func.result.is_known(),
        }
    }

    /// Whether its values can be keys of maps. What is unknown may become so.
    pub fn is_hashable(&self) -> bool {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Var(_) => true,
            Self::Struct(fields) => fields.iter().all(|field| field.ty.is_hashable()),
            Self::List(_) | Self::Map(..) | Self::Func(_) | Self::Variant => false,
        }
    }

    /// Whether two of its values can be compared by `==`. What is unknown may become so.
    pub fn is_comparable(&self) -> bool {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Var(_) => true,
            Self::List(item) => item.is_comparable(),
            Self::Map(key, value) => key.is_comparable() && value.is_comparable(),
            Self::Struct(fields) => fields.iter().all(|field| field.ty.is_comparable()),
            Self::Func(_) | Self::Variant => false,
        }
    }

    /// The first map inside, outermost first, whose keys cannot be keys.
    pub fn unhashable_key(&self) -> Option<&Type> {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Variant | Self::Var(_) => None,
            Self::List(item) => item.unhashable_key(),
            Self::Map(key, _) if !key.is_hashable() => Some(key),
            Self::Map(_, value) => value.unhashable_key(),
            Self::Struct(fields) => fields.iter().find_map(|field| field.ty.unhashable_key()),
            Self::Func(func) => {
                let params = func.params.iter().map(|param| &param.ty);
                params.chain([&func.result]).find_map(Self::unhashable_key)
            }
        }
    }

    /// How many types it is made of, itself included.
    pub fn parts(&self) -> usize {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Variant | Self::Var(_) => 1,
            Self::List(item) => 1 + item.parts(),
            Self::Map(key, value) => 1 + key.parts() + value.parts(),
            Self::Struct(fields) => 1 + fields.iter().map(|field| field.ty.parts()).sum::<usize>(),
            Self::Func(func) => {
                let params: usize = func.params.iter().map(|param| param.ty.parts()).sum();
                1 + params + func.result.parts()
            }
        }
    }

    /// Shows every variable in it.
    pub fn visit_variables(&self, seen: &mut impl FnMut(TypeVar)) {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Variant => {}
            Self::Var(var) => seen(*var),
            Self::List(item) => item.visit_variables(seen),
            Self::Map(key, value) => [key, value].iter().for_each(|part| part.visit_variables(seen)),
            Self::Struct(fields) => fields.iter().for_each(|field| field.ty.visit_variables(seen)),
            Self::Func(func) => {
                func.params.iter().for_each(|param| param.ty.visit_variables(seen));
                func.result.visit_variables(seen);
            }
        }
    }

    /// The same with every variable replaced.
    #[must_use]
    pub fn replace(&self, with: &mut impl FnMut(TypeVar) -> Type) -> Type {
        match self {
            Self::Bool | Self::Str | Self::Int | Self::Float | Self::Variant => self.clone(),
            Self::Var(var) => with(*var),
            Self::List(item) => Self::list(item.replace(with)),
            Self::Map(key, value) => Self::map(key.replace(with), value.replace(with)),
            Self::Struct(fields) => {
                Self::structure(fields.iter().map(|field| (field.name.clone(), field.ty.replace(with))))
            }
            Self::Func(func) => Self::Func(Arc::new(func.replace(with))),
        }
    }
}

impl FuncType {
    /// A function of unnamed parameters.
    pub fn new(params: impl IntoIterator<Item = Type>, result: Type) -> Self {
        let params = params.into_iter().map(ParamType::unnamed).collect();
        Self { params, result }
    }

    /// The same with every variable replaced.
    #[must_use]
    pub fn replace(&self, with: &mut impl FnMut(TypeVar) -> Type) -> FuncType {
        let params = self.params.iter().map(|param| ParamType {
            name: param.name.clone(),
            ty: param.ty.replace(with),
            repeats: param.repeats,
        });
        FuncType { params: params.collect(), result: self.result.replace(with) }
    }

    /// Whether its last parameter may come any number of times.
    pub fn is_variadic(&self) -> bool {
        self.params.last().is_some_and(|param| param.repeats)
    }

    /// The same for that many arguments: a parameter that repeats stands as often as needed. Variables that are only in
    /// it are others each time. `None` when the number does not fit.
    pub fn with_arguments(&self, count: usize) -> Option<FuncType> {
        let fixed = self.params.len() - usize::from(self.is_variadic());
        if count < fixed || (count > fixed && !self.is_variadic()) {
            return None;
        }
        let mut params = self.params[..fixed].to_vec();
        if let Some(last) = self.params.last().filter(|param| param.repeats) {
            let shared = self.variables(fixed);
            let mut next = self.variables(self.params.len()).last().map_or(0, |TypeVar(number)| number + 1);
            for _ in fixed..count {
                let mut own = BTreeMap::new();
                let ty = last.ty.replace(&mut |var| match shared.contains(&var) {
                    true => Type::Var(var),
                    false => Type::Var(*own.entry(var).or_insert_with(|| {
                        next += 1;
                        TypeVar(next - 1)
                    })),
                });
                params.push(ParamType::unnamed(ty));
            }
        }
        Some(FuncType { params, result: self.result.clone() })
    }

    /// The variables of the first parameters and of the result.
    fn variables(&self, params: usize) -> BTreeSet<TypeVar> {
        let mut found = BTreeSet::new();
        for ty in self.params[..params].iter().map(|param| &param.ty).chain([&self.result]) {
            ty.visit_variables(&mut |var| {
                found.insert(var);
            });
        }
        found
    }
}

impl ParamType {
    /// A parameter without a name.
    pub fn unnamed(ty: Type) -> Self {
        Self { name: None, ty, repeats: false }
    }
}

impl PartialEq for ParamType {
    fn eq(&self, other: &Self) -> bool {
        (&self.ty, self.repeats) == (&other.ty, other.repeats)
    }
}

impl Eq for ParamType {}

impl std::hash::Hash for ParamType {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        (&self.ty, self.repeats).hash(hasher);
    }
}

impl Ord for ParamType {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.ty, self.repeats).cmp(&(&other.ty, other.repeats))
    }
}

impl PartialOrd for ParamType {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        text.parse().unwrap()
    }

    #[test]
    fn only_scalars_and_structs_of_them_are_keys() {
        for text in ["bool", "str", "int", "float", "struct{a int; b struct{c str}}"] {
            assert!(ty(text).is_hashable(), "{text}");
        }
        for text in ["[]int", "map{str: int}", "func() int", "struct{a []int}"] {
            assert!(!ty(text).is_hashable(), "{text}");
        }
        let deep = ty("[]struct{a func(map{[]int: str}) int}");
        assert_eq!(deep.unhashable_key(), Some(&ty("[]int")));
    }

    #[test]
    fn only_functions_cannot_be_compared() {
        assert!(ty("map{str: []struct{a float}}").is_comparable());
        assert!(!ty("struct{a []func() int}").is_comparable());
    }

    #[test]
    fn names_of_parameters_are_no_part_of_a_type() {
        assert_eq!(ty("func(a int, b str) bool"), ty("func(int, str) bool"));
        assert_ne!(ty("struct{a int; b str}"), ty("struct{b str; a int}"));
    }

    #[test]
    fn a_repeating_parameter_stands_for_as_many_as_come() {
        let Type::Func(printf) = ty("func(format str, values ...?1) str") else { panic!() };
        assert_eq!(printf.with_arguments(0), None);
        assert_eq!(printf.with_arguments(1).unwrap().params.len(), 1);
        assert_eq!(printf.with_arguments(3).unwrap().params.len(), 3);
        assert!(!printf.with_arguments(3).unwrap().is_variadic());
        assert_eq!(printf.with_arguments(3).unwrap().to_string(), "func(format str, ?2, ?3) str");
        let Type::Func(concat) = ty("func([]?1, ...[]?1) []?1") else { panic!() };
        assert_eq!(concat.with_arguments(3).unwrap().to_string(), "func([]?1, []?1, []?1) []?1");
    }
}
