//! The types in statements.

use homeostat_model::{Diagnostic, Stage, codes};

use super::context::{At, Because, Infer};
use super::deferred::{Deferred, What};
use crate::ast::{Arg, Block, EdgeEnd, StatementId, StatementKind};
use crate::functions;
use crate::scope::{Owner, ScopeId};
use crate::types::Type;
use homeostat_model::Span;

impl Infer<'_> {
    /// All statements of a block but definitions, which are looked at where they are used.
    pub(super) fn block(&mut self, at: At, block: &Block, scope: ScopeId) {
        for id in &block.statements {
            stacker::maybe_grow(128 << 10, 1 << 20, || self.statement(at, *id, scope));
        }
    }

    fn statement(&mut self, at: At, id: StatementId, scope: ScopeId) {
        let modules = self.modules;
        let statement = modules.file(at.file).program.statement(id);
        match &statement.kind {
            StatementKind::Bind(_)
            | StatementKind::Func(..)
            | StatementKind::Class(_)
            | StatementKind::Import(_) => {}
            StatementKind::Panic(args) => self.panic(at, args, statement.span),
            StatementKind::Collect(resource) => self.resource(at, resource, true),
            StatementKind::Resource(resource) => self.resource(at, resource, false),
            StatementKind::Edge(ends) => self.edge(at, ends, statement.span),
            StatementKind::If(branches) => {
                for (arm, (condition, block)) in (0..).zip(&branches.arms) {
                    self.check(at, *condition, &Type::Bool, &Because::NOTHING);
                    self.inner_block(at, id, arm, block);
                }
                if let Some(block) = &branches.otherwise {
                    self.inner_block(at, id, branches.arms.len() as u32, block);
                }
            }
            StatementKind::Loop(body) => {
                let Some(inner) = self.names.scope_of(at.file, Owner::Statement(id, 0)) else { return };
                self.over(at, body.over, &body.variables, inner);
                self.block(at, &body.body, inner);
            }
            StatementKind::Include(_) => drop(self.include_use(scope, id)),
        }
    }

    fn inner_block(&mut self, at: At, statement: StatementId, arm: u32, block: &Block) {
        if let Some(scope) = self.names.scope_of(at.file, Owner::Statement(statement, arm)) {
            self.block(at, block, scope);
        }
    }

    fn panic(&mut self, at: At, args: &[Arg], span: Span) {
        let name = if args.len() == 2 { "panic_debug" } else { "panic" };
        let function = functions::find(name).expect("the library has it");
        let Some(signature) = self.signature(function, args.len()) else {
            let message = format!("`panic` takes a condition and a message, not {} arguments", args.len());
            self.say(Diagnostic::error(codes::ARGUMENTS, Stage::Type, message).at(span));
            return;
        };
        for (arg, param) in args.iter().zip(&signature.params) {
            match &param.ty {
                Type::Var(_) => {
                    let ty = self.expr(at, arg.value);
                    let ty = self.unifier.resolve(&ty);
                    if !matches!(ty, Type::Bool | Type::Str | Type::Var(_)) {
                        let place = self.span(at.file, arg.value);
                        let message =
                            format!("`panic` takes a `bool` or a `str`, and this is `{}`", self.shown(&ty));
                        let wrong = self.wrong(message, place);
                        self.say(wrong);
                    }
                }
                known => self.check(at, arg.value, known, &Because::NOTHING),
            }
        }
    }

    fn edge(&mut self, at: At, ends: &[EdgeEnd], span: Span) {
        if let [_] = ends {
            let message = "an edge has two ends";
            let one = Diagnostic::error(codes::UNEXPECTED, Stage::Type, message).at(span);
            self.say(one.help("write `A[\"a\"] -> B[\"b\"]`"));
        }
        for end in ends {
            self.name(at, end.resource.name, end.resource.span);
        }
        if let [EdgeEnd { resource: from, key: Some(key) }, EdgeEnd { resource: to, key: Some(param) }] = ends
        {
            self.send((from, key), (to, param), span);
        }
    }

    /// Something whose type is decided later.
    pub(super) fn later(&mut self, at: At, what: What, span: Span) {
        self.defer(at.home, Deferred { what, span, used: None });
    }
}
