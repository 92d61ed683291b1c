//! What is known of expressions before anything is evaluated.

use std::sync::Arc;

use super::context::Infer;
use crate::ast::{BinaryOp, Callee, ExprId, ExprKind, Piece, StatementKind, TypeExpr, TypeKind};
use crate::functions::{self, Body, Call, Error, Function, Result, Site, SourceRequest, bounds};
use crate::modules::FileId;
use crate::scope::{FunctionTarget, Owner, ScopeId, SlotKind, VariableTarget};
use crate::types::{FuncType, Type};
use crate::value::{Func, Value};

/// Nothing can be asked, and no function called.
struct Nobody;

impl Call for Nobody {
    fn call(&self, _: &Func, _: &[Value]) -> Result<Value> {
        Err(Error::permanent("not now"))
    }

    fn ask(&self, request: &SourceRequest) -> Result<Value> {
        Err(Error::Unanswered(Box::new(request.clone())))
    }
}

/// What is computed beforehand, in all. Beyond it nothing is known before evaluation, which does all of it anyway.
const FOLDED_BYTES_MAX: usize = 256 << 20;

/// How the name of a resource is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameForm {
    /// It is a `str` before anything is computed.
    Text,
    /// A parameter: whatever it is given.
    Param,
    /// It is computed, and so a list.
    Computed,
}

impl Infer<'_> {
    /// The value of an expression that is a constant.
    pub(super) fn constant(&mut self, file: FileId, id: ExprId) -> Option<Value> {
        stacker::maybe_grow(64 << 10, 1 << 20, || self.fold(file, id))
    }

    fn fold(&mut self, file: FileId, id: ExprId) -> Option<Value> {
        match self.kind(file, id) {
            ExprKind::Bool(value) => Some(Value::Bool(*value)),
            ExprKind::Int(number) => Some(Value::Int(*number)),
            ExprKind::Float(number) => Some(Value::Float(*number)),
            ExprKind::Str(text) => Some(Value::Str(text.clone())),
            ExprKind::Interpolated(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(piece) => text.push_str(piece),
                        Piece::Variable(inner) => text.push_str(self.constant(file, *inner)?.as_str()?),
                        Piece::Printed(_) => return None,
                    }
                    bounds::text(Some(text.len())).ok()?;
                }
                self.folded(Value::from(text))
            }
            ExprKind::List(items) => {
                let items: Option<Vec<Value>> = items.iter().map(|item| self.constant(file, *item)).collect();
                bounds::value(Value::list(items?)).ok()
            }
            ExprKind::Variable(_) => match self.names.variable(file, id)? {
                VariableTarget::Constant(value) => Some(value.clone()),
                VariableTarget::Hostname => None,
                VariableTarget::Slot(place, slot) => self.constant_slot(place.scope, *slot),
            },
            ExprKind::Binary(op, _, left, right) => {
                let args = [self.constant(file, *left)?, self.constant(file, *right)?];
                self.folded(call(operator(*op), &args)?)
            }
            ExprKind::If(arms, otherwise) => {
                for (condition, value) in arms {
                    if self.constant(file, *condition)? == Value::Bool(true) {
                        return self.constant(file, *value);
                    }
                }
                self.constant(file, *otherwise)
            }
            ExprKind::Call(Callee::Named(_), args) => {
                let FunctionTarget::Library(function) = self.names.function(file, id)? else { return None };
                let args: Option<Vec<Value>> =
                    args.iter().map(|arg| self.constant(file, arg.value)).collect();
                self.folded(call(function, &args?)?)
            }
            _ => None,
        }
    }

    /// What was computed, as long as it is not too much in all.
    fn folded(&mut self, value: Value) -> Option<Value> {
        self.folded_bytes = self.folded_bytes.saturating_add(value.own_bytes());
        (self.folded_bytes <= FOLDED_BYTES_MAX).then_some(value)
    }

    fn constant_slot(&mut self, scope: ScopeId, slot: u32) -> Option<Value> {
        if let Some(known) = self.constants.get(&(scope, slot)) {
            return known.clone();
        }
        let SlotKind::Bind(bind) = self.names.scope(scope).slots[slot as usize].kind else { return None };
        let file = self.names.scope(scope).file;
        let StatementKind::Bind(bind) = &self.modules.file(file).program.statement(bind).kind else {
            return None;
        };
        // One that needs itself has no value.
        self.constants.insert((scope, slot), None);
        let value = self.constant(file, bind.value);
        self.constants.insert((scope, slot), value.clone());
        value
    }

    /// How the name of a resource is written.
    pub(super) fn name_form(&mut self, file: FileId, id: ExprId) -> NameForm {
        let either = |one: NameForm, other: NameForm| match (one, other) {
            (NameForm::Text, _) | (_, NameForm::Text) => NameForm::Text,
            (NameForm::Param, _) | (_, NameForm::Param) => NameForm::Param,
            _ => NameForm::Computed,
        };
        match self.kind(file, id) {
            ExprKind::Str(_) | ExprKind::Interpolated(_) => NameForm::Text,
            ExprKind::Call(Callee::Value(function), _) => match self.kind(file, *function) {
                ExprKind::Lambda(function)
                    if matches!(function.result, Some(TypeExpr { kind: TypeKind::Str, .. })) =>
                {
                    NameForm::Text
                }
                ExprKind::Lambda(function) if function.result.is_none() => {
                    self.name_form(file, function.body)
                }
                _ => NameForm::Computed,
            },
            ExprKind::If(arms, otherwise) => {
                let otherwise = self.name_form(file, *otherwise);
                arms.iter().map(|(_, value)| self.name_form(file, *value)).fold(otherwise, either)
            }
            ExprKind::Except(main, fallback) => {
                either(self.name_form(file, *main), self.name_form(file, *fallback))
            }
            ExprKind::Variable(_) => match self.names.variable(file, id) {
                Some(VariableTarget::Hostname) => NameForm::Text,
                Some(VariableTarget::Constant(Value::Str(_))) => NameForm::Text,
                Some(VariableTarget::Slot(place, slot)) => self.name_form_of(place.scope, *slot),
                Some(VariableTarget::Constant(_)) => NameForm::Computed,
                None => NameForm::Param,
            },
            _ => NameForm::Computed,
        }
    }

    fn name_form_of(&mut self, scope: ScopeId, slot: u32) -> NameForm {
        if let Some(known) = self.name_forms.get(&(scope, slot)) {
            return *known;
        }
        let here = self.names.scope(scope);
        let (ty, value) = match here.slots[slot as usize].kind {
            SlotKind::Param(_) => return NameForm::Param,
            SlotKind::Key | SlotKind::Element => return NameForm::Computed,
            SlotKind::Local(_) => return NameForm::Param,
            SlotKind::Bind(bind) => match &self.modules.file(here.file).program.statement(bind).kind {
                StatementKind::Bind(bind) => (&bind.ty, bind.value),
                _ => return NameForm::Computed,
            },
        };
        match ty {
            Some(TypeExpr { kind: TypeKind::Str, .. }) => NameForm::Text,
            Some(_) => NameForm::Computed,
            None => {
                // Of one that needs itself, it has been said.
                self.name_forms.insert((scope, slot), NameForm::Param);
                let form = stacker::maybe_grow(64 << 10, 1 << 20, || self.name_form(here.file, value));
                self.name_forms.insert((scope, slot), form);
                form
            }
        }
    }

    /// The function that owns a scope, where one does.
    pub(super) fn owner(&self, scope: ScopeId) -> Option<&crate::ast::Function> {
        let here = self.names.scope(scope);
        let program = &self.modules.file(here.file).program;
        match here.owner {
            Owner::Expr(expr) => match &program.expr(expr).kind {
                ExprKind::Lambda(function) => Some(function),
                _ => None,
            },
            Owner::Statement(statement, _) => match &program.statement(statement).kind {
                StatementKind::Func(_, function) => Some(function),
                _ => None,
            },
            Owner::File => None,
        }
    }
}

/// Calls a function whose value depends on nothing but its arguments.
fn call(function: &'static Function, args: &[Value]) -> Option<Value> {
    let Body::Pure(_) = function.body else { return None };
    let ty = FuncType { params: Vec::new(), result: Type::Variant };
    function.call(&Site { ty: &ty, module: "/" }, &Nobody, args).and_then(bounds::value).ok()
}

/// The function of the library that an operator calls.
pub(crate) fn operator(op: BinaryOp) -> &'static Function {
    let name: Arc<str> = match op {
        BinaryOp::In => "contains".into(),
        op => format!("_{}", op.as_str()).into(),
    };
    functions::find(&name).expect("every operator has its function")
}
