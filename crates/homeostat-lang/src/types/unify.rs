//! Making two types one, and saying which part of them differs when that cannot be.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use ena::unify::{InPlaceUnificationTable, UnifyKey, UnifyValue};

use super::{FuncType, Type, TypeVar};

impl UnifyKey for TypeVar {
    type Value = Binding;

    fn index(&self) -> u32 {
        self.0
    }

    fn from_index(index: u32) -> Self {
        Self(index)
    }

    fn tag() -> &'static str {
        "TypeVar"
    }
}

/// What a variable stands for, if that is known.
#[derive(Debug, Clone)]
pub struct Binding(Option<Type>);

impl UnifyValue for Binding {
    type Error = ena::unify::NoError;

    /// Two bound variables are never joined: their types are unified instead.
    fn unify_values(a: &Self, b: &Self) -> Result<Self, Self::Error> {
        Ok(Self(a.0.clone().or_else(|| b.0.clone())))
    }
}

/// What is known about type variables.
#[derive(Clone, Default)]
pub struct Unifier {
    table: InPlaceUnificationTable<TypeVar>,
}

/// One step from a type to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The items of a list.
    Item,
    /// The keys of a map.
    Key,
    /// The values of a map.
    Value,
    /// A field of a struct.
    Field(Arc<str>),
    /// A parameter of a function, from 0.
    Param(usize),
    /// The result of a function.
    Result,
}

/// Why two types cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The way from the whole to the part that differs, outermost first.
    pub path: Vec<Step>,
    /// That part of the type that was wanted, as far as known.
    pub expected: Type,
    /// That part of the type that was there.
    pub found: Type,
    /// Whether one of the two would have to contain itself.
    pub is_infinite: bool,
}

impl Unifier {
    /// A variable nothing is known about.
    pub fn fresh(&mut self) -> TypeVar {
        self.table.new_key(Binding(None))
    }

    /// A signature of its own for one use: each of its variables becomes a new one.
    pub fn instantiate(&mut self, signature: &FuncType) -> FuncType {
        let mut fresh = HashMap::new();
        signature.replace(&mut |var| Type::Var(*fresh.entry(var).or_insert_with(|| self.fresh())))
    }

    /// The type with its outermost form as far as known.
    pub fn shallow(&mut self, ty: &Type) -> Type {
        let Type::Var(var) = ty else { return ty.clone() };
        let root = self.table.find(*var);
        self.table.probe_value(root).0.unwrap_or(Type::Var(root))
    }

    /// The type with every variable replaced that is known.
    pub fn resolve(&mut self, ty: &Type) -> Type {
        ty.replace(&mut |var| match self.shallow(&Type::Var(var)) {
            Type::Var(root) => Type::Var(root),
            bound => self.resolve(&bound),
        })
    }

    /// Makes both one type.
    ///
    /// # Errors
    /// The first part that differs. What was learnt until there stays learnt.
    pub fn unify(&mut self, expected: &Type, found: &Type) -> Result<(), Mismatch> {
        self.parts(expected, found).map_err(|mut mismatch| {
            mismatch.path.reverse();
            mismatch.expected = self.resolve(&mismatch.expected);
            mismatch.found = self.resolve(&mismatch.found);
            mismatch
        })
    }

    /// The path of an error is collected inside out.
    fn parts(&mut self, expected: &Type, found: &Type) -> Result<(), Mismatch> {
        let (expected, found) = (self.shallow(expected), self.shallow(found));
        let differ = || Mismatch::new(&expected, &found, false);
        match (&expected, &found) {
            (Type::Var(a), Type::Var(b)) => self.table.union(*a, *b),
            (Type::Var(var), other) | (other, Type::Var(var)) => {
                if self.contains(other, *var) {
                    return Err(Mismatch::new(&expected, &found, true));
                }
                self.table.union_value(*var, Binding(Some(other.clone())));
            }
            (Type::List(a), Type::List(b)) => self.parts(a, b).map_err(|m| m.under(Step::Item))?,
            (Type::Map(key_a, value_a), Type::Map(key_b, value_b)) => {
                self.parts(key_a, key_b).map_err(|m| m.under(Step::Key))?;
                self.parts(value_a, value_b).map_err(|m| m.under(Step::Value))?;
            }
            (Type::Struct(a), Type::Struct(b)) => {
                if !a.iter().map(|field| &field.name).eq(b.iter().map(|field| &field.name)) {
                    return Err(differ());
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    self.parts(&a.ty, &b.ty).map_err(|m| m.under(Step::Field(a.name.clone())))?;
                }
            }
            (Type::Func(a), Type::Func(b)) => {
                if a.params.len() != b.params.len() {
                    return Err(differ());
                }
                for (at, (a, b)) in a.params.iter().zip(&b.params).enumerate() {
                    self.parts(&a.ty, &b.ty).map_err(|m| m.under(Step::Param(at)))?;
                }
                self.parts(&a.result, &b.result).map_err(|m| m.under(Step::Result))?;
            }
            (a, b) if a == b => {}
            _ => return Err(differ()),
        }
        Ok(())
    }

    fn contains(&mut self, ty: &Type, var: TypeVar) -> bool {
        let mut found = false;
        self.resolve(ty).visit_variables(&mut |met| found |= met == var);
        found
    }
}

impl Mismatch {
    fn new(expected: &Type, found: &Type, is_infinite: bool) -> Self {
        Self { path: Vec::new(), expected: expected.clone(), found: found.clone(), is_infinite }
    }

    fn under(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// How the parts differ, where their kinds are the same.
    fn detail(&self) -> Option<String> {
        match (&self.expected, &self.found) {
            (Type::Struct(a), Type::Struct(b)) => {
                let missing = a.iter().find(|field| b.iter().all(|other| other.name != field.name));
                let extra = b.iter().find(|field| a.iter().all(|other| other.name != field.name));
                Some(match (missing, extra) {
                    (Some(field), _) => format!("the field `{}` is missing", field.name),
                    (None, Some(field)) => format!("the field `{}` is too many", field.name),
                    (None, None) => "the order of the fields differs".into(),
                })
            }
            (Type::Func(a), Type::Func(b)) if a.params.len() != b.params.len() => {
                Some(format!("it takes {}, not {}", b.params.len(), a.params.len()))
            }
            _ => None,
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item => f.write_str("the items"),
            Self::Key => f.write_str("the keys"),
            Self::Value => f.write_str("the values"),
            Self::Field(name) => write!(f, "the field `{name}`"),
            Self::Param(at) => write!(f, "parameter {}", at + 1),
            Self::Result => f.write_str("the result"),
        }
    }
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (expected, found) = (&self.expected, &self.found);
        if self.is_infinite {
            write!(f, "`{expected}` and `{found}` would contain themselves")?;
        } else {
            write!(f, "expected `{expected}`, found `{found}`")?;
        }
        if let Some(detail) = self.detail() {
            write!(f, ": {detail}")?;
        }
        for (at, step) in self.path.iter().rev().enumerate() {
            write!(f, "{} {step}", if at == 0 { ", in" } else { " of" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables 0 to 3 exist.
    fn unify(expected: &str, found: &str) -> Result<String, String> {
        let mut unifier = Unifier::default();
        for _ in 0..4 {
            unifier.fresh();
        }
        let (expected, found) = (expected.parse().unwrap(), found.parse().unwrap());
        unifier.unify(&expected, &found).map_err(|mismatch| mismatch.to_string())?;
        assert_eq!(unifier.resolve(&expected), unifier.resolve(&found));
        Ok(unifier.resolve(&expected).to_string())
    }

    #[test]
    fn variables_take_what_they_meet() {
        for (a, b, both) in [
            ("?0", "int", "int"),
            ("[]?0", "[]map{str: int}", "[]map{str: int}"),
            ("func(?0, ?0) ?1", "func(int, int) str", "func(int, int) str"),
            ("map{?0: ?1}", "map{str: []?0}", "map{str: []str}"),
            ("struct{a ?0; b ?0}", "struct{a ?1; b float}", "struct{a float; b float}"),
        ] {
            assert_eq!(unify(a, b).as_deref(), Ok(both));
        }
    }

    #[test]
    fn a_mismatch_names_the_part_that_differs() {
        for (a, b, message) in [
            ("str", "int", "expected `str`, found `int`"),
            ("[]str", "[]int", "expected `str`, found `int`, in the items"),
            (
                "struct{a map{str: int}}",
                "struct{a map{str: float}}",
                "expected `int`, found `float`, in the values of the field `a`",
            ),
            ("func(?0, ?0) bool", "func(int, str) bool", "expected `int`, found `str`, in parameter 2"),
            ("func(int) ?0", "func() ?0", "expected `func(int) ?0`, found `func() ?0`: it takes 0, not 1"),
            (
                "struct{a int; b int}",
                "struct{a int}",
                "expected `struct{a int; b int}`, found `struct{a int}`: the field `b` is missing",
            ),
            (
                "struct{a int; b int}",
                "struct{b int; a int}",
                "expected `struct{a int; b int}`, found `struct{b int; a int}`: the order of the fields differs",
            ),
            ("?0", "[]?0", "`?0` and `[]?0` would contain themselves"),
        ] {
            assert_eq!(unify(a, b), Err(message.to_owned()));
        }
    }

    #[test]
    fn every_use_of_a_signature_has_variables_of_its_own() {
        let signature: FuncType = "func(?1, []?1) bool".parse().unwrap();
        let mut unifier = Unifier::default();
        let (first, second) = (unifier.instantiate(&signature), unifier.instantiate(&signature));
        unifier.unify(&first.params[0].ty, &Type::Int).unwrap();
        unifier.unify(&second.params[0].ty, &Type::Str).unwrap();
        assert_eq!(unifier.resolve(&first.params[1].ty).to_string(), "[]int");
        assert_eq!(unifier.resolve(&second.params[1].ty).to_string(), "[]str");
    }
}
