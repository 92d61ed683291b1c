//! Going through a program and resolving its names.

use std::collections::{HashMap, HashSet, VecDeque};

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::arguments::Called;
use super::cycles::{DefinitionId, Dependencies};
use super::lookup::{Found, Space};
use super::{
    ClassTarget, FileNames, FunctionTarget, Owner, Resolution, Resolved, ScopeId, SlotKind, VariableTarget,
};
use crate::ast::{
    self, Block, Callee, Comprehension, ExprId, ExprKind, Function, LineKind, LoopVariables, Param, Piece,
    ResourceRef, StatementId, StatementKind,
};
use crate::modules::{FileId, Imported, Modules};

/// See [`super::resolve`].
pub(super) fn program(modules: &Modules) -> Resolved {
    let files = modules.files().map(|_| FileNames::default()).collect();
    let mut resolver = Resolver {
        modules,
        out: Resolution { scopes: Vec::new(), files },
        dependencies: Dependencies::default(),
        includes: HashMap::new(),
        led_back: HashSet::new(),
        locals: HashMap::new(),
        open: VecDeque::new(),
        is_reached: vec![false; modules.files().len()],
        diagnostics: Vec::new(),
        suggestions: 0,
    };
    for (file, _) in modules.files() {
        resolver.add_scope(file, None, Owner::File);
    }
    // Names at the top of files are there before anything looks for them.
    for (file, loaded) in modules.files() {
        let top = resolver.out.file(file);
        resolver.declare(top, &loaded.program.body, None);
    }
    resolver.reach(FileId::MAIN);
    resolver.run();
    resolver.finish()
}

pub(super) struct Resolver<'a> {
    pub(super) modules: &'a Modules,
    pub(super) out: Resolution,
    pub(super) dependencies: Dependencies,
    pub(super) includes: HashMap<(FileId, StatementId), IncludeClass>,
    /// Includes whose own names were looked for to find their class.
    pub(super) led_back: HashSet<(FileId, StatementId)>,
    /// The definitions in bodies of functions.
    locals: HashMap<(ScopeId, u32), DefinitionId>,
    /// Bodies that are to be gone through.
    open: VecDeque<Body>,
    is_reached: Vec<bool>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// How often what was meant was looked for.
    pub(super) suggestions: usize,
}

/// What is known of the class of an include.
pub(super) enum IncludeClass {
    /// It is being looked for.
    Looking,
    Known(Option<ClassTarget>),
}

enum Body {
    File(FileId),
    Class(ScopeId, FileId, StatementId),
}

/// Where an expression or a statement is.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) scope: ScopeId,
    pub(super) file: FileId,
    /// The innermost definition that it is in.
    within: Option<DefinitionId>,
}

impl Resolver<'_> {
    fn run(&mut self) {
        while let Some(body) = self.open.pop_front() {
            match body {
                Body::File(file) => {
                    let at = At { scope: self.out.file(file), file, within: None };
                    let modules = self.modules;
                    self.statements(at, &modules.file(file).program.body);
                }
                Body::Class(scope, file, id) => {
                    let modules = self.modules;
                    let StatementKind::Class(class) = &modules.file(file).program.statement(id).kind else {
                        continue;
                    };
                    let at = At { scope, file, within: self.dependencies.of(file, id) };
                    self.statements(at, &class.body);
                }
            }
        }
    }

    fn finish(mut self) -> Resolved {
        for (file, loaded) in self.modules.files() {
            if !self.is_reached[file.index()] {
                continue;
            }
            for (index, statement) in loaded.program.statements().iter().enumerate() {
                let Some(id) = loaded.program.statement_id(index) else { continue };
                let is_unused = !self.out.files[file.index()].scopes.contains_key(&Owner::Statement(id, 0));
                if matches!(statement.kind, StatementKind::Class(_)) && is_unused {
                    self.declare_unused(file, id);
                }
            }
            self.diagnostics.extend(loaded.diagnostics.iter().cloned());
        }
        let (circles, circular) = self.dependencies.circles();
        self.diagnostics.extend(circles);
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        self.diagnostics.dedup();
        Resolved { names: self.out, diagnostics: self.diagnostics, circular }
    }

    /// A file is used: what is in it counts.
    fn reach(&mut self, file: FileId) {
        if !std::mem::replace(&mut self.is_reached[file.index()], true) {
            self.open.push_back(Body::File(file));
        }
    }

    pub(super) fn define(
        &mut self,
        file: FileId,
        statement: StatementId,
        what: String,
        within: Option<DefinitionId>,
    ) {
        let id = self.dependencies.add_statement(file, statement, what);
        if let Some(outer) = within {
            self.dependencies.need(outer, id, None);
        }
    }

    /// The scope of a class's body, which is gone through later if it was not yet. Its names are there at once.
    pub(super) fn class_scope(&mut self, target: &ClassTarget) -> Option<ScopeId> {
        let file = self.out.scope(target.place.scope).file;
        let owner = Owner::Statement(target.class, 0);
        if let Some(scope) = self.out.scope_of(file, owner) {
            return Some(scope);
        }
        let modules = self.modules;
        let StatementKind::Class(class) = &modules.file(file).program.statement(target.class).kind else {
            return None;
        };
        let scope = self.add_scope(file, Some(target.place.scope), owner);
        let within = self.dependencies.of(file, target.class);
        self.params(At { scope, file, within }, &class.params);
        self.declare(scope, &class.body, within);
        self.open.push_back(Body::Class(scope, file, target.class));
        Some(scope)
    }

    /// Parameters: a default sees those before it, a check sees all.
    fn params(&mut self, at: At, params: &[Param]) {
        self.add_params(at.scope, params);
        for (index, param) in params.iter().enumerate() {
            if let Some(default) = param.default {
                self.expr(at, default);
            }
            self.show_param(at.scope, index);
        }
        for check in params.iter().filter_map(|param| param.check) {
            self.expr(at, check);
        }
    }

    fn block(&mut self, at: At, owner: Owner, block: &Block, variables: Option<&LoopVariables>) {
        let scope = self.add_scope(at.file, Some(at.scope), owner);
        if let Some(variables) = variables {
            self.add_loop_variables(scope, variables);
        }
        self.declare(scope, block, at.within);
        self.statements(At { scope, ..at }, block);
    }

    fn add_loop_variables(&mut self, scope: ScopeId, variables: &LoopVariables) {
        if let Some(key) = &variables.key {
            self.add_slot(scope, key, SlotKind::Key);
        }
        self.add_slot(scope, &variables.value, SlotKind::Element);
    }

    fn statements(&mut self, at: At, block: &Block) {
        block.statements.iter().for_each(|id| self.statement(at, *id));
    }

    fn statement(&mut self, at: At, id: StatementId) {
        let modules = self.modules;
        let statement = modules.file(at.file).program.statement(id);
        let inner = At { within: self.dependencies.of(at.file, id).or(at.within), ..at };
        match &statement.kind {
            StatementKind::Bind(bind) => self.expr(inner, bind.value),
            StatementKind::Panic(args) => args.iter().for_each(|arg| self.expr(at, arg.value)),
            StatementKind::Collect(resource) | StatementKind::Resource(resource) => {
                self.expr(at, resource.name);
                for line in &resource.lines {
                    line.condition.into_iter().for_each(|condition| self.expr(at, condition));
                    match &line.kind {
                        LineKind::Field(field) | LineKind::Meta(field) => self.expr(at, field.value),
                        LineKind::MetaStruct(value) => self.expr(at, *value),
                        LineKind::Edge(_, ResourceRef { name, .. }) => self.expr(at, *name),
                    }
                }
            }
            StatementKind::Edge(ends) => ends.iter().for_each(|end| self.expr(at, end.resource.name)),
            StatementKind::If(branches) => {
                let mut arm = 0;
                for (condition, block) in &branches.arms {
                    self.expr(at, *condition);
                    self.block(at, Owner::Statement(id, arm), block, None);
                    arm += 1;
                }
                if let Some(block) = &branches.otherwise {
                    self.block(at, Owner::Statement(id, arm), block, None);
                }
            }
            StatementKind::Loop(body) => {
                self.expr(at, body.over);
                self.block(at, Owner::Statement(id, 0), &body.body, Some(&body.variables));
            }
            StatementKind::Func(_, function) => self.function(inner, Owner::Statement(id, 0), function),
            StatementKind::Class(_) => {}
            StatementKind::Include(include) => self.include(at, id, include, statement.span),
            StatementKind::Import(_) => self.import(at, id, statement.span),
        }
    }

    fn include(&mut self, at: At, id: StatementId, include: &ast::Include, span: Span) {
        let within = self.dependencies.of(at.file, id).or(at.within);
        include.args.iter().for_each(|arg| self.expr(At { within, ..at }, arg.value));
        let Some(target) = self.included(at.scope, id) else {
            self.unknown(at, &include.class.text, Space::Classes, span);
            return;
        };
        self.class_scope(&target);
        if self.is_in_doubt(at, &include.class.text) {
            return;
        }
        let file = self.out.scope(target.place.scope).file;
        let modules = self.modules;
        if let StatementKind::Class(class) = &modules.file(file).program.statement(target.class).kind {
            let what = super::arguments::quoted("class", &class.name.text);
            let called = Called { what, span, stage: Stage::Scope, params: &class.params };
            self.diagnostics.extend(called.misfit(&include.args));
        }
        self.needs(within, file, target.class, Some(span));
        self.needs_hops(within, &target.place.hops, span);
        self.out.files[at.file.index()].classes.insert(id, target);
    }

    fn import(&mut self, at: At, id: StatementId, span: Span) {
        let modules = self.modules;
        match modules.file(at.file).import(id) {
            Some(Ok(Imported::File(file))) => {
                self.reach(*file);
                self.check_module(*file, span);
            }
            Some(Ok(Imported::Library(_))) | None => {}
            Some(Err(wrong)) => self.diagnostics.push((**wrong).clone()),
        }
    }

    /// What is imported only defines.
    fn check_module(&mut self, file: FileId, import: Span) {
        let modules = self.modules;
        let program = &modules.file(file).program;
        for id in &program.body.statements {
            let statement = program.statement(*id);
            let what = match &statement.kind {
                StatementKind::Bind(_)
                | StatementKind::Func(..)
                | StatementKind::Class(_)
                | StatementKind::Import(_) => continue,
                StatementKind::Panic(_) => "a panic",
                StatementKind::Collect(_) => "a collect",
                StatementKind::Resource(_) => "a resource",
                StatementKind::Edge(_) => "an edge",
                StatementKind::If(_) => "an `if`",
                StatementKind::Loop(_) => "a loop",
                StatementKind::Include(_) => "an include",
            };
            let message = format!("what is imported only defines, and this is {what}");
            let unused = Diagnostic::error(codes::INVALID_IMPORT, Stage::Scope, message).at(statement.span);
            self.diagnostics
                .push(unused.label(import, "imported here").help("put it into a class, and include that"));
        }
    }

    /// Notes that a definition needs another.
    fn needs(&mut self, within: Option<DefinitionId>, file: FileId, what: StatementId, by: Option<Span>) {
        if let (Some(who), Some(what)) = (within, self.dependencies.of(file, what)) {
            self.dependencies.need(who, what, by);
        }
    }

    fn needs_hops(&mut self, within: Option<DefinitionId>, hops: &[super::Hop], by: Span) {
        for hop in hops {
            let file = self.out.scope(hop.scope).file;
            self.needs(within, file, hop.include, Some(by));
        }
    }

    fn function(&mut self, at: At, owner: Owner, function: &Function) {
        let scope = self.add_scope(at.file, Some(at.scope), owner);
        let inner = At { scope, ..at };
        self.params(inner, &function.params);
        let mut locals = Vec::new();
        for (index, local) in (0..).zip(&function.locals) {
            self.add_slot(scope, &local.name, SlotKind::Local(index));
            let id = self.dependencies.add(format!("`${}`", local.name.text));
            at.within.into_iter().for_each(|outer| self.dependencies.need(outer, id, None));
            self.locals.insert((scope, index), id);
            locals.push(id);
        }
        for (local, id) in function.locals.iter().zip(locals) {
            self.expr(At { within: Some(id), ..inner }, local.value);
        }
        self.expr(inner, function.body);
    }

    fn comprehension<T>(&mut self, at: At, id: ExprId, made: &Comprehension<T>) -> At {
        self.expr(at, made.over);
        let scope = self.add_scope(at.file, Some(at.scope), Owner::Expr(id));
        self.add_loop_variables(scope, &made.variables);
        let inner = At { scope, ..at };
        made.condition.into_iter().for_each(|condition| self.expr(inner, condition));
        inner
    }

    fn expr(&mut self, at: At, id: ExprId) {
        let modules = self.modules;
        let expr = modules.file(at.file).program.expr(id);
        match &expr.kind {
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Error => {}
            ExprKind::Interpolated(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(_) => {}
                        Piece::Variable(inner) => self.variable_in_string(at, *inner, expr.span),
                        Piece::Printed(inner) => self.expr(at, *inner),
                    }
                }
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(at, *item)),
            ExprKind::Map(entries) => {
                for (key, value) in entries {
                    self.expr(at, *key);
                    self.expr(at, *value);
                }
            }
            ExprKind::Struct(fields) => fields.iter().for_each(|field| self.expr(at, field.value)),
            ExprKind::ListComprehension(made) => {
                let inner = self.comprehension(at, id, made);
                self.expr(inner, made.item);
            }
            ExprKind::MapComprehension(made) => {
                let inner = self.comprehension(at, id, made);
                self.expr(inner, made.item.0);
                self.expr(inner, made.item.1);
            }
            ExprKind::Lambda(function) => self.function(at, Owner::Expr(id), function),
            ExprKind::Variable(name) => self.variable(at, id, name, expr.span),
            ExprKind::Call(callee, args) => {
                args.iter().for_each(|arg| self.expr(at, arg.value));
                match callee {
                    Callee::Named(name) => self.call(at, id, &name.text, expr.span),
                    Callee::Value(function) => self.expr(at, *function),
                }
            }
            ExprKind::If(arms, otherwise) => {
                for (condition, value) in arms {
                    self.expr(at, *condition);
                    self.expr(at, *value);
                }
                self.expr(at, *otherwise);
            }
            ExprKind::Not(inner) | ExprKind::Field(inner, _) => self.expr(at, *inner),
            ExprKind::Binary(_, _, left, right)
            | ExprKind::Index(left, right)
            | ExprKind::FieldOr(left, _, right)
            | ExprKind::Except(left, right) => {
                self.expr(at, *left);
                self.expr(at, *right);
            }
        }
    }

    fn variable_in_string(&mut self, at: At, id: ExprId, string: Span) {
        let modules = self.modules;
        if let ExprKind::Variable(name) = &modules.file(at.file).program.expr(id).kind {
            self.variable(at, id, name, string);
        }
    }

    fn variable(&mut self, at: At, id: ExprId, name: &str, span: Span) {
        let Some(Found::Variable(target)) = self.find(at.scope, name, Space::Variables) else {
            self.unknown(at, name, Space::Variables, span);
            return;
        };
        if self.is_in_doubt(at, name) {
            return;
        }
        if let VariableTarget::Slot(place, slot) = &target {
            let file = self.out.scope(place.scope).file;
            match self.out.scope(place.scope).slots[*slot as usize].kind {
                SlotKind::Bind(bind) => self.needs(at.within, file, bind, Some(span)),
                SlotKind::Local(index) => {
                    let local = self.locals.get(&(place.scope, index)).copied();
                    if let (Some(who), Some(local)) = (at.within, local) {
                        self.dependencies.need(who, local, Some(span));
                    }
                }
                SlotKind::Param(_) | SlotKind::Key | SlotKind::Element => {}
            }
            self.needs_hops(at.within, &place.hops, span);
        }
        self.out.files[at.file.index()].variables.insert(id, target);
    }

    fn call(&mut self, at: At, id: ExprId, name: &str, span: Span) {
        let Some(Found::Function(target)) = self.find(at.scope, name, Space::Functions) else {
            self.unknown(at, name, Space::Functions, span);
            return;
        };
        if self.is_in_doubt(at, name) {
            return;
        }
        if let FunctionTarget::Defined(place, function) = &target {
            let file = self.out.scope(place.scope).file;
            self.needs(at.within, file, *function, Some(span));
            self.needs_hops(at.within, &place.hops, span);
        }
        self.out.files[at.file.index()].functions.insert(id, target);
    }
}
