//! Calls of functions that are values. Such a function has one type, whoever calls it.

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::context::{At, Because, Infer, without_numbers};
use crate::ast::{Arg, ExprId, ExprKind, Param, StatementKind};
use crate::scope::{Owner, ScopeId, SlotKind, VariableTarget};
use crate::types::Type;

/// An argument of a call.
struct Used<'a> {
    callee: &'a Type,
    param: &'a Type,
    arg: &'a Type,
    place: Span,
}

impl Infer<'_> {
    /// A call of a function that is a value.
    pub(super) fn value_call(&mut self, at: At, function: ExprId, args: &[Arg], span: Span) -> Type {
        let callee = self.expr(at, function);
        let types: Vec<Type> = args.iter().map(|arg| self.expr(at, arg.value)).collect();
        match self.unifier.shallow(&callee) {
            Type::Func(known) if known.params.len() == types.len() => {
                let mut is_right = true;
                for ((param, ty), arg) in known.params.iter().zip(&types).zip(args) {
                    let place = self.span(at.file, arg.value);
                    let used = Used { callee: &callee, param: &param.ty, arg: ty, place };
                    is_right &= self.give(at, function, &used);
                }
                if is_right { known.result.clone() } else { self.of_wrong() }
            }
            Type::Func(known) => {
                let takes = match known.params.len() {
                    1 => "one argument".to_owned(),
                    count => format!("{count} arguments"),
                };
                let message = format!("this function takes {takes}, and is given {}", args.len());
                let wrong = Diagnostic::error(codes::ARGUMENTS, Stage::Type, message).at(span);
                self.say(wrong);
                known.result.clone()
            }
            other if !matches!(other, Type::Var(_)) => {
                let other = self.unifier.resolve(&other);
                let message =
                    without_numbers(&format!("only functions can be called, and this is `{other}`"));
                let wrong = self.wrong(message, self.span(at.file, function));
                self.say(wrong);
                self.of_wrong()
            }
            _ => {
                let result = self.fresh();
                let wanted = Type::func(types, result.clone());
                self.unify(&wanted, &callee, span, &Because::NOTHING);
                result
            }
        }
    }

    /// Gives a function an argument. Where another call has fixed the parameter to another type, that is said where the
    /// function comes from, since either of the calls may be meant.
    fn give(&mut self, at: At, function: ExprId, used: &Used<'_>) -> bool {
        let Err(mismatch) = self.try_unify(used.param, used.arg, used.place) else { return true };
        let defined = self.definition(at, function);
        let other = self.origin([used.param, used.callee]).filter(|other| *other != used.place);
        match (defined, other) {
            (Some(defined), Some(other)) if !is_within(other, defined) => {
                let (first, second) = (self.shown(used.param), self.shown(used.arg));
                let message = format!("this function is used at two types: `{first}` and `{second}`");
                let wrong = self.wrong(message, defined).label(other, format!("`{first}` here"));
                let wrong = wrong.label(used.place, format!("`{second}` here"));
                self.say(
                    wrong.help("a function that is a value has one type; a named one can be called with any"),
                );
            }
            _ => self.mismatch(&mismatch, [used.param, used.arg], used.place, &Because::NOTHING),
        }
        false
    }

    /// Where a function that is a variable comes from: what is bound to it, or else where it is declared.
    fn definition(&self, at: At, function: ExprId) -> Option<Span> {
        let ExprKind::Variable(_) = self.kind(at.file, function) else { return None };
        let VariableTarget::Slot(place, slot) = self.names.variable(at.file, function)? else { return None };
        let here = self.names.scope(place.scope);
        let program = &self.modules.file(here.file).program;
        match here.slots[*slot as usize].kind {
            SlotKind::Bind(bind) => match &program.statement(bind).kind {
                StatementKind::Bind(bind) => Some(self.span(here.file, bind.value)),
                _ => None,
            },
            SlotKind::Local(index) => {
                let local = self.owner(place.scope)?.locals.get(index as usize)?;
                Some(self.span(here.file, local.value))
            }
            SlotKind::Param(index) => Some(self.params(place.scope)?.get(index as usize)?.span),
            SlotKind::Element => self.element(place.scope),
            SlotKind::Key => None,
        }
    }

    /// The parameters of what owns a scope: a function or a class.
    fn params(&self, scope: ScopeId) -> Option<&[Param]> {
        if let Some(function) = self.owner(scope) {
            return Some(&function.params);
        }
        let here = self.names.scope(scope);
        let Owner::Statement(statement, _) = here.owner else { return None };
        match &self.modules.file(here.file).program.statement(statement).kind {
            StatementKind::Class(class) => Some(&class.params),
            _ => None,
        }
    }

    /// Where the element of a loop is declared.
    fn element(&self, scope: ScopeId) -> Option<Span> {
        let here = self.names.scope(scope);
        let program = &self.modules.file(here.file).program;
        match here.owner {
            Owner::Statement(statement, _) => match &program.statement(statement).kind {
                StatementKind::Loop(body) => Some(body.variables.value.span),
                _ => None,
            },
            Owner::Expr(expr) => match &program.expr(expr).kind {
                ExprKind::ListComprehension(made) => Some(made.variables.value.span),
                ExprKind::MapComprehension(made) => Some(made.variables.value.span),
                _ => None,
            },
            Owner::File => None,
        }
    }
}

fn is_within(inner: Span, outer: Span) -> bool {
    inner.source == outer.source && outer.start <= inner.start && inner.end <= outer.end
}
