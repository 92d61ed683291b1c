//! The types of expressions.

use std::sync::Arc;

use super::constant::operator;
use super::context::{At, Because, Infer, without_numbers};
use super::deferred::{Deferred, KnownOperand, What};
use crate::ast::{
    BinaryOp, Callee, Comprehension, ExprId, ExprKind, LoopKind, LoopVariables, Name, Piece, StatementKind,
};
use crate::functions;
use crate::scope::{Owner, ScopeId, SlotKind, VariableTarget};
use crate::types::{Field, Type};
use crate::value::Value;
use homeostat_model::Span;

impl Infer<'_> {
    /// The type of an expression.
    pub(super) fn expr(&mut self, at: At, id: ExprId) -> Type {
        stacker::maybe_grow(128 << 10, 1 << 20, || self.expr_inner(at, id))
    }

    /// Makes an expression have a type.
    pub(super) fn check(&mut self, at: At, id: ExprId, expected: &Type, because: &Because) {
        let found = self.expr(at, id);
        let span = self.span(at.file, id);
        self.unify(expected, &found, span, because);
    }

    fn expr_inner(&mut self, at: At, id: ExprId) -> Type {
        let span = self.span(at.file, id);
        let modules = self.modules;
        match &modules.file(at.file).program.expr(id).kind {
            ExprKind::Bool(_) => Type::Bool,
            ExprKind::Int(_) => Type::Int,
            ExprKind::Float(_) => Type::Float,
            ExprKind::Str(_) => Type::Str,
            ExprKind::Error => self.of_wrong(),
            ExprKind::Interpolated(pieces) => {
                self.interpolated(at, pieces, span);
                Type::Str
            }
            ExprKind::List(items) => self.list(at, items, span),
            ExprKind::Map(entries) => self.map(at, entries, span),
            ExprKind::Struct(fields) => {
                let fields = fields
                    .iter()
                    .map(|field| Field { name: field.name.text.clone(), ty: self.expr(at, field.value) });
                Type::Struct(fields.collect())
            }
            ExprKind::ListComprehension(made) => {
                self.comprehension(at, id, made);
                Type::list(self.expr(at, made.item))
            }
            ExprKind::MapComprehension(made) => {
                self.comprehension(at, id, made);
                let key = self.expr(at, made.item.0);
                Type::map(key, self.expr(at, made.item.1))
            }
            ExprKind::Lambda(function) => {
                let Some(scope) = self.names.scope_of(at.file, Owner::Expr(id)) else { return self.fresh() };
                let result = self.function(at, scope, function);
                let params = self.slots[scope.index()][..function.params.len()].to_vec();
                Type::func(params.into_iter().flatten(), result)
            }
            ExprKind::Variable(_) => self.variable(at, id),
            ExprKind::Call(Callee::Named(name), args) => self.named_call(at, id, name, args),
            ExprKind::Call(Callee::Value(function), args) => self.value_call(at, *function, args, span),
            ExprKind::If(arms, otherwise) => self.choice(at, arms, *otherwise),
            ExprKind::Not(inner) => {
                self.check(at, *inner, &Type::Bool, &Because::NOTHING);
                Type::Bool
            }
            ExprKind::Binary(op, _, left, right) => {
                let args = [*left, *right].map(|arg| (self.expr(at, arg), self.span(at.file, arg), None));
                if *op == BinaryOp::In && self.looks_into_no_list(&args[1], span) {
                    return Type::Bool;
                }
                self.library(at, id, operator(*op), &args, span)
            }
            ExprKind::Index(from, index) => {
                let args = [*from, *index].map(|arg| (self.expr(at, arg), self.span(at.file, arg), None));
                self.form(at, "_lookup", &args, span)
            }
            ExprKind::Field(from, name) => {
                let args = [(self.expr(at, *from), self.span(at.file, *from), None), field_name(name)];
                self.form(at, "_struct_lookup", &args, span)
            }
            ExprKind::FieldOr(from, name, otherwise) => {
                let args = [
                    (self.expr(at, *from), self.span(at.file, *from), None),
                    field_name(name),
                    (self.expr(at, *otherwise), self.span(at.file, *otherwise), None),
                ];
                self.form(at, "_struct_lookup_optional", &args, span)
            }
            ExprKind::Except(main, fallback) => {
                let mut result = None;
                self.alike(at, *main, &mut result, "");
                self.alike(at, *fallback, &mut result, "it stands in for this");
                result.map_or(Type::Variant, |(ty, _)| ty)
            }
        }
    }

    fn interpolated(&mut self, at: At, pieces: &[Piece], span: Span) {
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Variable(inner) => {
                    let found = self.expr(at, *inner);
                    let because = match pieces.len() {
                        1 => Because::NOTHING,
                        // The text is wrong as a whole, and one of its variables is why.
                        _ => {
                            let shown = self.shown(&found);
                            Because::of(self.span(at.file, *inner), format!("this is `{shown}`"))
                        }
                    };
                    self.unify(&Type::Str, &found, span, &because);
                }
                Piece::Printed(inner) => self.printed(at, *inner),
            }
        }
    }

    fn choice(&mut self, at: At, arms: &[(ExprId, ExprId)], otherwise: ExprId) -> Type {
        let mut result: Option<(Type, Span)> = None;
        for (condition, value) in arms {
            self.check(at, *condition, &Type::Bool, &Because::NOTHING);
            self.alike(at, *value, &mut result, "the first value is this");
        }
        self.alike(at, otherwise, &mut result, "the first value is this");
        result.map_or(Type::Variant, |(ty, _)| ty)
    }

    /// `in` with a text or a map on its right.
    fn looks_into_no_list(&mut self, (ty, place, _): &(Type, Span, Option<Value>), span: Span) -> bool {
        let help = match self.unifier.shallow(ty) {
            Type::Str => "whether a text has another in it is asked by `strings.contains`",
            Type::Map(..) => "whether a map has a key is asked of its keys: `$key in map.keys($map)`",
            _ => return false,
        };
        let message = format!("`in` looks into lists, and this is `{}`", self.shown(ty));
        let wrong = self.wrong(message, span).label(*place, "no list").help(help);
        self.say(wrong);
        true
    }

    /// A form of the grammar that is a function of the library.
    fn form(&mut self, at: At, name: &str, args: &[(Type, Span, Option<Value>)], span: Span) -> Type {
        let function = functions::find(name).expect("every form has its function");
        let signature = self.signature(function, args.len()).expect("a form has its number of parts");
        let signature = self.unifier.instantiate(&signature);
        for (param, (ty, place, _)) in signature.params.iter().zip(args) {
            self.unify(&param.ty, ty, *place, &Because::NOTHING);
        }
        let args = args
            .iter()
            .map(|(ty, span, value)| KnownOperand { ty: ty.clone(), value: value.clone(), span: *span })
            .collect();
        let what = What::Call { function, args, result: signature.result.clone() };
        if self.defer(at.home, Deferred { what, span, used: None }) {
            signature.result
        } else {
            self.of_wrong()
        }
    }

    /// Values that have one type: the first says which.
    fn alike(&mut self, at: At, id: ExprId, so_far: &mut Option<(Type, Span)>, first: &str) {
        let (found, span) = (self.expr(at, id), self.span(at.file, id));
        match so_far {
            None => *so_far = Some((found, span)),
            Some((ty, place)) => {
                let shown = self.shown(ty);
                let because = Because::of(*place, format!("{first}: `{shown}`"));
                self.unify(ty, &found, span, &because);
            }
        }
    }

    /// What is printed into a text can be anything that can be shown.
    fn printed(&mut self, at: At, inner: ExprId) {
        let found = self.expr(at, inner);
        if let Type::Func(_) = self.unifier.shallow(&found) {
            let wrong = self.wrong("a function cannot be printed", self.span(at.file, inner));
            self.say(wrong.help("call it: `${f(…)}`"));
        }
    }

    fn list(&mut self, at: At, items: &[ExprId], span: Span) -> Type {
        let mut first = None;
        for item in items {
            // Long lists are mostly literals of one type.
            match (self.kind(at.file, *item), &first) {
                (ExprKind::Str(_), Some((Type::Str, _)))
                | (ExprKind::Int(_), Some((Type::Int, _)))
                | (ExprKind::Float(_), Some((Type::Float, _))) => {}
                _ => self.alike(at, *item, &mut first, "the first item"),
            }
        }
        match first {
            Some((item, _)) => Type::list(item),
            None => self.open_container(at, Type::list, span),
        }
    }

    fn map(&mut self, at: At, entries: &[(ExprId, ExprId)], span: Span) -> Type {
        let (mut keys, mut values) = (None, None);
        for (key, value) in entries {
            self.alike(at, *key, &mut keys, "the first key");
            self.alike(at, *value, &mut values, "the first value");
        }
        let (Some((key, place)), Some((value, _))) = (keys, values) else {
            let key = self.fresh();
            return self.open_container(at, |value| Type::map(key, value), span);
        };
        let resolved = self.unifier.resolve(&key);
        if !resolved.is_hashable() {
            let message = format!("`{}` cannot be the key of a map", self.shown(&key));
            let wrong = self.wrong(message, place);
            self.say(wrong.help("keys are booleans, strings, numbers, or structs of those"));
        }
        Type::map(key, value)
    }

    /// Something empty, whose items only what is around it can tell.
    fn open_container(&mut self, at: At, of: impl FnOnce(Type) -> Type, span: Span) -> Type {
        let item = self.fresh();
        let ty = of(item);
        self.defer(at.home, Deferred { what: What::Known(ty.clone()), span, used: None });
        ty
    }

    fn comprehension<T>(&mut self, at: At, id: ExprId, made: &Comprehension<T>) {
        if let Some(scope) = self.names.scope_of(at.file, Owner::Expr(id)) {
            self.over(at, made.over, &made.variables, scope);
        }
        if let Some(condition) = made.condition {
            self.check(at, condition, &Type::Bool, &Because::NOTHING);
        }
    }

    /// What a loop goes through, and its variables.
    pub(super) fn over(&mut self, at: At, over: ExprId, variables: &LoopVariables, scope: ScopeId) {
        let mut element = self.fresh();
        let (mut key, wanted) = match variables.kind {
            LoopKind::For => (Type::Int, Type::list(element.clone())),
            LoopKind::Forkv => {
                let key = self.fresh();
                (key.clone(), Type::map(key, element.clone()))
            }
        };
        let found = self.expr(at, over);
        let span = self.span(at.file, over);
        let is_right = match (variables.kind, self.unifier.shallow(&found)) {
            (LoopKind::For, Type::List(_) | Type::Var(_))
            | (LoopKind::Forkv, Type::Map(..) | Type::Var(_)) => {
                self.unify(&wanted, &found, span, &Because::NOTHING)
            }
            (kind, other) => {
                let (form, what) = match kind {
                    LoopKind::For => ("for", "lists"),
                    LoopKind::Forkv => ("forkv", "maps"),
                };
                let other = self.unifier.resolve(&other);
                let message =
                    without_numbers(&format!("`{form}` goes through {what}, and this is `{other}`"));
                let wrong = self.wrong(message, span);
                self.say(wrong.help("`for` goes through a list, `forkv` through a map"));
                (key, element) = (self.of_wrong(), self.of_wrong());
                true
            }
        };
        for (slot, defined) in self.names.scope(scope).slots.iter().enumerate() {
            match defined.kind {
                SlotKind::Key => self.slots[scope.index()][slot] = Some(key.clone()),
                SlotKind::Element if is_right => self.slots[scope.index()][slot] = Some(element.clone()),
                SlotKind::Element => self.slots[scope.index()][slot] = Some(self.fresh()),
                SlotKind::Param(_) | SlotKind::Bind(_) | SlotKind::Local(_) => {}
            }
        }
    }

    fn variable(&mut self, at: At, id: ExprId) -> Type {
        let names = self.names;
        match names.variable(at.file, id) {
            None => self.of_wrong(),
            Some(VariableTarget::Hostname) => Type::Str,
            Some(VariableTarget::Constant(value)) => value.type_of(),
            Some(VariableTarget::Slot(place, slot)) => {
                let ty = self.slot(place.scope, *slot);
                let ty = self.used_once(ty);
                match place.hops.first() {
                    None => {
                        self.capture(at.home, self.home(place.scope), &ty);
                        ty
                    }
                    Some(_) if !self.is_reached(&place.hops) => self.of_wrong(),
                    Some(hop) => {
                        let mapping = self.through(&place.hops);
                        let ty = self.replaced(&ty, &mapping);
                        self.capture(at.home, self.home(hop.scope), &ty);
                        ty
                    }
                }
            }
        }
    }

    /// The type of a variable, which is inferred where it was not yet.
    pub(super) fn slot(&mut self, scope: ScopeId, slot: u32) -> Type {
        if let Some(ty) = &self.slots[scope.index()][slot as usize] {
            return ty.clone();
        }
        let at = self.at(scope);
        let modules = self.modules;
        let bind = match self.names.scope(scope).slots[slot as usize].kind {
            SlotKind::Bind(bind) if self.left_out.statement(at.file, bind) => {
                let ty = self.of_wrong();
                self.slots[scope.index()][slot as usize] = Some(ty.clone());
                return ty;
            }
            SlotKind::Bind(bind) => match &modules.file(at.file).program.statement(bind).kind {
                StatementKind::Bind(bind) => Some((bind.ty.clone(), bind.value)),
                _ => None,
            },
            SlotKind::Local(index) => self
                .owner(scope)
                .and_then(|function| function.locals.get(index as usize))
                .map(|local| (local.ty.clone(), local.value)),
            SlotKind::Param(_) | SlotKind::Key | SlotKind::Element => None,
        };
        let Some((written, value)) = bind else {
            let ty = self.fresh();
            self.slots[scope.index()][slot as usize] = Some(ty.clone());
            return ty;
        };
        let ty = match &written {
            Some(written) => self.annotation(written),
            None => self.fresh(),
        };
        self.slots[scope.index()][slot as usize] = Some(ty.clone());
        let because = written.as_ref().map(|ty| (ty.span, "the type is declared here".to_owned()));
        self.check(at, value, &ty, &Because(because));
        // What nothing is open in any more is a type for good.
        let resolved = self.unifier.resolve(&ty);
        self.slots[scope.index()][slot as usize] = Some(resolved.clone());
        resolved
    }
}

fn field_name(name: &Name) -> (Type, Span, Option<Value>) {
    (Type::Str, name.span, Some(Value::Str(Arc::clone(&name.text))))
}
