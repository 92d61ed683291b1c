//! Making two types one.

use std::collections::HashMap;

use ena::unify::{InPlaceUnificationTable, UnifyKey, UnifyValue};

use super::mismatch::{Cause, Mismatch, Step};
use super::{FuncType, Type, TypeVar};

/// Types with more parts are refused: a few lines can ask for one that fills all memory.
const PARTS_MAX: usize = 10_000;
/// Deeper ones are refused, so that none can exhaust the stack.
const DEPTH_MAX: usize = 200;

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

    /// The type with every variable replaced that is known. What is too large stays unknown in part.
    pub fn resolve(&mut self, ty: &Type) -> Type {
        self.resolve_within(ty, &mut (PARTS_MAX * 10), DEPTH_MAX)
    }

    fn resolve_within(&mut self, ty: &Type, parts: &mut usize, depth: usize) -> Type {
        ty.replace(&mut |var| match self.shallow(&Type::Var(var)) {
            Type::Var(root) => Type::Var(root),
            _ if depth == 0 || *parts == 0 => Type::Var(self.table.find(var)),
            bound => {
                *parts -= 1;
                self.resolve_within(&bound, parts, depth - 1)
            }
        })
    }

    /// Makes both one type.
    ///
    /// # Errors
    /// The first part that differs. What was learnt until there stays learnt.
    pub fn unify(&mut self, expected: &Type, found: &Type) -> Result<(), Mismatch> {
        self.parts(expected, found, DEPTH_MAX).map_err(|mut mismatch| {
            mismatch.path.reverse();
            mismatch.expected = self.resolve(&mismatch.expected);
            mismatch.found = self.resolve(&mismatch.found);
            mismatch
        })
    }

    /// The path of an error is collected inside out.
    fn parts(&mut self, expected: &Type, found: &Type, depth: usize) -> Result<(), Mismatch> {
        if let (Type::Var(a), Type::Var(b)) = (expected, found)
            && self.table.unioned(*a, *b)
        {
            return Ok(());
        }
        let (expected, found) = (self.shallow(expected), self.shallow(found));
        let differ = || Mismatch::new(&expected, &found, Cause::Differ);
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Mismatch::new(&expected, &found, Cause::TooLarge));
        };
        match (&expected, &found) {
            (Type::Var(a), Type::Var(b)) => self.table.union(*a, *b),
            (Type::Var(var), other) | (other, Type::Var(var)) => {
                if let Err(cause) = self.size(other, *var, DEPTH_MAX, &mut HashMap::new()) {
                    return Err(Mismatch::new(&expected, &found, cause));
                }
                self.table.union_value(*var, Binding(Some(other.clone())));
            }
            (Type::List(a), Type::List(b)) => self.parts(a, b, depth).map_err(|m| m.under(Step::Item))?,
            (Type::Map(key_a, value_a), Type::Map(key_b, value_b)) => {
                self.parts(key_a, key_b, depth).map_err(|m| m.under(Step::Key))?;
                self.parts(value_a, value_b, depth).map_err(|m| m.under(Step::Value))?;
            }
            (Type::Struct(a), Type::Struct(b)) => {
                if !a.iter().map(|field| &field.name).eq(b.iter().map(|field| &field.name)) {
                    return Err(differ());
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    self.parts(&a.ty, &b.ty, depth).map_err(|m| m.under(Step::Field(a.name.clone())))?;
                }
            }
            (Type::Func(a), Type::Func(b)) => {
                if a.params.len() != b.params.len() {
                    return Err(differ());
                }
                for (at, (a, b)) in a.params.iter().zip(&b.params).enumerate() {
                    self.parts(&a.ty, &b.ty, depth).map_err(|m| m.under(Step::Param(at)))?;
                }
                self.parts(&a.result, &b.result, depth).map_err(|m| m.under(Step::Result))?;
            }
            (a, b) if a == b => {}
            _ => return Err(differ()),
        }
        Ok(())
    }

    /// The number of parts of a type that is to be bound to the variable, each variable looked into once.
    fn size(
        &mut self,
        ty: &Type,
        var: TypeVar,
        depth: usize,
        known: &mut HashMap<TypeVar, usize>,
    ) -> Result<usize, Cause> {
        let depth = depth.checked_sub(1).ok_or(Cause::TooLarge)?;
        let mut sum = ty.parts();
        let mut inner = Vec::new();
        ty.visit_variables(&mut |met| inner.push(met));
        for met in inner {
            let root = self.table.find(met);
            if root == self.table.find(var) {
                return Err(Cause::Infinite);
            }
            let size = match (known.get(&root), self.shallow(&Type::Var(root))) {
                (Some(size), _) => *size,
                (None, Type::Var(_)) => 1,
                (None, bound) => self.size(&bound, var, depth, known)?,
            };
            known.insert(root, size);
            sum = sum.saturating_add(size);
        }
        if sum > PARTS_MAX { Err(Cause::TooLarge) } else { Ok(sum) }
    }
}

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
    fn types_that_grow_without_end_are_refused() {
        let mut unifier = Unifier::default();
        let mut inner = Type::Int;
        let doubled = (0..100).find_map(|_| {
            let var = Type::Var(unifier.fresh());
            let pair = Type::structure([("a", inner.clone()), ("b", inner.clone())]);
            let outcome = unifier.unify(&var, &pair);
            inner = var;
            outcome.err()
        });
        assert_eq!(doubled.map(|mismatch| mismatch.cause), Some(Cause::TooLarge));
        let mut unifier = Unifier::default();
        let vars: Vec<Type> = (0..100_000).map(|_| Type::Var(unifier.fresh())).collect();
        for pair in vars.windows(2) {
            unifier.unify(&pair[0], &Type::list(pair[1].clone())).unwrap();
        }
        assert!(!unifier.resolve(&vars[0]).is_known());
        assert!(unifier.unify(&vars[0], &vars[50_000]).is_err());
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
