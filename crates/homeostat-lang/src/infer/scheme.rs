//! What is generic: classes and named functions.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use homeostat_model::Span;

use super::context::{At, Because, Context, Home, Infer};
use super::deferred::Deferred;
use crate::ast::{Class, Function, StatementId, StatementKind};
use crate::modules::FileId;
use crate::scope::{Hop, Owner, ScopeId, SlotKind};
use crate::types::{Type, TypeVar};

/// What types are in one use of something generic.
pub(super) type Mapping = HashMap<TypeVar, Type>;

/// A class or function with the types that every use has anew.
#[derive(Debug)]
pub(super) struct Scheme {
    pub(super) vars: Vec<TypeVar>,
    pub(super) params: Vec<Type>,
    /// Only of functions.
    pub(super) result: Option<Type>,
    pub(super) found: Context,
}

/// A use of something generic.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) scheme: ScopeId,
    /// For its own open types, and for those of what is around it where it was reached through an include.
    pub(super) mapping: Mapping,
}

impl Infer<'_> {
    /// The scheme of a class or function, which is inferred where it was not yet. `None` while it is being inferred.
    pub(super) fn scheme(&mut self, file: FileId, statement: StatementId) -> Option<(ScopeId, Rc<Scheme>)> {
        let scope = self.names.scope_of(file, Owner::Statement(statement, 0))?;
        if let Some(known) = self.schemes.get(&scope) {
            return Some((scope, known.clone()));
        }
        let home = Home(Some(scope));
        if self.open.contains_key(&home) {
            return None;
        }
        self.open.insert(home, Context::default());
        let at = At { file, home };
        let modules = self.modules;
        let result = match &modules.file(file).program.statement(statement).kind {
            StatementKind::Class(class) => {
                stacker::maybe_grow(128 << 10, 1 << 20, || self.class(at, scope, class));
                None
            }
            StatementKind::Func(_, function) => {
                Some(stacker::maybe_grow(128 << 10, 1 << 20, || self.function(at, scope, function)))
            }
            _ => return None,
        };
        self.finish_inside(home);
        self.solve(home);
        let scheme = Rc::new(self.generalize(scope, result));
        self.schemes.insert(scope, scheme.clone());
        Some((scope, scheme))
    }

    fn class(&mut self, at: At, scope: ScopeId, class: &Class) {
        for (slot, param) in class.params.iter().enumerate() {
            let ty = match &param.ty {
                Some(written) => self.annotation(written),
                None => self.fresh(),
            };
            self.slots[scope.index()][slot] = Some(ty.clone());
            if let Some(default) = param.default {
                let because = param.ty.as_ref().map(|ty| (ty.span, "the type is declared here".to_owned()));
                self.check(at, default, &ty, &Because(because));
            }
        }
        for check in class.params.iter().filter_map(|param| param.check) {
            self.check(at, check, &Type::Bool, &Because::NOTHING);
        }
        self.block(at, &class.body, scope);
    }

    /// Infers a function, named or not; gives the type of its result. Its parameters are in its slots.
    pub(super) fn function(&mut self, at: At, scope: ScopeId, function: &Function) -> Type {
        for (slot, param) in function.params.iter().enumerate() {
            let ty = match &param.ty {
                Some(written) => self.annotation(written),
                None => self.fresh(),
            };
            self.slots[scope.index()][slot] = Some(ty.clone());
            if let Some(default) = param.default {
                self.check(at, default, &ty, &Because::NOTHING);
            }
        }
        for slot in function.params.len()..self.slots[scope.index()].len() {
            self.slot(scope, slot as u32);
        }
        match &function.result {
            Some(written) => {
                let result = self.annotation(written);
                let because = Because::of(written.span, "the result is declared here");
                self.check(at, function.body, &result, &because);
                result
            }
            None => self.expr(at, function.body),
        }
    }

    /// Infers what is used of a home from outside only.
    fn finish_inside(&mut self, home: Home) {
        for scope in self.scopes_of(home).iter().copied() {
            let names = self.names;
            let here = names.scope(scope);
            for (slot, defined) in (0..).zip(&here.slots) {
                if matches!(defined.kind, SlotKind::Bind(_)) && self.usage.binds.contains(&(scope, slot)) {
                    self.slot(scope, slot);
                }
            }
            for function in &here.functions {
                if self.usage.functions.contains(&(here.file, *function)) {
                    self.scheme(here.file, *function);
                }
            }
            for class in &here.classes {
                if self.usage.classes.contains(&(here.file, *class)) {
                    self.scheme(here.file, *class);
                }
            }
        }
    }

    fn generalize(&mut self, scope: ScopeId, result: Option<Type>) -> Scheme {
        let home = Home(Some(scope));
        let found = self.open.remove(&home).unwrap_or_default();
        let mut fixed = BTreeSet::new();
        for (_, ty) in &found.captured {
            self.unifier.resolve(ty).visit_variables(&mut |var| fixed.extend([var]));
        }
        let outer = self.around(home);
        if let Some(outer) = outer.filter(|outer| *outer != Home(None)) {
            let passed = found.captured.iter().filter(|(origin, _)| *origin != outer).cloned();
            let passed: Vec<_> = passed.collect();
            self.context(outer).captured.extend(passed);
        }
        let mut types: Vec<Type> = result.iter().cloned().collect();
        for inner in self.scopes_of(home).iter() {
            types.extend(self.slots[inner.index()].iter().flatten().cloned());
        }
        found.deferred.iter().for_each(|deferred| deferred.types(&mut |ty| types.push(ty.clone())));
        for (_, _, ty) in &found.calls {
            types.extend(ty.params.iter().map(|param| param.ty.clone()).chain([ty.result.clone()]));
        }
        let uses = found.functions.iter().map(|(_, _, used)| used);
        for used in uses.chain(found.includes.values().map(|used| &**used)) {
            types.extend(used.mapping.values().cloned());
        }
        let mut vars = BTreeSet::new();
        for ty in types {
            self.unifier.resolve(&ty).visit_variables(&mut |var| vars.extend([var]));
        }
        let count = self.params_of(scope);
        let params = self.slots[scope.index()][..count].to_vec();
        let params = params.into_iter().map(|ty| ty.unwrap_or(Type::Variant));
        let params = params.map(|ty| self.unifier.resolve(&ty)).collect();
        let result = result.map(|ty| self.unifier.resolve(&ty));
        Scheme { vars: vars.difference(&fixed).copied().collect(), params, result, found }
    }

    fn params_of(&self, scope: ScopeId) -> usize {
        let slots = &self.names.scope(scope).slots;
        slots.iter().take_while(|slot| matches!(slot.kind, SlotKind::Param(_))).count()
    }

    /// Whether all of these includes are right.
    pub(super) fn is_reached(&mut self, hops: &[Hop]) -> bool {
        hops.iter().all(|hop| self.include_use(hop.scope, hop.include).is_some())
    }

    /// The types of what is reached through includes, from a home.
    pub(super) fn through(&mut self, hops: &[Hop]) -> Mapping {
        let mut mapping = Mapping::new();
        for hop in hops {
            let Some(used) = self.include_use(hop.scope, hop.include) else { continue };
            let inner: Vec<(TypeVar, Type)> =
                used.mapping.iter().map(|(var, ty)| (*var, self.replaced(ty, &mapping))).collect();
            mapping.extend(inner);
        }
        mapping
    }

    /// The type with the open types of something generic replaced.
    pub(super) fn replaced(&mut self, ty: &Type, mapping: &Mapping) -> Type {
        let ty = self.unifier.resolve(ty);
        if mapping.is_empty() || ty.is_known() {
            return ty;
        }
        ty.replace(&mut |var| mapping.get(&var).cloned().unwrap_or(Type::Var(var)))
    }

    /// The types of one use of a scheme, all open.
    pub(super) fn instantiate(&mut self, scheme: &Scheme, hops: &[Hop]) -> Mapping {
        let mut mapping = self.through(hops);
        for var in &scheme.vars {
            let fresh = if self.is_wrong(*var) { self.of_wrong() } else { self.fresh() };
            mapping.insert(*var, fresh);
        }
        mapping
    }

    /// Takes over what a scheme could not decide, for one use of it.
    pub(super) fn take_over(&mut self, at: At, scheme: &Scheme, mapping: &Mapping, used: Span) {
        for (origin, ty) in &scheme.found.captured {
            let ty = self.replaced(ty, mapping);
            self.capture(at.home, *origin, &ty);
        }
        for deferred in &scheme.found.deferred {
            let copy: Deferred = deferred.copied(used, &mut |ty| self.replaced(ty, mapping));
            self.defer(at.home, copy);
        }
    }

    /// Notes that a home depends on a type of one further out.
    pub(super) fn capture(&mut self, home: Home, origin: Home, ty: &Type) {
        if home != origin && home != Home(None) && !self.unifier.resolve(ty).is_known() {
            self.context(home).captured.push((origin, ty.clone()));
        }
    }
}
