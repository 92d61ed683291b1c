//! From the files of a program to what can be evaluated, with everything that is wrong with it.

use homeostat_model::{Diagnostic, Stage};

use crate::infer::{self, Kinds, Types};
use crate::modules::Modules;
use crate::scope::{self, Resolution};

/// A program that was found to be right.
#[derive(Debug)]
pub struct Checked {
    /// Its files.
    pub modules: Modules,
    /// What its names stand for.
    pub names: Resolution,
    /// What evaluation needs to know of its types.
    pub types: Types,
}

/// Resolves names and infers types. Types are looked at where every name stands for something: what is missing would only
/// be said again, in other words.
///
/// # Errors
/// Everything that is wrong, by stages and places.
pub fn check(modules: Modules, kinds: &dyn Kinds) -> Result<Checked, Vec<Diagnostic>> {
    let (names, mut found) = scope::resolve(&modules);
    let is_read = found.iter().all(|diagnostic| diagnostic.stage > Stage::Parse);
    let mut types = Types::default();
    if is_read {
        let (inferred, wrong) = infer::infer(&modules, &names, kinds);
        types = inferred;
        found.extend(wrong);
    }
    found.sort_by_key(|diagnostic| (diagnostic.stage, diagnostic.span));
    let found: Vec<Diagnostic> = found.into_iter().map(|found| modules.with_imports(found)).collect();
    if found.iter().any(Diagnostic::is_error) { Err(found) } else { Ok(Checked { modules, names, types }) }
}
