//! Making the scopes of blocks, with the names that are defined in them.

use std::collections::HashMap;
use std::sync::Arc;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::cycles::DefinitionId;
use super::resolve::Resolver;
use super::{Alias, Names, Owner, Scope, ScopeId, Slot, SlotKind};
use crate::ast::{self, Block, Param, StatementId, StatementKind};
use crate::modules::{FileId, default_alias};

/// Names that stand for one thing in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Space {
    Variable,
    Function,
    /// What stands in front of dots; an import without `as` counts by its path.
    Alias,
    Path,
}

impl Resolver<'_> {
    pub(super) fn add_scope(&mut self, file: FileId, parent: Option<ScopeId>, owner: Owner) -> ScopeId {
        let id = ScopeId::at(self.out.scopes.len());
        self.out.scopes.push(Scope {
            parent,
            file,
            owner,
            slots: Vec::new(),
            functions: Vec::new(),
            classes: Vec::new(),
            names: Names::default(),
        });
        let names = &mut self.out.files[file.index()];
        match owner {
            Owner::File => names.top = Some(id),
            Owner::Statement(..) | Owner::Expr(_) => drop(names.scopes.insert(owner, id)),
        }
        id
    }

    /// Adds a variable, which hides one of the same name that was there before.
    pub(super) fn add_slot(&mut self, scope: ScopeId, name: &ast::Name, kind: SlotKind) {
        let scope = &mut self.out.scopes[scope.index()];
        let slot = u32::try_from(scope.slots.len()).unwrap_or(u32::MAX);
        scope.names.variables.insert(name.text.clone(), slot);
        scope.slots.push(Slot { name: name.text.clone(), kind, span: name.span });
    }

    /// Adds parameters that no expression can see yet: [`show_param`](Self::show_param) makes them visible.
    pub(super) fn add_params(&mut self, scope: ScopeId, params: &[Param]) {
        let slots = params.iter().zip(0..).map(|(param, at)| Slot {
            name: param.name.text.clone(),
            kind: SlotKind::Param(at),
            span: param.name.span,
        });
        self.out.scopes[scope.index()].slots.extend(slots);
    }

    pub(super) fn show_param(&mut self, scope: ScopeId, at: usize) {
        let scope = &mut self.out.scopes[scope.index()];
        let slot = u32::try_from(at).unwrap_or(u32::MAX);
        scope.names.variables.insert(scope.slots[at].name.clone(), slot);
    }

    /// Defines what the statements of a block define, and says what is there twice.
    pub(super) fn declare(&mut self, scope: ScopeId, block: &Block, within: Option<DefinitionId>) {
        let file = self.out.scopes[scope.index()].file;
        let modules = self.modules;
        let program = &modules.file(file).program;
        let mut seen = HashMap::new();
        for id in &block.statements {
            let statement = program.statement(*id);
            match &statement.kind {
                StatementKind::Bind(bind) => {
                    let name = (Space::Variable, &bind.name.text);
                    self.once_in(scope, &mut seen, name, ("variable", statement.span));
                    self.add_slot(scope, &bind.name, SlotKind::Bind(*id));
                    self.define(file, *id, format!("`${}`", bind.name.text), within);
                }
                StatementKind::Func(name, _) => {
                    let what = (Space::Function, &name.text);
                    self.once_in(scope, &mut seen, what, ("function", statement.span));
                    let scope = &mut self.out.scopes[scope.index()];
                    scope.functions.push(*id);
                    scope.names.functions.entry(name.text.clone()).or_insert(*id);
                    self.define(file, *id, format!("the function `{}`", name.text), within);
                }
                StatementKind::Class(class) => {
                    // Twice the same class was said when the text was read.
                    let scope = &mut self.out.scopes[scope.index()];
                    scope.classes.push(*id);
                    scope.names.classes.entry(class.name.text.clone()).or_insert(*id);
                    self.define(file, *id, format!("the class `{}`", class.name.text), within);
                }
                StatementKind::Include(include) => {
                    let Some(alias) = &include.alias else { continue };
                    let name = (Space::Alias, &alias.text);
                    self.once_in(scope, &mut seen, name, ("name", statement.span));
                    let names = &mut self.out.scopes[scope.index()].names;
                    names.aliases.entry(alias.text.clone()).or_insert(Alias::Include(*id));
                    self.define(file, *id, format!("the include `{}`", alias.text), within);
                }
                StatementKind::Import(import) => {
                    self.declare_import(scope, (*id, import, statement.span), &mut seen);
                }
                StatementKind::Panic(_)
                | StatementKind::Collect(_)
                | StatementKind::Resource(_)
                | StatementKind::Edge(_)
                | StatementKind::If(_)
                | StatementKind::Loop(_) => {}
            }
        }
    }

    fn declare_import(
        &mut self,
        scope: ScopeId,
        (id, import, span): (StatementId, &ast::Import, Span),
        seen: &mut HashMap<(Space, Arc<str>), Span>,
    ) {
        let file = self.out.scopes[scope.index()].file;
        let imported = self.modules.file(file).import(id).and_then(|found| found.as_ref().ok()).cloned();
        let is_first = self.once(seen, (Space::Path, &import.path), ("import", span));
        let alias = match &import.alias {
            ast::Alias::Everything => {
                let names = &mut self.out.scopes[scope.index()].names;
                match imported {
                    Some(imported) => names.stars.insert(0, imported),
                    None => names.lacks_star = true,
                }
                return;
            }
            ast::Alias::Named(name) => {
                self.once_in(scope, seen, (Space::Alias, &name.text), ("name", span));
                name.text.clone()
            }
            ast::Alias::Default => {
                let Some(alias) = default_alias(&import.path) else {
                    let message = format!("no name can be made of the path `{}`", import.path);
                    let nameless = Diagnostic::error(codes::INVALID_IMPORT, Stage::Scope, message).at(span);
                    let help = format!("give it one: `import \"{}\" as name`", import.path);
                    self.diagnostics.push(nameless.help(help));
                    return;
                };
                let alias: Arc<str> = alias.into();
                if is_first {
                    self.once_in(scope, seen, (Space::Alias, &alias), ("name", span));
                }
                alias
            }
        };
        let names = &mut self.out.scopes[scope.index()].names;
        match imported {
            Some(imported) => drop(names.aliases.entry(alias).or_insert(Alias::Import(imported))),
            None => drop(names.doubtful.insert(alias)),
        }
    }

    /// The same as [`once`](Self::once); what is there twice has no meaning in the scope.
    fn once_in(
        &mut self,
        scope: ScopeId,
        seen: &mut HashMap<(Space, Arc<str>), Span>,
        (space, name): (Space, &Arc<str>),
        what: (&str, Span),
    ) {
        if !self.once(seen, (space, name), what) {
            self.out.scopes[scope.index()].names.doubtful.insert(name.clone());
        }
    }

    /// Whether something is there for the first time; if not, says so.
    fn once(
        &mut self,
        seen: &mut HashMap<(Space, Arc<str>), Span>,
        (space, name): (Space, &Arc<str>),
        (what, span): (&str, Span),
    ) -> bool {
        let Some(first) = seen.get(&(space, name.clone())) else {
            seen.insert((space, name.clone()), span);
            return true;
        };
        let sign = if space == Space::Variable { "$" } else { "" };
        let message = format!("the {what} `{sign}{name}` is there twice in this block");
        let twice = Diagnostic::error(codes::DUPLICATE_NAME, Stage::Scope, message).at(span);
        let help = match space {
            Space::Variable => "a variable has one value: give one of them another name",
            Space::Function => "give one of them another name",
            Space::Alias => "names of imports and includes are shared: say `as` with another name",
            Space::Path => "one of them is enough",
        };
        self.diagnostics.push(twice.label(*first, "it is here already").help(help));
        false
    }

    /// Looks for what is there twice in the blocks of a statement that is not resolved.
    pub(super) fn declare_unused(&mut self, file: FileId, statement: StatementId) {
        let modules = self.modules;
        let mut open = vec![statement];
        while let Some(id) = open.pop() {
            let blocks: Vec<&Block> = match &modules.file(file).program.statement(id).kind {
                StatementKind::Class(class) => vec![&class.body],
                StatementKind::Loop(body) => vec![&body.body],
                StatementKind::If(branches) => {
                    branches.arms.iter().map(|(_, block)| block).chain(&branches.otherwise).collect()
                }
                _ => continue,
            };
            for block in blocks {
                let mut seen = HashMap::new();
                let program = &modules.file(file).program;
                for inner in &block.statements {
                    open.push(*inner);
                    let statement = program.statement(*inner);
                    match &statement.kind {
                        StatementKind::Bind(bind) => {
                            let name = (Space::Variable, &bind.name.text);
                            self.once(&mut seen, name, ("variable", statement.span));
                        }
                        StatementKind::Func(name, _) => {
                            let name = (Space::Function, &name.text);
                            self.once(&mut seen, name, ("function", statement.span));
                        }
                        StatementKind::Include(ast::Include { alias: Some(alias), .. }) => {
                            let name = (Space::Alias, &alias.text);
                            self.once(&mut seen, name, ("name", statement.span));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
