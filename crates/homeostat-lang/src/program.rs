//! From the files of a program to what can be evaluated, with everything that is wrong with it.

use homeostat_model::{Diagnostic, Stage};

use crate::infer::{self, Kinds, Types};
use crate::modules::Modules;
use crate::scope::{self, Resolution};
use crate::syntax::Confined;
use crate::wrong::Wrong;

/// A program that was found to be right, or what is right of one that is refused.
#[derive(Debug)]
pub struct Checked {
    /// Its files.
    pub modules: Modules,
    /// What its names stand for.
    pub names: Resolution,
    /// What evaluation needs to know of its types.
    pub types: Types,
    /// What has errors.
    pub(crate) wrong: Wrong,
}

/// A program that is wrong.
#[derive(Debug)]
pub struct Refused {
    /// Everything that was found before anything is evaluated, by stages and places.
    pub found: Vec<Diagnostic>,
    /// The program, for what its evaluation finds wrong with the rest. `None` where too much is wrong for that to mean anything.
    pub rest: Option<Box<Checked>>,
}

impl From<Refused> for Vec<Diagnostic> {
    fn from(refused: Refused) -> Self {
        refused.found
    }
}

/// Resolves names and infers types. Where something is wrong, types are looked at, too, as far as it is known what the program
/// consists of: a part with an error has no type, and nothing is said of what only follows.
///
/// # Errors
/// Everything that is wrong.
pub fn check(modules: Modules, kinds: &dyn Kinds) -> Result<Checked, Refused> {
    let resolved = scope::resolve(&modules);
    let mut found = resolved.diagnostics;
    let is_unread = |found: &&Diagnostic| found.stage == Stage::Parse;
    let left_out = Wrong::of(&modules, found.iter().filter(is_unread), resolved.circular.clone());
    let mut types = Types::default();
    let is_confined = modules.files().all(|(_, file)| file.confined() != Confined::Nowhere);
    let is_followed = is_confined && infer::can_follow(&found);
    if is_followed {
        let (inferred, wrong) = infer::infer(&modules, &resolved.names, kinds, &left_out);
        types = inferred;
        found.extend(wrong);
    }
    let is_followed = is_followed && infer::can_follow(&found);
    let wrong = Wrong::of(&modules, &found, resolved.circular);
    found.sort_by_key(|diagnostic| (diagnostic.stage, diagnostic.span));
    let found: Vec<Diagnostic> = found.into_iter().map(|found| modules.with_imports(found)).collect();
    let is_refused = found.iter().any(Diagnostic::is_error);
    let checked = Checked { modules, names: resolved.names, types, wrong };
    match is_refused {
        false => Ok(checked),
        true => Err(Refused { found, rest: is_followed.then(|| Box::new(checked)) }),
    }
}
