//! Names that stand for nothing.

use homeostat_model::suggest::did_you_mean;
use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::lookup::Space;
use super::resolve::{At, IncludeClass, Resolver};
use super::{Alias, Scope, ScopeId};
use crate::functions;
use crate::modules::Imported;

/// What was meant is looked for that often at most: it costs as much as there are names.
const SUGGESTIONS_MAX: usize = 200;

impl Resolver<'_> {
    /// Says that a name stands for nothing, and what may have been meant.
    pub(super) fn unknown(&mut self, at: At, name: &str, space: Space, span: Span) {
        if self.is_consequence(at, name) {
            return;
        }
        let message = match space {
            Space::Variables => format!("there is no variable `${name}` here"),
            Space::Functions => format!("there is no function `{name}` here"),
            Space::Classes => format!("there is no class `{name}` here"),
        };
        let mut unknown = Diagnostic::error(codes::UNKNOWN_NAME, Stage::Scope, message).at(span);
        unknown.help = self.hint(at, name, space);
        self.diagnostics.push(unknown);
    }

    /// Whether enough was said of what a name stands for: it is there twice, or not at all, or may be hidden by what could not
    /// be read.
    pub(super) fn is_in_doubt(&self, at: At, name: &str) -> bool {
        let head = name.split('.').next().unwrap_or(name);
        self.modules.file(at.file).may_define(head)
            || self.around(at.scope).any(|scope| scope.names.doubtful.contains(head))
    }

    /// Whether a name may have been defined in what could not be read, or is not there, about which enough was said.
    fn is_consequence(&self, at: At, name: &str) -> bool {
        if self.is_in_doubt(at, name) {
            return true;
        }
        let (head, is_dotted) = name.split_once('.').map_or((name, false), |(head, _)| (head, true));
        let is_broken = |imported: &Imported| match imported {
            Imported::File(file) => self.modules.file(*file).is_broken(),
            Imported::Library(_) => false,
        };
        self.around(at.scope).any(|scope| {
            let is_behind = is_dotted
                && match scope.names.aliases.get(head) {
                    Some(Alias::Import(imported)) => is_broken(imported),
                    Some(Alias::Include(include)) => {
                        let class = self.includes.get(&(scope.file, *include));
                        matches!(class, Some(IncludeClass::Known(None)))
                    }
                    None => false,
                };
            is_behind || scope.names.lacks_star || scope.names.stars.iter().any(is_broken)
        })
    }

    /// A scope, and those around it.
    fn around(&self, scope: ScopeId) -> impl Iterator<Item = &Scope> {
        let outwards = |scope: &&Scope| scope.parent.map(|parent| self.out.scope(parent));
        std::iter::successors(Some(self.out.scope(scope)), outwards)
    }

    fn hint(&mut self, at: At, name: &str, space: Space) -> Option<String> {
        self.suggestions += 1;
        if self.suggestions > SUGGESTIONS_MAX {
            return None;
        }
        let sign = if space == Space::Variables { "$" } else { "" };
        if space == Space::Variables
            && let Some((value, field)) = name.rsplit_once('.')
            && self.find(at.scope, value, Space::Variables).is_some()
        {
            return Some(format!(
                "a field of a struct is read by `->`: `${value}->{field}`, a value of a map by its key: `${value}[\"{field}\"]`"
            ));
        }
        if let Some((module, _)) = name.rsplit_once('.')
            && let Some(import) = self.missing_import(at, module)
        {
            return Some(import);
        }
        let candidates = self.candidates(at.scope, name, space);
        if let Some(close) = did_you_mean(name, candidates.iter().map(String::as_str)) {
            return Some(format!("did you mean `{sign}{close}`?"));
        }
        let mut is = |other: Space| self.find(at.scope, name, other).is_some();
        match space {
            Space::Functions if is(Space::Variables) => Some(format!("it is a variable: `${name}(…)`")),
            Space::Functions if is(Space::Classes) => Some(format!("it is a class: `include {name}(…)`")),
            Space::Variables if is(Space::Functions) => {
                Some(format!("it is a function: `{name}(…)`; as a value, `func($x) {{ {name}($x) }}`"))
            }
            Space::Functions => of_some_module(name),
            Space::Classes if is(Space::Functions) => Some("it is a function, and no class".to_owned()),
            _ => None,
        }
    }

    /// Whether a module of the library is used that was not imported.
    fn missing_import(&mut self, at: At, module: &str) -> Option<String> {
        let mut scope = Some(at.scope);
        while let Some(inner) = scope {
            if self.out.scope(inner).names.aliases.contains_key(module) {
                return None;
            }
            scope = self.out.scope(inner).parent;
        }
        let is_module = |name: &&&str| name.rsplit('/').next() == Some(module);
        let name = functions::modules().iter().find(is_module)?;
        Some(format!("add `import \"{name}\"`"))
    }
}

/// A function of the library by the name that it has in its module.
fn of_some_module(name: &str) -> Option<String> {
    let mut all = functions::registry().iter().filter(|function| !function.module().is_empty());
    let module = all.find(|function| function.short_name() == name)?.module();
    let alias = module.rsplit('/').next().unwrap_or(module);
    Some(format!("did you mean `{alias}.{name}`, with `import \"{module}\"`?"))
}
