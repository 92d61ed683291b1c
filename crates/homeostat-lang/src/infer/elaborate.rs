//! From what was inferred to what evaluation needs: an instance of every class and function for each set of types.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::context::{Context, Home, Infer};
use super::scheme::{Mapping, Scheme, Use};
use super::{Instance, InstanceId, Types};
use crate::scope::ScopeId;
use crate::types::{FuncType, Type, TypeVar};

pub(super) fn types(infer: &mut Infer<'_>, main: &Context) -> Types {
    let mut elaborate =
        Elaborate { infer, known: HashMap::new(), open: Vec::new(), functions: HashMap::new(), next: 1 };
    let mut types = Types::default();
    let first = elaborate.instance(main, &Mapping::new());
    types.instances.push(first);
    // Instances are numbered in the order in which they are met, and made in that order.
    let mut done = 0;
    while let Some((scheme, mapping)) = elaborate.open.get(done).cloned() {
        done += 1;
        let instance = elaborate.instance(&scheme.found, &mapping);
        types.instances.push(instance);
    }
    types
}

struct Elaborate<'a, 'b> {
    infer: &'a mut Infer<'b>,
    known: HashMap<(ScopeId, Vec<Type>), InstanceId>,
    open: Vec<(Rc<Scheme>, Mapping)>,
    /// Equal types of calls are one.
    functions: HashMap<FuncType, Arc<FuncType>>,
    next: u32,
}

impl Elaborate<'_, '_> {
    fn instance(&mut self, found: &Context, mapping: &Mapping) -> Instance {
        let mut instance = Instance::default();
        for (file, call, ty) in &found.calls {
            let params: Vec<Type> =
                ty.params.iter().map(|param| self.infer.replaced(&param.ty, mapping)).collect();
            let ty = FuncType::new(params, self.infer.replaced(&ty.result, mapping));
            if !ty.params.iter().map(|param| &param.ty).chain([&ty.result]).all(Type::is_known) {
                // Something is wrong, and was said.
                continue;
            }
            let shared = self.functions.entry(ty.clone()).or_insert_with(|| Arc::new(ty)).clone();
            instance.calls.insert((*file, *call), shared);
        }
        for (file, call, used) in &found.functions {
            if let Some(id) = self.used(used, mapping) {
                instance.functions.insert((*file, *call), id);
            }
        }
        for (key, used) in &found.includes {
            if let Some(id) = self.used(used, mapping) {
                instance.includes.insert(*key, id);
            }
        }
        instance
    }

    fn used(&mut self, used: &Use, outer: &Mapping) -> Option<InstanceId> {
        let mut vars: Vec<TypeVar> = Vec::new();
        let mut at = Home(Some(used.scheme));
        while let Some(scope) = at.0 {
            vars.extend(&self.infer.schemes.get(&scope)?.vars);
            at = self.infer.around(at)?;
        }
        let mut mapping = Mapping::new();
        let mut types = Vec::new();
        for var in vars {
            let ty = match (used.mapping.get(&var), outer.get(&var)) {
                (Some(ty), _) => self.infer.replaced(ty, outer),
                (None, Some(ty)) => ty.clone(),
                (None, None) => continue,
            };
            types.push(ty.clone());
            mapping.insert(var, ty);
        }
        let key = (used.scheme, types);
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let id = InstanceId(self.next);
        self.next += 1;
        let scheme = self.infer.schemes.get(&used.scheme)?.clone();
        self.known.insert(key, id);
        self.open.push((scheme, mapping));
        Some(id)
    }
}
