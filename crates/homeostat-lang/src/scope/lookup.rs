//! Looking up a name from a scope.

use std::collections::HashSet;
use std::sync::Arc;

use super::resolve::{IncludeClass, Resolver};
use super::{Alias, ClassTarget, FunctionTarget, Hop, Place, ScopeId, VariableTarget};
use crate::ast::{StatementId, StatementKind};
use crate::functions;
use crate::modules::{FileId, Imported};

/// Which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Variables,
    Functions,
    Classes,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Variable(VariableTarget),
    Function(FunctionTarget),
    Class(ClassTarget),
}

impl Found {
    /// The same seen from in front of an include.
    fn through(mut self, hop: Hop) -> Self {
        let place = match &mut self {
            Self::Variable(VariableTarget::Slot(place, _))
            | Self::Function(FunctionTarget::Defined(place, _))
            | Self::Class(ClassTarget { place, .. }) => place,
            Self::Variable(_) | Self::Function(_) => return self,
        };
        place.hops = std::iter::once(hop).chain(place.hops.iter().copied()).collect();
        self
    }
}

impl Resolver<'_> {
    /// What a name stands for in a scope and those around it.
    pub(super) fn find(&mut self, from: ScopeId, name: &str, space: Space) -> Option<Found> {
        self.find_around(from, name, space, &mut HashSet::new()).or_else(|| global(name, space))
    }

    /// Of files that were imported as `*` by several, each is looked through once.
    fn find_around(
        &mut self,
        from: ScopeId,
        name: &str,
        space: Space,
        seen: &mut HashSet<FileId>,
    ) -> Option<Found> {
        let mut at = Some(from);
        while let Some(scope) = at {
            if let Some(found) = self.find_in(scope, name, space, seen) {
                return Some(found);
            }
            at = self.out.scope(scope).parent;
        }
        None
    }

    fn find_in(
        &mut self,
        scope: ScopeId,
        name: &str,
        space: Space,
        seen: &mut HashSet<FileId>,
    ) -> Option<Found> {
        let own = match name.split_once('.') {
            None => self.own(scope, name, space),
            Some((alias, rest)) => self.behind(scope, alias, rest, space),
        };
        if own.is_some() {
            return own;
        }
        let stars = self.out.scope(scope).names.stars.clone();
        stars.iter().find_map(|star| match star {
            Imported::File(file) if !seen.insert(*file) => None,
            Imported::File(file) => self.find_around(self.out.file(*file), name, space, seen),
            Imported::Library(module) => in_library(module, name, space),
        })
    }

    fn own(&self, scope: ScopeId, name: &str, space: Space) -> Option<Found> {
        let names = &self.out.scope(scope).names;
        let place = || Place { hops: Box::default(), scope };
        match space {
            Space::Variables => {
                let slot = names.variables.get(name)?;
                Some(Found::Variable(VariableTarget::Slot(place(), *slot)))
            }
            Space::Functions => {
                let statement = names.functions.get(name)?;
                Some(Found::Function(FunctionTarget::Defined(place(), *statement)))
            }
            Space::Classes => {
                let class = *names.classes.get(name)?;
                Some(Found::Class(ClassTarget { place: place(), class }))
            }
        }
    }

    /// What stands behind an alias of this very scope.
    fn behind(&mut self, scope: ScopeId, alias: &str, rest: &str, space: Space) -> Option<Found> {
        match self.out.scope(scope).names.aliases.get(alias)?.clone() {
            Alias::Import(Imported::Library(module)) => in_library(&module, rest, space),
            Alias::Import(Imported::File(file)) => {
                let top = self.out.file(file);
                self.find(top, rest, space)
            }
            Alias::Include(include) => {
                let class = self.included(scope, include)?;
                let body = self.class_scope(&class)?;
                let found = self.find(body, rest, space)?;
                Some(found.through(Hop { scope, include }))
            }
        }
    }

    /// The class of an include. `None` where it is wrong, or leads to itself.
    pub(super) fn included(&mut self, scope: ScopeId, include: StatementId) -> Option<ClassTarget> {
        let file = self.out.scope(scope).file;
        match self.includes.get(&(file, include)) {
            Some(IncludeClass::Known(class)) => return class.clone(),
            Some(IncludeClass::Looking) => {
                self.led_back.insert((file, include));
                return None;
            }
            None => {}
        }
        let statement = self.modules.file(file).program.statement(include);
        let StatementKind::Include(written) = &statement.kind else { return None };
        self.includes.insert((file, include), IncludeClass::Looking);
        let class = match self.find(scope, &written.class.text, Space::Classes) {
            Some(Found::Class(class)) => Some(class),
            _ => None,
        };
        // Its class may have been found elsewhere all the same: further out.
        if self.led_back.remove(&(file, include))
            && class.is_none()
            && let Some(named) = self.dependencies.of(file, include)
        {
            self.dependencies.need(named, named, Some(statement.span));
        }
        self.includes.insert((file, include), IncludeClass::Known(class.clone()));
        class
    }

    /// All names that could have been meant where another was written: those behind the same alias, or all that need none.
    pub(super) fn candidates(&mut self, from: ScopeId, name: &str, space: Space) -> Vec<String> {
        let mut names = Vec::new();
        let mut at = Some(from);
        let prefix = name.rsplit_once('.').map(|(prefix, _)| prefix);
        while let Some(scope) = at {
            match prefix {
                None => self.names_in(scope, space, &mut names),
                Some(prefix) => {
                    let inner = self.names_behind(scope, prefix, space);
                    names.extend(inner.into_iter().map(|name| format!("{prefix}.{name}")));
                }
            }
            at = self.out.scope(scope).parent;
        }
        if prefix.is_none() {
            names.extend(library_names("", space));
        }
        names
    }

    fn names_in(&self, scope: ScopeId, space: Space, into: &mut Vec<String>) {
        let names = &self.out.scope(scope).names;
        let own: Vec<&Arc<str>> = match space {
            Space::Variables => names.variables.keys().collect(),
            Space::Functions => names.functions.keys().collect(),
            Space::Classes => names.classes.keys().collect(),
        };
        let mut own: Vec<String> = own.into_iter().map(ToString::to_string).collect();
        own.sort();
        into.extend(own);
    }

    fn names_behind(&mut self, scope: ScopeId, prefix: &str, space: Space) -> Vec<String> {
        let (alias, rest) =
            prefix.split_once('.').map_or((prefix, None), |(alias, rest)| (alias, Some(rest)));
        let Some(alias) = self.out.scope(scope).names.aliases.get(alias).cloned() else { return Vec::new() };
        let inner = match alias {
            Alias::Import(Imported::Library(module)) => return library_names(&module, space),
            Alias::Import(Imported::File(file)) => Some(self.out.file(file)),
            Alias::Include(include) => {
                self.included(scope, include).and_then(|class| self.class_scope(&class))
            }
        };
        let (Some(inner), rest) = (inner, rest) else { return Vec::new() };
        match rest {
            Some(rest) => self.names_behind(inner, rest, space),
            None => {
                let mut names = Vec::new();
                self.names_in(inner, space, &mut names);
                names
            }
        }
    }
}

fn library_names(module: &str, space: Space) -> Vec<String> {
    match space {
        Space::Variables => {
            let variables = functions::variables().into_iter().filter(|variable| variable.module == module);
            let hostname = module.is_empty().then(|| "hostname".to_owned());
            variables.map(|variable| variable.name.to_owned()).chain(hostname).collect()
        }
        Space::Functions => {
            let functions = functions::module(module).filter(|function| !function.name.starts_with('_'));
            functions.map(|function| function.short_name().to_owned()).collect()
        }
        Space::Classes => Vec::new(),
    }
}

/// What is there without an import.
fn global(name: &str, space: Space) -> Option<Found> {
    match space {
        Space::Variables if name == "hostname" => Some(Found::Variable(VariableTarget::Hostname)),
        Space::Variables | Space::Functions => in_library("", name, space),
        Space::Classes => None,
    }
}

fn in_library(module: &str, name: &str, space: Space) -> Option<Found> {
    match space {
        Space::Variables => {
            let value = functions::constant(module, name)?;
            Some(Found::Variable(VariableTarget::Constant(value)))
        }
        Space::Functions => {
            let is_plain = !name.contains('.') && !name.starts_with('_') && name != "panic";
            let full = if module.is_empty() { name.to_owned() } else { format!("{module}.{name}") };
            let function = is_plain.then(|| functions::find(&full)).flatten()?;
            Some(Found::Function(FunctionTarget::Library(function)))
        }
        Space::Classes => None,
    }
}
