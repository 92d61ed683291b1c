//! Statements but resources.

use std::sync::Arc;

use homeostat_model::{EdgeDecl, SendDecl, Span, codes};

use super::Eval;
use super::expr::elements;
use super::frame::{self, Frame};
use crate::ast::{Block, EdgeEnd, Include, StatementId, StatementKind};
use crate::eval::collector::{Unknown, UnknownPart};
use crate::eval::outcome::{Failure, Outcome};
use crate::eval::product;
use crate::functions;
use crate::infer::InstanceId;
use crate::scope::Owner;
use crate::value::Value;

impl Eval<'_> {
    pub(super) fn block(&self, frame: &Arc<Frame>, block: &Block) {
        for id in &block.statements {
            stacker::maybe_grow(128 << 10, 1 << 20, || self.statement(frame, *id));
        }
    }

    fn statement(&self, frame: &Arc<Frame>, id: StatementId) {
        let statement = self.statement_of(frame.file, id);
        match &statement.kind {
            StatementKind::Bind(_)
            | StatementKind::Func(..)
            | StatementKind::Class(_)
            | StatementKind::Import(_) => {}
            StatementKind::Panic(args) => {
                let args: Vec<_> = args.iter().map(|arg| arg.value).collect();
                let name = if args.len() == 2 { "panic_debug" } else { "panic" };
                let function = functions::find(name).expect("the library has it");
                let outcomes = args.iter().map(|arg| self.expr(frame, *arg)).collect();
                // A panic is no expression: no call of that number depends on its type.
                let call = args.first().copied();
                let Some(call) = call else { return };
                let outcome = self.library(frame, call, function, outcomes, (&args, statement.span));
                self.known(outcome, statement.span, UnknownPart::Condition);
            }
            StatementKind::Collect(resource) => self.collect(frame, resource, statement.span),
            StatementKind::Resource(resource) => self.resource(frame, resource, statement.span),
            StatementKind::Edge(ends) => self.edge(frame, ends, statement.span),
            StatementKind::If(branches) => {
                for (arm, (condition, block)) in (0..).zip(&branches.arms) {
                    let holds = self.expr(frame, *condition);
                    let Some(holds) = self.known(holds, statement.span, UnknownPart::Block) else { return };
                    if *holds.reveal() == Value::Bool(true) {
                        self.inner_block(frame, id, arm, block);
                        return;
                    }
                }
                if let Some(block) = &branches.otherwise {
                    self.inner_block(frame, id, branches.arms.len() as u32, block);
                }
            }
            StatementKind::Loop(body) => {
                let over = self.expr(frame, body.over);
                let Some(over) = self.known(over, statement.span, UnknownPart::Block) else { return };
                let scope = self.checked.names.scope_of(frame.file, Owner::Statement(id, 0));
                let Some(scope) = scope else { return };
                for (key, value) in elements(&over, body.variables.kind) {
                    let turn = self.frame(scope, frame.instance, Some(frame.clone()), frame::key(&key));
                    self.set_loop(&turn, key, value);
                    self.block(&turn, &body.body);
                }
            }
            StatementKind::Include(include) => {
                let inner = self.included(frame, id);
                self.class_body(&inner, include, statement.span);
            }
        }
    }

    fn inner_block(&self, frame: &Arc<Frame>, statement: StatementId, arm: u32, block: &Block) {
        if let Some(scope) = self.checked.names.scope_of(frame.file, Owner::Statement(statement, arm)) {
            let inner = self.frame(scope, frame.instance, Some(frame.clone()), arm.into());
            self.block(&inner, block);
        }
    }

    /// The value; or says why there is none.
    pub(super) fn known(&self, outcome: Outcome, place: Span, part: UnknownPart) -> Option<Value> {
        match outcome {
            Outcome::Value(value) => Some(value),
            Outcome::Failed(failure) => {
                self.fail(failure);
                None
            }
            Outcome::Unknown(because) => {
                self.unknown(Unknown { place, part, because });
                None
            }
        }
    }

    /// The frame of an include, which is made where it was not yet.
    pub(super) fn included(&self, frame: &Arc<Frame>, id: StatementId) -> Arc<Frame> {
        if let Some(known) = frame.include(id) {
            return known;
        }
        let made = self.make_include(frame, id).unwrap_or_else(|| frame.clone());
        frame.set_include(id, made.clone());
        made
    }

    fn make_include(&self, frame: &Arc<Frame>, id: StatementId) -> Option<Arc<Frame>> {
        let StatementKind::Include(include) = &self.statement_of(frame.file, id).kind else { return None };
        let target = self.checked.names.class(frame.file, id)?;
        let holder = self.follow(frame, &target.place.hops, target.place.scope);
        let StatementKind::Class(class) = &self.statement_of(holder.file, target.class).kind else {
            return None;
        };
        let scope = self.class_scope(&holder, target.class)?;
        let instance = self.checked.types.include(frame.instance, frame.file, id);
        let which = frame::key((frame.key, id));
        let inner = self.frame(scope, instance.unwrap_or(InstanceId::MAIN), Some(holder), which);
        let outcomes = include.args.iter().map(|arg| self.expr(frame, arg.value)).collect();
        self.give(&inner, &class.params, &include.args, outcomes);
        Some(inner)
    }

    /// What an included class declares, after what has to hold of its parameters.
    fn class_body(&self, inner: &Arc<Frame>, include: &Include, span: Span) {
        let Owner::Statement(class, _) = self.checked.names.scope(inner.scope).owner else { return };
        let StatementKind::Class(class) = &self.statement_of(inner.file, class).kind else { return };
        for (slot, param) in (0..).zip(&class.params) {
            let Some(check) = param.check else { continue };
            let holds = self.expr(inner, check);
            let Some(holds) = self.known(holds, span, UnknownPart::Condition) else { continue };
            if *holds.reveal() != Value::Bool(true) {
                let value = match self.slot(inner, slot) {
                    Outcome::Value(value) => format!(" `{value}`"),
                    Outcome::Failed(_) | Outcome::Unknown(_) => String::new(),
                };
                let message = format!("the value{value} is not allowed for `${}`", param.name.text);
                let place = include.args.get(slot as usize).map_or(span, |_| span);
                self.fail(
                    Failure::new(codes::FAILED, message).at(place).because(param.span, "this has to hold"),
                );
            }
        }
        self.block(inner, &class.body);
    }

    fn edge(&self, frame: &Arc<Frame>, ends: &[EdgeEnd], span: Span) {
        let mut named = Vec::new();
        for end in ends {
            let names = self.expr(frame, end.resource.name);
            let Some(names) = self.known(names, span, UnknownPart::Edge) else { return };
            let Some(ids) = self.ids(&end.resource.kind.text, &names, end.resource.span) else { return };
            named.push((ids, end.key.as_ref()));
        }
        let lengths = named.iter().map(|(ids, _)| ids.len());
        if let Err(failure) = product::is_bounded(lengths, span) {
            return self.fail(failure);
        }
        for pair in named.windows(2) {
            let [(froms, key), (tos, param)] = pair else { continue };
            for from in froms {
                for to in tos {
                    let edge = EdgeDecl { origin: Some(span), ..EdgeDecl::before(from.clone(), to.clone()) };
                    let pieces = &mut self.output.borrow_mut().pieces;
                    pieces.edges.push(edge);
                    if let (Some(key), Some(param)) = (key, param) {
                        pieces.sends.push(SendDecl {
                            from: from.clone(),
                            key: key.text.clone(),
                            to: to.clone(),
                            param: param.text.clone(),
                            origin: Some(span),
                        });
                    }
                }
            }
        }
    }
}
