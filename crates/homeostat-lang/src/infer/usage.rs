//! What is used: what statements need, and what that needs.

use std::collections::HashSet;

use crate::ast::{Block, Callee, ExprId, ExprKind, LineKind, StatementId, StatementKind};
use crate::modules::{FileId, Modules};
use crate::scope::{FunctionTarget, Resolution, ScopeId, SlotKind, VariableTarget};

/// What is used of a program.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Variables that are defined by statements.
    pub(super) binds: HashSet<(ScopeId, u32)>,
    pub(super) functions: HashSet<(FileId, StatementId)>,
    pub(super) classes: HashSet<(FileId, StatementId)>,
}

pub(super) fn usage(modules: &Modules, names: &Resolution) -> Usage {
    let mut walk = Walk { modules, names, usage: Usage::default(), open: Vec::new() };
    walk.block(FileId::MAIN, &modules.file(FileId::MAIN).program.body);
    while let Some(open) = walk.open.pop() {
        match open {
            Open::Expr(file, expr) => walk.expr(file, expr),
            Open::Block(file, block) => walk.block(file, block),
        }
    }
    walk.usage
}

enum Open<'a> {
    Expr(FileId, ExprId),
    Block(FileId, &'a Block),
}

struct Walk<'a> {
    modules: &'a Modules,
    names: &'a Resolution,
    usage: Usage,
    open: Vec<Open<'a>>,
}

impl<'a> Walk<'a> {
    fn block(&mut self, file: FileId, block: &'a Block) {
        let modules = self.modules;
        for id in &block.statements {
            let mut exprs = Vec::new();
            match &modules.file(file).program.statement(*id).kind {
                StatementKind::Bind(_)
                | StatementKind::Func(..)
                | StatementKind::Class(_)
                | StatementKind::Import(_) => {}
                StatementKind::Panic(args) => exprs.extend(args.iter().map(|arg| arg.value)),
                StatementKind::Collect(resource) | StatementKind::Resource(resource) => {
                    exprs.push(resource.name);
                    for line in &resource.lines {
                        exprs.extend(line.condition);
                        exprs.push(match &line.kind {
                            LineKind::Field(field) | LineKind::Meta(field) => field.value,
                            LineKind::MetaStruct(value) => *value,
                            LineKind::Edge(_, other) => other.name,
                        });
                    }
                }
                StatementKind::Edge(ends) => exprs.extend(ends.iter().map(|end| end.resource.name)),
                StatementKind::If(branches) => {
                    exprs.extend(branches.arms.iter().map(|(condition, _)| *condition));
                    let blocks = branches.arms.iter().map(|(_, block)| block).chain(&branches.otherwise);
                    self.open.extend(blocks.map(|block| Open::Block(file, block)));
                }
                StatementKind::Loop(body) => {
                    exprs.push(body.over);
                    self.open.push(Open::Block(file, &body.body));
                }
                StatementKind::Include(include) => {
                    exprs.extend(include.args.iter().map(|arg| arg.value));
                    self.class(file, *id);
                }
            }
            self.open.extend(exprs.into_iter().map(|expr| Open::Expr(file, expr)));
        }
    }

    fn class(&mut self, file: FileId, include: StatementId) {
        let Some(target) = self.names.class(file, include) else { return };
        let file = self.names.scope(target.place.scope).file;
        if !self.usage.classes.insert((file, target.class)) {
            return;
        }
        let modules = self.modules;
        if let StatementKind::Class(class) = &modules.file(file).program.statement(target.class).kind {
            let exprs = class.params.iter().flat_map(|param| [param.default, param.check]).flatten();
            self.open.extend(exprs.map(|expr| Open::Expr(file, expr)));
            self.open.push(Open::Block(file, &class.body));
        }
    }

    fn expr(&mut self, file: FileId, id: ExprId) {
        let kind = &self.modules.file(file).program.expr(id).kind;
        kind.children(&mut |child| self.open.push(Open::Expr(file, child)));
        match kind {
            ExprKind::Variable(_) => {
                if let Some(VariableTarget::Slot(place, slot)) = self.names.variable(file, id) {
                    self.variable(place.scope, *slot);
                }
            }
            ExprKind::Call(Callee::Named(_), _) => {
                let Some(FunctionTarget::Defined(place, function)) = self.names.function(file, id) else {
                    return;
                };
                let file = self.names.scope(place.scope).file;
                if !self.usage.functions.insert((file, *function)) {
                    return;
                }
                if let StatementKind::Func(_, function) =
                    &self.modules.file(file).program.statement(*function).kind
                {
                    function.children(&mut |child| self.open.push(Open::Expr(file, child)));
                }
            }
            _ => {}
        }
    }

    fn variable(&mut self, scope: ScopeId, slot: u32) {
        let SlotKind::Bind(bind) = self.names.scope(scope).slots[slot as usize].kind else { return };
        if !self.usage.binds.insert((scope, slot)) {
            return;
        }
        let file = self.names.scope(scope).file;
        if let StatementKind::Bind(bind) = &self.modules.file(file).program.statement(bind).kind {
            self.open.push(Open::Expr(file, bind.value));
        }
    }
}
