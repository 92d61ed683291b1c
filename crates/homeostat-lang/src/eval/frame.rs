//! Instances of scopes: see [`crate::scope`].
//!
//! A frame remembers the operation of each of its variables, so that all who use one share it. It does not keep them: an
//! operation that nobody uses goes, and is made again when somebody needs it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homeostat_model::Span;

use self::alike::Alike;
use super::flow::OpId;
use super::program::Program;
use crate::ast::{Class, ExprId, ExprKind, Function, Param, StatementId, StatementKind};
use crate::infer::InstanceId;
use crate::modules::FileId;
use crate::scope::{Given as Argument, Owner, Place, ScopeId, arguments};

mod alike;

/// So many includes and calls, one within the other, are shown of what has failed.
const WAY_MAX: usize = 4;

/// An instance of a scope.
pub(super) struct Frame {
    pub(super) program: Arc<Program>,
    pub(super) scope: ScopeId,
    pub(super) file: FileId,
    /// Unique in its program.
    pub(super) id: u64,
    /// What its types are.
    pub(super) instance: InstanceId,
    parent: Option<Arc<Frame>>,
    /// For the first slots: what was given.
    given: Vec<Given>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    slots: Vec<Option<OpId>>,
    /// Of the includes of its block.
    includes: HashMap<StatementId, Arc<Frame>>,
    /// The first of the includes that are alike.
    alike: HashMap<Alike, StatementId>,
    /// Whether the block of the class whose frame this is was built.
    is_built: bool,
}

/// What a parameter, or a variable of a loop, gets.
#[derive(Clone)]
pub(super) enum Given {
    /// An operation that somebody else keeps.
    Op(OpId),
    /// An expression in another frame; it becomes an operation when it is needed.
    Expr(Arc<Frame>, ExprId),
    /// What its declaration says.
    Default,
}

impl Frame {
    pub(super) fn new(
        program: &Arc<Program>,
        scope: ScopeId,
        instance: InstanceId,
        parent: Option<Arc<Frame>>,
        given: Vec<Given>,
    ) -> Arc<Self> {
        let file = program.checked.names.scope(scope).file;
        let (program, id) = (program.clone(), program.next_frame());
        Arc::new(Self { program, scope, file, id, instance, parent, given, memory: Mutex::default() })
    }

    /// A frame for what a statement or an expression of this one's file has a scope for.
    pub(super) fn inner(self: &Arc<Self>, owner: Owner, given: Vec<Given>) -> Option<Arc<Self>> {
        self.instance_of(owner, self.instance, given)
    }

    /// A frame for a class or function that is defined in this one, with its own types.
    pub(super) fn instance_of(
        self: &Arc<Self>,
        owner: Owner,
        instance: InstanceId,
        given: Vec<Given>,
    ) -> Option<Arc<Self>> {
        let scope = self.program.checked.names.scope_of(self.file, owner)?;
        Some(Self::new(&self.program, scope, instance, Some(self.clone()), given))
    }

    pub(super) fn given(&self, at: usize) -> Option<&Given> {
        self.given.get(at)
    }

    /// The frame that has the definition which a place leads to.
    pub(super) fn follow(self: &Arc<Self>, place: &Place) -> Option<Arc<Self>> {
        let mut at = self.clone();
        for hop in &place.hops {
            at = at.outwards(hop.scope)?.include(hop.include)?;
        }
        at.outwards(place.scope)
    }

    /// The frame of one of the scopes around this one, or of the top of another file.
    fn outwards(self: &Arc<Self>, scope: ScopeId) -> Option<Arc<Self>> {
        let mut at = Some(self);
        while let Some(frame) = at {
            if frame.scope == scope {
                return Some(frame.clone());
            }
            at = frame.parent.as_ref();
        }
        let target = self.program.checked.names.scope(scope);
        (target.owner == Owner::File).then(|| self.program.file(target.file))
    }

    /// The instance of a class that an include of this frame's block makes. Includes that are alike share one.
    pub(super) fn include(self: &Arc<Self>, include: StatementId) -> Option<Arc<Self>> {
        if let Some(known) = self.memory().includes.get(&include) {
            return Some(known.clone());
        }
        let StatementKind::Include(statement) = &self.program.statement(self.file, include).kind else {
            return None;
        };
        let target = self.program.checked.names.class(self.file, include)?;
        let definition = self.follow(&target.place)?;
        let wrong = &self.program.checked.wrong;
        if wrong.statement(self.file, include) || wrong.statement(definition.file, target.class) {
            return None;
        }
        let class = definition.class(target.class)?;
        let arguments = arguments(&class.params, &statement.args)?;
        let instance = self.program.checked.types.include(self.instance, self.file, include);
        if instance.is_none() && !wrong.is_empty() {
            return None;
        }
        let instance = instance.unwrap_or(InstanceId::MAIN);
        let written = |given: &Argument| match given {
            Argument::Argument(at) => Some(&self.program.expr(self.file, statement.args[*at].value).kind),
            Argument::Default => None,
        };
        let alike = Alike::new(definition.id, target.class, instance, arguments.iter().map(written));
        let frame = match alike.as_ref().and_then(|alike| self.first_like(alike)) {
            Some(shared) => shared,
            None => {
                let given = arguments.into_iter().map(|given| match given {
                    Argument::Argument(at) => Given::Expr(self.clone(), statement.args[at].value),
                    Argument::Default => Given::Default,
                });
                definition.instance_of(Owner::Statement(target.class, 0), instance, given.collect())?
            }
        };
        let mut memory = self.memory();
        memory.includes.insert(include, frame.clone());
        if let Some(alike) = alike {
            memory.alike.entry(alike).or_insert(include);
        }
        Some(frame)
    }

    fn first_like(&self, alike: &Alike) -> Option<Arc<Frame>> {
        let memory = self.memory();
        memory.alike.get(alike).and_then(|first| memory.includes.get(first)).cloned()
    }

    /// Whether the block of the class whose frame this is has yet to be built; it is asked once only.
    pub(super) fn is_to_be_built(&self) -> bool {
        !std::mem::replace(&mut self.memory().is_built, true)
    }

    pub(super) fn class(&self, id: StatementId) -> Option<&Class> {
        match &self.program.statement(self.file, id).kind {
            StatementKind::Class(class) => Some(class),
            _ => None,
        }
    }

    /// The arguments of the include or call that led here, and of those that led to that, the innermost first.
    pub(super) fn given_at(&self) -> Vec<Span> {
        let mut places = Vec::new();
        let mut at = self;
        while places.len() < WAY_MAX {
            let mut sites = at.given.iter().filter_map(|given| match given {
                Given::Expr(site, argument) => Some((site, site.program.expr(site.file, *argument).span)),
                Given::Op(_) | Given::Default => None,
            });
            at = match (sites.next(), &at.parent) {
                (Some((site, first)), _) => {
                    let last = sites.next_back().map_or(first, |(_, span)| span);
                    let (start, end) = (first.start.min(last.start), first.end.max(last.end));
                    places.push(Span { start, end, ..first });
                    site
                }
                (None, Some(parent)) => parent,
                (None, None) => break,
            };
        }
        places
    }

    /// The parameters of the class or function whose frame this is.
    pub(super) fn params(&self) -> &[Param] {
        if let Owner::Statement(id, _) = self.program.checked.names.scope(self.scope).owner
            && let Some(class) = self.class(id)
        {
            return &class.params;
        }
        self.function().map_or(&[], |function| &function.params)
    }

    /// The function whose frame this is.
    pub(super) fn function(&self) -> Option<&Function> {
        match self.program.checked.names.scope(self.scope).owner {
            Owner::Statement(id, _) => match &self.program.statement(self.file, id).kind {
                StatementKind::Func(_, function) => Some(function),
                _ => None,
            },
            Owner::Expr(id) => match &self.program.expr(self.file, id).kind {
                ExprKind::Lambda(function) => Some(function),
                _ => None,
            },
            Owner::File => None,
        }
    }

    pub(super) fn remembered(&self, slot: u32) -> Option<OpId> {
        self.memory().slots.get(slot as usize).copied().flatten()
    }

    pub(super) fn remember(&self, slot: u32, op: OpId) {
        let mut memory = self.memory();
        let at = slot as usize;
        if memory.slots.len() <= at {
            memory.slots.resize(at + 1, None);
        }
        memory.slots[at] = Some(op);
    }

    /// Lets go of the frames of its includes, which refer back to it, and of theirs.
    pub(super) fn close(&self) {
        let mut open: Vec<Arc<Frame>> = self.take_includes();
        while let Some(frame) = open.pop() {
            open.extend(frame.take_includes());
        }
    }

    fn take_includes(&self) -> Vec<Arc<Frame>> {
        std::mem::take(&mut self.memory().includes).into_values().collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frame {
    fn take_links(&mut self) -> Vec<Arc<Frame>> {
        let given = std::mem::take(&mut self.given).into_iter().filter_map(|given| match given {
            Given::Expr(frame, _) => Some(frame),
            Given::Op(_) | Given::Default => None,
        });
        given.chain(self.parent.take()).chain(self.take_includes()).collect()
    }
}

impl Drop for Frame {
    /// Frames of calls in calls can form chains that are too long for a stack.
    fn drop(&mut self) {
        let mut open = self.take_links();
        while let Some(link) = open.pop() {
            if let Some(mut frame) = Arc::into_inner(link) {
                open.append(&mut frame.take_links());
            }
        }
    }
}
