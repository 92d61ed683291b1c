//! Types: what every used expression of a program is, and what its evaluation needs to know of that.
//!
//! Inference is that of Hindley and Milner. What is *generic* is inferred once, as a scheme: a class or a named function. Each
//! use has a fresh copy of the scheme's open types, and of what could not be decided without them. Everything else has one type
//! in its scheme. What nothing uses is not looked at.
//!
//! Evaluation needs types only where a library function depends on them. They differ from one use of a class or function to
//! the next, so each scheme is elaborated into *instances*, one for each set of types that it is used at.

mod calls;
mod constant;
mod context;
mod deferred;
mod elaborate;
mod expr;
mod function_values;
mod resource;
mod scheme;
mod statement;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;

use homeostat_model::{Diagnostic, KindSchema, Stage, codes};

use crate::ast::{ExprId, StatementId};
use crate::modules::{FileId, Modules};
use crate::scope::Resolution;
use crate::types::FuncType;
use crate::wrong::Wrong;

pub(crate) use constant::operator;

/// The kinds of resources that there are.
pub trait Kinds {
    /// The kind of that name.
    fn schema(&self, kind: &str) -> Option<&KindSchema>;

    /// All names, in order.
    fn names(&self) -> Vec<&str>;
}

/// Finds the types of all that is used in a program, and what is wrong with them, in the order of places. What is
/// left out, since it could not be read or needs itself, has no type, and nothing is said of it.
pub(crate) fn infer(
    modules: &Modules,
    names: &Resolution,
    kinds: &dyn Kinds,
    left_out: &Wrong,
) -> (Types, Vec<Diagnostic>) {
    let (types, mut found) = context::infer(modules, names, kinds, left_out);
    if !left_out.is_empty() {
        left_out.retain_elsewhere(modules, &mut found);
    }
    (types, found)
}

/// Whether what was found is all that is wrong, so that the rest is right: not where there is too much of something.
pub(crate) fn can_follow(found: &[Diagnostic]) -> bool {
    let is_too_much = |found: &Diagnostic| [codes::TOO_LARGE, codes::TOO_DEEP].contains(&found.code);
    let of_types = found.iter().filter(|found| found.stage == Stage::Type).count();
    of_types < context::ERRORS_MAX && !found.iter().any(is_too_much)
}

/// The number of an instance of the main program, or of a class or named function at certain types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(u32);

impl InstanceId {
    /// Everything that is in no class and no named function, in all files.
    pub const MAIN: InstanceId = InstanceId(0);
}

/// What evaluation needs to know.
#[derive(Debug, Default)]
pub struct Types {
    instances: Vec<Instance>,
}

#[derive(Debug, Default)]
struct Instance {
    calls: HashMap<(FileId, ExprId), Arc<FuncType>>,
    functions: HashMap<(FileId, ExprId), InstanceId>,
    includes: HashMap<(FileId, StatementId), InstanceId>,
}

impl Types {
    /// The type of a call of a library function within an instance, where the function depends on it.
    pub fn call(&self, within: InstanceId, file: FileId, call: ExprId) -> Option<&Arc<FuncType>> {
        self.instances.get(within.0 as usize)?.calls.get(&(file, call))
    }

    /// The instance of the function that is called within an instance.
    pub fn function(&self, within: InstanceId, file: FileId, call: ExprId) -> Option<InstanceId> {
        self.instances.get(within.0 as usize)?.functions.get(&(file, call)).copied()
    }

    /// The instance of the class that is included within an instance.
    pub fn include(&self, within: InstanceId, file: FileId, include: StatementId) -> Option<InstanceId> {
        self.instances.get(within.0 as usize)?.includes.get(&(file, include)).copied()
    }
}
