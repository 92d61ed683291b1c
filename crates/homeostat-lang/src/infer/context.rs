//! What inference knows while it goes through a program.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::constant::NameForm;
use super::deferred::Deferred;
use super::scheme::{Scheme, Use};
use super::usage::{Usage, usage};
use super::{Kinds, Types, elaborate};
use crate::ast::{ExprId, ExprKind, StatementId, StatementKind, TypeExpr, TypeKind};
use crate::functions::Function;
use crate::modules::{FileId, Modules};
use crate::scope::{Owner, Resolution, ScopeId};
use crate::types::{Field, FuncType, Mismatch, Type, TypeVar, Unifier};
use crate::value::Value;
use crate::wrong::Wrong;

/// That many errors are enough.
pub(super) const ERRORS_MAX: usize = 1000;

const NUMBER_AS_TEXT: &str = "in quotes it is text: `\"…\"`; `\"${$n}\"` prints a number that a variable has, `\"${n}\"` takes text only";

pub(super) fn infer(
    modules: &Modules,
    names: &Resolution,
    kinds: &dyn Kinds,
    left_out: &Wrong,
) -> (Types, Vec<Diagnostic>) {
    let homes = homes(modules, names);
    let mut inside: HashMap<Home, Vec<ScopeId>> = HashMap::new();
    for (at, home) in homes.iter().enumerate() {
        inside.entry(*home).or_default().push(ScopeId::at(at));
    }
    let mut infer = Infer {
        modules,
        names,
        kinds,
        left_out,
        usage: usage(modules, names),
        homes,
        inside: inside.into_iter().map(|(home, scopes)| (home, Rc::new(scopes))).collect(),
        unifier: Unifier::default(),
        slots: (0..names.scopes()).map(|at| vec![None; names.scope(ScopeId::at(at)).slots.len()]).collect(),
        open: HashMap::from([(Home(None), Context::default())]),
        schemes: HashMap::new(),
        including: HashSet::new(),
        known_uses: HashMap::new(),
        constants: HashMap::new(),
        folded_bytes: 0,
        name_forms: HashMap::new(),
        origins: HashMap::new(),
        signatures: HashMap::new(),
        allowed: HashMap::new(),
        said: HashSet::new(),
        wrong: HashSet::new(),
        diagnostics: Vec::new(),
    };
    let at = At { file: FileId::MAIN, home: Home(None) };
    infer.block(at, &modules.file(FileId::MAIN).program.body, names.file(FileId::MAIN));
    infer.finish_main();
    let main = infer.open.remove(&Home(None)).unwrap_or_default();
    let is_followed = super::can_follow(&infer.diagnostics);
    let types = if is_followed { elaborate::types(&mut infer, &main) } else { Types::default() };
    infer.diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    (types, infer.diagnostics)
}

/// What has types of its own: a class or a named function, by its scope, or else the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Home(pub(super) Option<ScopeId>);

/// Where an expression or statement is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) file: FileId,
    pub(super) home: Home,
}

/// Why something has to have a type: a place to show beside the error.
#[derive(Debug, Clone)]
pub(super) struct Because(pub(super) Option<(Span, String)>);

impl Because {
    pub(super) const NOTHING: Because = Because(None);

    pub(super) fn of(span: Span, text: impl Into<String>) -> Self {
        Self(Some((span, text.into())))
    }
}

/// What was found in a home so far.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) deferred: Vec<Deferred>,
    /// Calls of functions that depend on their types.
    pub(super) calls: Vec<(FileId, ExprId, FuncType)>,
    pub(super) functions: Vec<(FileId, ExprId, Use)>,
    pub(super) includes: HashMap<(FileId, StatementId), Rc<Use>>,
    /// Types of what lies in a home further out.
    pub(super) captured: Vec<(Home, Type)>,
}

pub(super) struct Infer<'a> {
    pub(super) modules: &'a Modules,
    pub(super) names: &'a Resolution,
    pub(super) kinds: &'a dyn Kinds,
    pub(super) left_out: &'a Wrong,
    pub(super) usage: Usage,
    homes: Vec<Home>,
    /// The scopes of every home.
    inside: HashMap<Home, Rc<Vec<ScopeId>>>,
    pub(super) unifier: Unifier,
    /// The types of variables, by scope and slot.
    pub(super) slots: Vec<Vec<Option<Type>>>,
    pub(super) open: HashMap<Home, Context>,
    pub(super) schemes: HashMap<ScopeId, Rc<Scheme>>,
    /// Includes whose arguments are being inferred.
    pub(super) including: HashSet<(FileId, StatementId)>,
    /// Uses of schemes whose types were all known, by the types of their arguments.
    pub(super) known_uses: HashMap<(ScopeId, Vec<Type>), Rc<Use>>,
    pub(super) constants: HashMap<(ScopeId, u32), Option<Value>>,
    /// What the values of constants take that were computed.
    pub(super) folded_bytes: usize,
    /// How variables are written as names of resources, by scope and slot.
    pub(super) name_forms: HashMap<(ScopeId, u32), NameForm>,
    /// Where a type was fixed.
    origins: HashMap<TypeVar, Span>,
    signatures: HashMap<(&'static str, usize), Option<Rc<FuncType>>>,
    allowed: HashMap<&'static str, Rc<Vec<FuncType>>>,
    said: HashSet<(Option<Span>, String)>,
    /// What stands for something wrong, about which enough was said, and what is made of that.
    wrong: HashSet<TypeVar>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The home of every scope.
fn homes(modules: &Modules, names: &Resolution) -> Vec<Home> {
    let mut homes: Vec<Home> = Vec::with_capacity(names.scopes());
    for at in 0..names.scopes() {
        let id = ScopeId::at(at);
        let scope = names.scope(id);
        let is_generic = match scope.owner {
            Owner::Statement(statement, _) => matches!(
                modules.file(scope.file).program.statement(statement).kind,
                StatementKind::Class(_) | StatementKind::Func(..)
            ),
            Owner::File | Owner::Expr(_) => false,
        };
        homes.push(match scope.parent {
            _ if is_generic => Home(Some(id)),
            // A scope comes after the one around it.
            Some(parent) => homes[parent.index()],
            None => Home(None),
        });
    }
    homes
}

impl<'a> Infer<'a> {
    pub(super) fn home(&self, scope: ScopeId) -> Home {
        self.homes[scope.index()]
    }

    pub(super) fn scopes_of(&self, home: Home) -> Rc<Vec<ScopeId>> {
        self.inside.get(&home).cloned().unwrap_or_default()
    }

    pub(super) fn at(&self, scope: ScopeId) -> At {
        At { file: self.names.scope(scope).file, home: self.home(scope) }
    }

    /// The home around another.
    pub(super) fn around(&self, home: Home) -> Option<Home> {
        let scope = home.0?;
        Some(self.names.scope(scope).parent.map_or(Home(None), |parent| self.home(parent)))
    }

    pub(super) fn kind(&self, file: FileId, expr: ExprId) -> &'a ExprKind {
        &self.modules.file(file).program.expr(expr).kind
    }

    pub(super) fn span(&self, file: FileId, expr: ExprId) -> Span {
        self.modules.file(file).program.expr(expr).span
    }

    pub(super) fn fresh(&mut self) -> Type {
        Type::Var(self.unifier.fresh())
    }

    /// The type of something that is wrong: it fits everywhere, and nothing is said of it again.
    pub(super) fn of_wrong(&mut self) -> Type {
        let var = self.unifier.fresh();
        self.wrong.insert(var);
        Type::Var(var)
    }

    pub(super) fn is_wrong(&self, var: TypeVar) -> bool {
        self.wrong.contains(&var)
    }

    /// The open types in a type.
    pub(super) fn open_types(&mut self, ty: &Type) -> Vec<TypeVar> {
        let mut open = Vec::new();
        self.unifier.resolve(ty).visit_variables(&mut |var| open.push(var));
        open
    }

    /// The same type for one use of it: what is wrong in it fits everywhere, each time.
    pub(super) fn used_once(&mut self, ty: Type) -> Type {
        if self.wrong.is_empty() || !self.open_types(&ty).into_iter().any(|var| self.is_wrong(var)) {
            return ty;
        }
        let ty = self.unifier.resolve(&ty);
        ty.replace(&mut |var| if self.is_wrong(var) { self.of_wrong() } else { Type::Var(var) })
    }

    pub(super) fn context(&mut self, home: Home) -> &mut Context {
        self.open.entry(home).or_default()
    }

    /// Says something once.
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < ERRORS_MAX
            && self.said.insert((diagnostic.span, diagnostic.message.clone()))
        {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn wrong(&self, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic::error(codes::WRONG_TYPE, Stage::Type, message).at(span)
    }

    /// Makes two types one; what cannot be is said at the place of what was found.
    pub(super) fn unify(&mut self, expected: &Type, found: &Type, span: Span, because: &Because) -> bool {
        match self.try_unify(expected, found, span) {
            Ok(()) => true,
            Err(mismatch) => {
                self.mismatch(&mismatch, [expected, found], span, because);
                false
            }
        }
    }

    /// Makes two types one, and says nothing where that cannot be.
    pub(super) fn try_unify(&mut self, expected: &Type, found: &Type, span: Span) -> Result<(), Mismatch> {
        let mut open = Vec::new();
        for ty in [expected, found] {
            self.unifier.resolve(ty).visit_variables(&mut |var| open.push(var));
        }
        let is_of_wrong = open.iter().any(|var| self.is_wrong(*var));
        self.unifier.unify(expected, found)?;
        if is_of_wrong {
            let open = self.open_types(expected);
            self.wrong.extend(open);
        }
        for var in open {
            if !matches!(self.unifier.shallow(&Type::Var(var)), Type::Var(_)) {
                self.origins.entry(var).or_insert(span);
            }
        }
        Ok(())
    }

    /// Where one of these types was fixed.
    pub(super) fn origin(&self, types: [&Type; 2]) -> Option<Span> {
        let mut vars = Vec::new();
        types.iter().for_each(|ty| ty.visit_variables(&mut |var| vars.push(var)));
        vars.iter().find_map(|var| self.origins.get(var)).copied()
    }

    pub(super) fn mismatch(&mut self, mismatch: &Mismatch, types: [&Type; 2], span: Span, because: &Because) {
        let mut wrong = self.wrong(without_numbers(&mismatch.to_string()), span);
        let origin = self.origin(types).filter(|origin| *origin != span);
        match (&because.0, origin) {
            (Some((place, text)), _) => wrong = wrong.label(*place, text.clone()),
            (None, Some(origin)) => wrong = wrong.label(origin, "its type was fixed here"),
            (None, None) => {}
        }
        let (expected, found) = (&mismatch.expected, &mismatch.found);
        wrong.help = match (expected, found) {
            (Type::Str, Type::Int) => Some(NUMBER_AS_TEXT.into()),
            (Type::Float, Type::Int) => {
                Some("a float has a point: `1.0`; `convert.to_float` makes one".into())
            }
            (Type::Int, Type::Float) => Some("`convert.to_int` makes an int".into()),
            (Type::Int, Type::Str) => Some("`convert.str_to_int` makes an int".into()),
            (Type::List(item), other) if **item == *other => Some("a list of one: `[…]`".into()),
            _ => None,
        };
        self.say(wrong);
    }

    /// A type as it was written.
    pub(super) fn annotation(&mut self, written: &TypeExpr) -> Type {
        let ty = self.written(written);
        if let Some(key) = ty.unhashable_key() {
            let message = format!("`{key}` cannot be the type of keys");
            let help = "keys are booleans, strings, numbers, or structs of those";
            let wrong = self.wrong(message, written.span).help(help);
            self.say(wrong);
        }
        ty
    }

    fn written(&mut self, written: &TypeExpr) -> Type {
        match &written.kind {
            TypeKind::Bool => Type::Bool,
            TypeKind::Str => Type::Str,
            TypeKind::Int => Type::Int,
            TypeKind::Float => Type::Float,
            TypeKind::Variant => Type::Variant,
            TypeKind::List(item) => Type::list(self.written(item)),
            TypeKind::Map(entry) => Type::map(self.written(&entry.0), self.written(&entry.1)),
            TypeKind::Struct(fields) => {
                let fields =
                    fields.iter().map(|(name, ty)| Field { name: name.text.clone(), ty: self.written(ty) });
                Type::Struct(fields.collect())
            }
            TypeKind::Func(params, result) => {
                let params: Vec<Type> = params.iter().map(|(_, ty)| self.written(ty)).collect();
                Type::func(params, self.written(result))
            }
            TypeKind::Error => self.of_wrong(),
        }
    }

    /// The type of a library function for that many arguments.
    pub(super) fn signature(
        &mut self,
        function: &'static Function,
        arguments: usize,
    ) -> Option<Rc<FuncType>> {
        let known = self.signatures.entry((function.name, arguments));
        known.or_insert_with(|| function.signature(arguments).map(Rc::new)).clone()
    }

    pub(super) fn allowed(&mut self, function: &'static Function) -> Rc<Vec<FuncType>> {
        self.allowed.entry(function.name).or_insert_with(|| Rc::new(function.allowed())).clone()
    }

    /// A type for messages: what is not known is `?`.
    pub(super) fn shown(&mut self, ty: &Type) -> String {
        without_numbers(&self.unifier.resolve(ty).to_string())
    }
}

/// Type variables have numbers, which mean nothing to people.
pub(super) fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '?' {
            while chars.next_if(char::is_ascii_digit).is_some() {}
        }
    }
    out
}
