//! The types of calls and includes.

use std::rc::Rc;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::context::{At, Because, Infer, without_numbers};
use super::deferred::{Deferred, KnownOperand, What};
use super::scheme::{Scheme, Use};
use crate::ast::{Arg, ExprId, Name, Param, StatementId, StatementKind};
use crate::functions::{Body, Function};
use crate::modules::FileId;
use crate::scope::{Called, FunctionTarget, Given, Place, ScopeId, arguments};
use crate::types::{FuncType, Type};
use crate::value::Value;

impl Infer<'_> {
    pub(super) fn named_call(&mut self, at: At, id: ExprId, name: &Name, args: &[Arg]) -> Type {
        let names = self.names;
        let span = self.span(at.file, id);
        match names.function(at.file, id) {
            None => {
                args.iter().for_each(|arg| drop(self.expr(at, arg.value)));
                self.of_wrong()
            }
            Some(FunctionTarget::Library(function)) => {
                if let Some(named) = args.iter().find_map(|arg| arg.name.as_ref()) {
                    let message = format!("`{}` takes its arguments by their place", name.text);
                    let wrong = Diagnostic::error(codes::ARGUMENTS, Stage::Type, message).at(span);
                    self.say(wrong.label(named.span, "leave out the name"));
                }
                let types: Vec<_> = args
                    .iter()
                    .map(|arg| {
                        let ty = self.expr(at, arg.value);
                        let is_text = function.check.is_some() && self.unifier.shallow(&ty) == Type::Str;
                        let value = if is_text { self.constant(at.file, arg.value) } else { None };
                        (ty, self.span(at.file, arg.value), value)
                    })
                    .collect();
                self.library(at, id, function, &types, span)
            }
            Some(FunctionTarget::Defined(place, function)) => {
                self.defined(at, id, name, (place, *function), args)
            }
        }
    }

    /// A call of a library function.
    pub(super) fn library(
        &mut self,
        at: At,
        id: ExprId,
        function: &'static Function,
        args: &[(Type, Span, Option<Value>)],
        span: Span,
    ) -> Type {
        let Some(signature) = self.signature(function, args.len()) else {
            self.wrong_number(function, args.len(), span);
            return match function.types().first().map(|ty| ty.result.clone()) {
                Some(result) if result.is_known() => result,
                _ => self.of_wrong(),
            };
        };
        let signature = self.unifier.instantiate(&signature);
        let is_operator = function.name.starts_with('_') || args.len() == 2 && function.name == "contains";
        for (at, (param, (ty, place, _))) in signature.params.iter().zip(args).enumerate() {
            let because = match (is_operator && at > 0, args.first()) {
                (true, Some((first, place, _))) => {
                    let shown = self.shown(first);
                    Because::of(*place, format!("this is `{shown}`"))
                }
                _ => Because::NOTHING,
            };
            let place = if is_operator { span } else { *place };
            if !self.unify(&param.ty, ty, place, &because) {
                return self.result_of_wrong(function, signature.result);
            }
        }
        if function.check.is_some() || !function.forms.is_empty() {
            let args = args
                .iter()
                .map(|(ty, span, value)| KnownOperand { ty: ty.clone(), value: value.clone(), span: *span })
                .collect();
            let what = What::Call { function, args, result: signature.result.clone() };
            if !self.defer(at.home, Deferred { what, span, used: None }) {
                return self.result_of_wrong(function, signature.result);
            }
        }
        if !matches!(function.body, Body::Pure(_) | Body::Each(_) | Body::Fold(_)) {
            let is_open = !self.unifier.resolve(&signature.result).is_known();
            if is_open {
                let what = What::Known(signature.result.clone());
                self.defer(at.home, Deferred { what, span, used: None });
            }
            let params = args.iter().map(|(ty, _, _)| ty.clone());
            let ty = FuncType::new(params, signature.result.clone());
            self.context(at.home).calls.push((at.file, id, ty));
        }
        signature.result
    }

    /// The result of a call that is wrong: what it always is, or anything.
    fn result_of_wrong(&mut self, function: &Function, result: Type) -> Type {
        let always = function.types().iter().all(|ty| ty.result.is_known());
        if always { result } else { self.of_wrong() }
    }

    fn wrong_number(&mut self, function: &Function, given: usize, span: Span) {
        let types = function.types();
        let message = format!("`{}` does not take {given} arguments", function.short_name());
        let forms: Vec<String> =
            types.iter().map(|ty| format!("`{}`", without_numbers(&ty.to_string()))).collect();
        let wrong = Diagnostic::error(codes::ARGUMENTS, Stage::Type, message).at(span);
        self.say(wrong.help(format!("its type is {}", forms.join(" or "))));
    }

    /// A call of a function of the program.
    fn defined(
        &mut self,
        at: At,
        id: ExprId,
        name: &Name,
        (place, function): (&Place, StatementId),
        args: &[Arg],
    ) -> Type {
        let span = self.span(at.file, id);
        let types: Vec<Type> = args.iter().map(|arg| self.expr(at, arg.value)).collect();
        let file = self.names.scope(place.scope).file;
        let modules = self.modules;
        let StatementKind::Func(_, declared) = &modules.file(file).program.statement(function).kind else {
            return self.fresh();
        };
        if self.left_out.statement(file, function) {
            return self.of_wrong();
        }
        let called = Called {
            what: format!("the function `{}`", name.text),
            span,
            stage: Stage::Type,
            params: &declared.params,
        };
        if let Some(misfit) = called.misfit(args) {
            self.say(misfit);
            return self.of_wrong();
        }
        let Some((scope, scheme)) = self.scheme(file, function) else { return self.of_wrong() };
        let used = self.used(at, (scope, &scheme), place, (&declared.params, args, &types), span);
        let result = scheme.result.clone().unwrap_or(Type::Variant);
        let result = self.replaced(&result, &used.mapping);
        self.context(at.home).functions.push((at.file, id, (*used).clone()));
        result
    }

    /// A use of something generic with arguments of these types.
    fn used(
        &mut self,
        at: At,
        (scope, scheme): (ScopeId, &Rc<Scheme>),
        place: &Place,
        (params, args, types): (&[Param], &[Arg], &[Type]),
        span: Span,
    ) -> Rc<Use> {
        let given = arguments(params, args).unwrap_or_default();
        let in_order: Vec<Type> = given
            .iter()
            .map(|given| match given {
                Given::Argument(arg) => self.unifier.resolve(&types[*arg]),
                // A default has the type of its parameter: a word of its own for it.
                Given::Default => Type::Variant,
            })
            .collect();
        let is_known = place.hops.is_empty() && in_order.iter().all(Type::is_known);
        if is_known && let Some(known) = self.known_uses.get(&(scope, in_order.clone())) {
            return known.clone();
        }
        let used = Use { scheme: scope, mapping: self.instantiate(scheme, &place.hops) };
        for (at_param, given) in given.iter().enumerate() {
            let Given::Argument(arg) = given else { continue };
            let wanted = self.replaced(&scheme.params[at_param], &used.mapping);
            let because = match &params[at_param].ty {
                Some(written) => Because::of(written.span, "the type is declared here"),
                None => Because::of(params[at_param].span, "the parameter is used as that"),
            };
            let place = self.span(at.file, args[*arg].value);
            self.unify(&wanted, &types[*arg], place, &because);
        }
        self.take_over(at, scheme, &used.mapping, span);
        let used = Rc::new(used);
        let mut mapped = used.mapping.values();
        if is_known && mapped.all(|ty| self.unifier.resolve(ty).is_known()) {
            self.known_uses.insert((scope, in_order), used.clone());
        }
        used
    }

    /// An include, which is inferred where it was not yet. `None` where it is wrong.
    pub(super) fn include_use(&mut self, scope: ScopeId, include: StatementId) -> Option<Rc<Use>> {
        let at = self.at(scope);
        let key = (at.file, include);
        match (self.open.get(&at.home), at.home.0) {
            (Some(context), _) => {
                if let Some(known) = context.includes.get(&key) {
                    return Some(known.clone());
                }
            }
            (None, Some(home)) => return self.schemes.get(&home)?.found.includes.get(&key).cloned(),
            (None, None) => {}
        }
        let (names, modules) = (self.names, self.modules);
        let statement = modules.file(at.file).program.statement(include);
        let StatementKind::Include(written) = &statement.kind else { return None };
        // An argument may need what the include gives. That was said, and the include is left out.
        if !self.including.insert(key) {
            return None;
        }
        let types: Vec<Type> = written.args.iter().map(|arg| self.expr(at, arg.value)).collect();
        self.including.remove(&key);
        let target = names.class(at.file, include)?;
        let file: FileId = names.scope(target.place.scope).file;
        let StatementKind::Class(class) = &modules.file(file).program.statement(target.class).kind else {
            return None;
        };
        if self.left_out.statement(at.file, include) || self.left_out.statement(file, target.class) {
            return None;
        }
        arguments(&class.params, &written.args)?;
        let (class_scope, scheme) = self.scheme(file, target.class)?;
        let args = (&*class.params, &*written.args, &*types);
        let used = self.used(at, (class_scope, &scheme), &target.place, args, statement.span);
        self.context(at.home).includes.insert(key, used.clone());
        Some(used)
    }
}
