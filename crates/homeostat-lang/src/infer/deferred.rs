//! What can be decided only when more is known.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::context::{Because, Home, Infer};
use crate::functions::{Function, KnownArg, Misuse};
use crate::types::{FuncType, Type, TypeVar, Unifier};
use crate::value::Value;

/// A class or function leaves at most so much open. Each use of it takes that over, so uses of uses could make any number.
const OPEN_MAX: usize = 10_000;

/// Something to look at again.
#[derive(Debug, Clone)]
pub(super) struct Deferred {
    pub(super) what: What,
    /// All of what it is about.
    pub(super) span: Span,
    /// Where the class or function is used that it is in.
    pub(super) used: Option<Span>,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A call of a library function that may be used at some types only.
    Call { function: &'static Function, args: Vec<KnownOperand>, result: Type },
    /// Something whose type only what is around it can say.
    Known(Type),
    /// The name of resources: one, or a list.
    Name(Type),
    /// The name of collected resources, which may come with hosts.
    Collected(Type),
}

/// An argument as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct KnownOperand {
    pub(super) ty: Type,
    pub(super) value: Option<Value>,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Later,
    Wrong,
}

impl What {
    fn result(&self) -> Option<&Type> {
        match self {
            What::Call { result, .. } => Some(result),
            What::Known(_) | What::Name(_) | What::Collected(_) => None,
        }
    }
}

impl Deferred {
    /// Shows every type in it.
    pub(super) fn types(&self, seen: &mut impl FnMut(&Type)) {
        match &self.what {
            What::Call { args, result, .. } => {
                args.iter().for_each(|arg| seen(&arg.ty));
                seen(result);
            }
            What::Known(ty) | What::Name(ty) | What::Collected(ty) => seen(ty),
        }
    }

    /// The same for a use of what it is in.
    pub(super) fn copied(&self, used: Span, replace: &mut impl FnMut(&Type) -> Type) -> Self {
        let what = match &self.what {
            What::Call { function, args, result } => What::Call {
                function,
                args: args.iter().map(|arg| KnownOperand { ty: replace(&arg.ty), ..arg.clone() }).collect(),
                result: replace(result),
            },
            What::Known(ty) => What::Known(replace(ty)),
            What::Name(ty) => What::Name(replace(ty)),
            What::Collected(ty) => What::Collected(replace(ty)),
        };
        Self { what, span: self.span, used: Some(used) }
    }
}

impl Infer<'_> {
    /// Looks at something, now or later. Says whether it may still be right.
    pub(super) fn defer(&mut self, home: Home, deferred: Deferred) -> bool {
        let outcome = self.attempt(&deferred);
        if outcome == Outcome::Later {
            let most = if home == Home(None) { usize::MAX } else { OPEN_MAX };
            if self.context(home).deferred.len() < most {
                self.context(home).deferred.push(deferred);
            } else {
                self.too_open(&deferred);
            }
        }
        outcome != Outcome::Wrong
    }

    fn too_open(&mut self, deferred: &Deferred) {
        let message = format!("the types here are too much to follow: more than {OPEN_MAX} are left open");
        let wrong = Diagnostic::error(codes::TOO_LARGE, Stage::Type, message).at(deferred.span);
        self.say(wrong.help("say the types of the parameters: `$name str`"));
    }

    /// Looks at what was put off, until nothing more can be learnt.
    pub(super) fn solve(&mut self, home: Home) {
        loop {
            let open = std::mem::take(&mut self.context(home).deferred);
            let before = open.len();
            let later: Vec<Deferred> =
                open.into_iter().filter(|deferred| self.attempt(deferred) == Outcome::Later).collect();
            let after = later.len();
            self.context(home).deferred = later;
            if after == before || after == 0 {
                break;
            }
        }
        self.forget_repeated(home);
    }

    /// What is put off twice is looked at once: a class that includes another twice, or a function that calls another
    /// twice, would double it.
    fn forget_repeated(&mut self, home: Home) {
        let open = std::mem::take(&mut self.context(home).deferred);
        let mut seen = HashMap::new();
        let mut kept = Vec::with_capacity(open.len());
        for deferred in open {
            let about = match &deferred.what {
                What::Known(ty) | What::Name(ty) | What::Collected(ty) => vec![self.unifier.resolve(ty)],
                What::Call { function, args, .. } if self.says_its_result(function) => {
                    args.iter().map(|arg| self.unifier.resolve(&arg.ty)).collect()
                }
                What::Call { .. } => {
                    kept.push(deferred);
                    continue;
                }
            };
            match seen.entry((std::mem::discriminant(&deferred.what), deferred.span, about)) {
                Entry::Vacant(new) => {
                    new.insert(deferred.what.result().cloned());
                    kept.push(deferred);
                }
                Entry::Occupied(first) => {
                    if let (Some(first), Some(result)) = (first.get(), deferred.what.result()) {
                        let (first, result) = (first.clone(), result.clone());
                        self.unify(&first, &result, deferred.span, &Because::NOTHING);
                    }
                }
            }
        }
        self.context(home).deferred = kept;
    }

    /// Whether the types of its arguments leave a function no choice.
    fn says_its_result(&mut self, function: &'static Function) -> bool {
        let allowed = self.allowed(function);
        let params: HashSet<Vec<&Type>> =
            allowed.iter().map(|form| form.params.iter().map(|param| &param.ty).collect()).collect();
        function.check.is_none()
            && params.len() == allowed.len()
            && params.iter().flatten().all(|param| param.is_known())
    }

    /// Decides what nothing else has decided, and says what is still open.
    pub(super) fn finish_main(&mut self) {
        let main = Home(None);
        self.solve(main);
        for deferred in self.context(main).deferred.clone() {
            if let What::Name(ty) = &deferred.what {
                self.unify(&Type::list(Type::Str), ty, deferred.span, &Because::NOTHING);
            }
        }
        self.solve(main);
        let mut open = std::mem::take(&mut self.context(main).deferred);
        // What has no type of its own comes before what is made of it.
        open.sort_by_key(|deferred| !matches!(deferred.what, What::Known(_)));
        let mut said = Vec::new();
        for deferred in open {
            self.ambiguous(&deferred, &mut said);
        }
    }

    fn ambiguous(&mut self, deferred: &Deferred, said: &mut Vec<TypeVar>) {
        let types: Vec<Type> = match &deferred.what {
            What::Call { args, result, .. } => {
                args.iter().map(|arg| &arg.ty).chain([result]).cloned().collect()
            }
            What::Known(ty) => vec![ty.clone()],
            What::Name(_) | What::Collected(_) => return,
        };
        let mut unsaid = None;
        for ty in types {
            let open = self.open_types(&ty);
            if open.iter().any(|var| said.contains(var) || self.is_wrong(*var)) {
                return;
            }
            if !open.is_empty() && unsaid.is_none() {
                unsaid = Some((ty, open));
            }
        }
        let Some((ty, open)) = unsaid else { return };
        said.extend(open);
        let shown = self.shown(&ty);
        let message = match &*shown {
            "?" => "the type of this is not known".to_owned(),
            shown => format!("the type of this is not known: `{shown}`"),
        };
        let ambiguous = Diagnostic::error(codes::AMBIGUOUS_TYPE, Stage::Type, message).at(deferred.span);
        let ambiguous = ambiguous.label(deferred.used, "used here");
        self.say(ambiguous.help("say it where a variable is defined: `$name []str = …`"));
    }

    fn attempt(&mut self, deferred: &Deferred) -> Outcome {
        match &deferred.what {
            What::Call { function, args, result } => self.attempt_call(deferred, function, args, result),
            What::Known(ty) => match self.unifier.resolve(ty).is_known() {
                true => Outcome::Done,
                false => Outcome::Later,
            },
            What::Name(ty) | What::Collected(ty) => match self.unifier.shallow(ty) {
                Type::Var(_) => Outcome::Later,
                Type::Str => Outcome::Done,
                Type::List(item) if matches!(deferred.what, What::Collected(_)) => {
                    if !matches!(self.unifier.shallow(&item), Type::Str) {
                        let wanted = Type::structure([("name", Type::Str), ("host", Type::Str)]);
                        self.unify(&Type::list(wanted), ty, deferred.span, &Because::NOTHING);
                    }
                    Outcome::Done
                }
                _ => {
                    self.unify(&Type::list(Type::Str), ty, deferred.span, &Because::NOTHING);
                    Outcome::Done
                }
            },
        }
    }

    fn attempt_call(
        &mut self,
        deferred: &Deferred,
        function: &'static Function,
        args: &[KnownOperand],
        result: &Type,
    ) -> Outcome {
        let types: Vec<Type> = args.iter().map(|arg| self.unifier.resolve(&arg.ty)).collect();
        let result = self.unifier.resolve(result);
        let is_known = result.is_known() && types.iter().all(Type::is_known);
        if let Some(check) = function.check {
            let known: Vec<KnownArg<'_>> =
                types.iter().zip(args).map(|(ty, arg)| KnownArg { ty, value: arg.value.as_ref() }).collect();
            match check(&known, &result) {
                Ok(Some(ty)) => {
                    // The types of a field and of what stands in for it differ: neither is more wrong than the other.
                    let is_both = function.name == "_struct_lookup_optional";
                    let used = deferred.used.map(|used| (used, "used here".to_owned()));
                    let is_right = ty.params.iter().zip(args).all(|(param, arg)| {
                        let (place, label) = match is_both && arg.span != deferred.span {
                            true => {
                                let shown = self.shown(&arg.ty);
                                let stands_in =
                                    || (arg.span, format!("in place of the field there is `{shown}`"));
                                (deferred.span, Some(used.clone().unwrap_or_else(stands_in)))
                            }
                            false => (arg.span, used.clone()),
                        };
                        self.unify(&param.ty, &arg.ty, place, &Because(label))
                    }) && self.unify(&result, &ty.result, deferred.span, &Because(used));
                    return if is_right { Outcome::Done } else { Outcome::Wrong };
                }
                Ok(None) => {}
                Err(misuse) => {
                    self.misuse(deferred, function, args, misuse);
                    return Outcome::Wrong;
                }
            }
        }
        let allowed = self.allowed(function);
        if !allowed.is_empty() {
            let fitting: Vec<&FuncType> = allowed.iter().filter(|form| fits(form, &types, &result)).collect();
            match fitting.as_slice() {
                [] => {
                    self.not_at(deferred, function, &types, &allowed);
                    return Outcome::Wrong;
                }
                [one] if !is_known => {
                    let because = Because(deferred.used.map(|used| (used, "used here".to_owned())));
                    let form = self.unifier.instantiate(one);
                    for (param, arg) in form.params.iter().zip(args) {
                        self.unify(&param.ty, &arg.ty, arg.span, &because);
                    }
                    self.unify(&form.result, &result, deferred.span, &because);
                    return Outcome::Done;
                }
                _ => {}
            }
        }
        if is_known { Outcome::Done } else { Outcome::Later }
    }

    fn misuse(&mut self, deferred: &Deferred, function: &Function, args: &[KnownOperand], misuse: Misuse) {
        let message = match function.name.starts_with('_') {
            true => misuse.message,
            false => format!("`{}`: {}", function.short_name(), misuse.message),
        };
        let mut wrong = self.wrong(super::context::without_numbers(&message), deferred.span);
        let arg = misuse.arg.and_then(|at| args.get(at)).filter(|arg| arg.span != deferred.span);
        wrong = wrong.label(arg.map(|arg| arg.span), "this one").label(deferred.used, "used here");
        if !misuse.help.is_empty() {
            wrong = wrong.help(misuse.help);
        }
        self.say(wrong);
    }

    fn not_at(&mut self, deferred: &Deferred, function: &Function, types: &[Type], allowed: &[FuncType]) {
        let name = function.short_name().trim_start_matches('_');
        let types: Vec<String> = types.iter().map(|ty| format!("`{}`", self.shown(ty))).collect();
        let message = format!("`{name}` cannot be used with {}", types.join(" and "));
        let forms: Vec<String> = allowed
            .iter()
            .map(|form| {
                let params: Vec<String> = form.params.iter().map(|param| param.ty.to_string()).collect();
                format!("({})", super::context::without_numbers(&params.join(", ")))
            })
            .collect();
        let wrong = self.wrong(message, deferred.span).label(deferred.used, "used here");
        let mut help = format!("it takes {}", forms.join(" or "));
        if name == "+" && types.iter().any(|ty| ty.starts_with("`[]")) {
            help.push_str("; lists are joined by `list.concat`");
        }
        self.say(wrong.help(help));
    }
}

fn fits(form: &FuncType, types: &[Type], result: &Type) -> bool {
    let mut unifier = Unifier::default();
    let call = FuncType::new(types.iter().cloned(), result.clone());
    let (call, form) = (unifier.instantiate(&call), unifier.instantiate(form));
    unifier.unify(&Type::Func(Arc::new(form)), &Type::Func(Arc::new(call))).is_ok()
}
