//! The types of what resources are given.

use homeostat_model::schema::{self, ParamSchema};
use homeostat_model::suggest::did_you_mean;
use homeostat_model::{Diagnostic, Meta, Span, Stage, codes};

use super::constant::NameForm;
use super::context::{At, Because, Infer};
use super::deferred::What;
use crate::ast::{ExprId, ExprKind, Field, LineKind, Name, Piece, Resource, ResourceRef};
use crate::types::{self, Type};

impl Infer<'_> {
    /// A resource; what collects them has a name of another form.
    pub(super) fn resource(&mut self, at: At, resource: &Resource, is_collect: bool) {
        let kinds = self.kinds;
        let schema = kinds.schema(&resource.kind.text);
        if schema.is_none() && resource.fields().next().is_some() {
            self.unknown_kind(&resource.kind);
        }
        for line in &resource.lines {
            match &line.kind {
                LineKind::Field(field) => match schema {
                    Some(schema) => self.field(at, field, &schema.params, (&resource.kind, line.span)),
                    None => drop(self.expr(at, field.value)),
                },
                LineKind::Meta(field) => self.meta(at, field, line.span),
                LineKind::MetaStruct(value) => self.meta_struct(at, *value, line.span),
                LineKind::Edge(_, other) => self.name(at, other.name, other.span),
            }
            if let Some(condition) = line.condition {
                self.check(at, condition, &Type::Bool, &Because::NOTHING);
            }
        }
        let span = self.span(at.file, resource.name);
        match is_collect {
            false => self.name(at, resource.name, Span { start: resource.kind.span.start, ..span }),
            true => {
                let ty = self.expr(at, resource.name);
                self.later(at, What::Collected(ty), span);
            }
        }
    }

    fn unknown_kind(&mut self, kind: &Name) {
        let message = format!("there is no kind `{}`", kind.text);
        let mut unknown = Diagnostic::error(codes::UNKNOWN_KIND, Stage::Type, message).at(kind.span);
        let close = did_you_mean(&kind.text, self.kinds.names());
        let close = close.map(|close| format!("did you mean `{close}`?"));
        unknown.help = close.or_else(|| Some("`homeostat doc` lists the kinds".into()));
        self.say(unknown);
    }

    fn field(&mut self, at: At, field: &Field, params: &[ParamSchema], (kind, line): (&Name, Span)) {
        let Some(param) = params.iter().find(|param| param.name == field.name.text) else {
            self.expr(at, field.value);
            let message = format!("`{}` has no parameter `{}`", kind.text, field.name.text);
            let mut unknown =
                Diagnostic::error(codes::UNKNOWN_PARAM, Stage::Type, message).at(field.name.span);
            let names = params.iter().map(|param| &*param.name);
            unknown.help = did_you_mean(&field.name.text, names)
                .map(|close| format!("did you mean `{close}`?"))
                .or_else(|| not_a_parameter(&field.name.text, params))
                .or_else(|| Some(format!("`homeostat doc {}` lists its parameters", kind.text)));
            self.say(unknown);
            return;
        };
        let what = format!("`{}` of `{}`", param.name, kind.text);
        self.given(at, field, &param.ty, what, line);
    }

    /// A value for a parameter.
    fn given(&mut self, at: At, field: &Field, wanted: &schema::Type, what: String, _line: Span) {
        let wanted = types::accepts(wanted, &mut || self.unifier.fresh());
        let because = Because::of(field.name.span, format!("{what} is `{}`", self.shown(&wanted)));
        self.check(at, field.value, &wanted, &because);
    }

    fn meta(&mut self, at: At, field: &Field, line: Span) {
        match Meta::schema().iter().find(|param| param.name == field.name.text) {
            Some(param) => self.given(at, field, &param.ty, format!("`Meta:{}`", param.name), line),
            // That it is unknown was said when the text was read.
            None => drop(self.expr(at, field.value)),
        }
    }

    fn meta_struct(&mut self, at: At, value: ExprId, line: Span) {
        let found = self.expr(at, value);
        let place = self.span(at.file, value);
        let fields = match self.unifier.resolve(&found) {
            Type::Struct(fields) => fields,
            Type::Var(_) => {
                let all = Meta::schema().iter().map(|param| (param.name.clone(), param.ty.clone()));
                let all = schema::Type::Struct(all.collect());
                let wanted = types::accepts(&all, &mut || self.unifier.fresh());
                self.unify(&wanted, &found, place, &Because::NOTHING);
                return;
            }
            other => {
                let message = format!("`Meta` is a struct, and this is `{}`", self.shown(&other));
                let wrong = self.wrong(message, place);
                self.say(wrong);
                return;
            }
        };
        for field in fields.iter() {
            let Some(param) = Meta::schema().iter().find(|param| param.name == field.name) else {
                let message = format!("there is no meta parameter `{}`", field.name);
                let mut unknown = Diagnostic::error(codes::UNKNOWN_META, Stage::Type, message).at(line);
                let names = Meta::schema().iter().map(|param| &*param.name);
                unknown.help =
                    did_you_mean(&field.name, names).map(|close| format!("did you mean `{close}`?"));
                self.say(unknown);
                continue;
            };
            let wanted = types::accepts(&param.ty, &mut || self.unifier.fresh());
            let because =
                Because::of(line, format!("`{}` of `Meta` is `{}`", field.name, self.shown(&wanted)));
            self.unify(&wanted, &field.ty, place, &because);
        }
    }

    /// The name of resources: a `str` where that can be told from the text, and else a list.
    pub(super) fn name(&mut self, at: At, name: ExprId, span: Span) {
        if let ExprKind::Interpolated(pieces) = self.kind(at.file, name)
            && let [Piece::Variable(variable)] = &**pieces
        {
            // The text is what the variable says, so it is as if that were the name.
            let found = self.expr(at, *variable);
            let shown = self.shown(&found);
            let because = Because::of(
                self.span(at.file, name),
                format!("this is one `str`, and the variable is `{shown}`"),
            );
            self.unify(&Type::Str, &found, span, &because);
            return;
        }
        let found = self.expr(at, name);
        match self.name_form(at.file, name) {
            NameForm::Text => drop(self.unify(&Type::Str, &found, span, &Because::NOTHING)),
            NameForm::Param => self.later(at, What::Name(found), span),
            NameForm::Computed => {
                if self.unifier.shallow(&found) == Type::Str {
                    let message = "a name that is computed is a list of names";
                    let place = self.span(at.file, name);
                    let wrong = self.wrong(message, span).label(place, "this is one `str`");
                    self.say(wrong.help("put it into brackets: `[…]`; or into a string: `\"${…}\"`"));
                    return;
                }
                self.unify(&Type::list(Type::Str), &found, span, &Because::NOTHING);
            }
        }
    }

    pub(super) fn send(
        &mut self,
        (from, key): (&ResourceRef, &Name),
        (to, param): (&ResourceRef, &Name),
        span: Span,
    ) {
        let kinds = self.kinds;
        let (Some(sender), Some(receiver)) = (kinds.schema(&from.kind.text), kinds.schema(&to.kind.text))
        else {
            for end in [from, to] {
                if kinds.schema(&end.kind.text).is_none() {
                    self.unknown_kind(&end.kind);
                }
            }
            return;
        };
        let wrong = |code, message: String| Diagnostic::error(code, Stage::Type, message).at(span);
        if sender.outputs.is_empty() {
            let message = format!("`{}` sends nothing", sender.kind);
            return self.say(wrong(codes::CANNOT_SEND, message));
        }
        if !receiver.receives {
            let message = format!("`{}` receives nothing", receiver.kind);
            return self.say(wrong(codes::CANNOT_RECEIVE, message));
        }
        let output = sender.outputs.iter().find(|output| *output.key == *key.text);
        let input = receiver.params.iter().find(|known| known.name == param.text);
        match (output, input) {
            (None, _) => {
                let message = format!("`{}` does not send `{}`", sender.kind, key.text);
                let mut unknown = wrong(codes::CANNOT_SEND, message);
                let close = did_you_mean(&key.text, sender.outputs.iter().map(|output| output.key));
                unknown.help = close.map(|close| format!("did you mean `{close}`?"));
                self.say(unknown);
            }
            (_, None) => {
                let message = format!("`{}` has no parameter `{}`", receiver.kind, param.text);
                let mut unknown = wrong(codes::UNKNOWN_PARAM, message);
                let close = did_you_mean(&param.text, receiver.params.iter().map(|known| &*known.name));
                unknown.help = close.map(|close| format!("did you mean `{close}`?"));
                self.say(unknown);
            }
            (Some(output), Some(input)) => {
                let sent = types::accepts(&output.ty, &mut || self.unifier.fresh());
                let wanted = types::accepts(&input.ty, &mut || self.unifier.fresh());
                let because =
                    Because::of(param.span, format!("`{}` is `{}`", param.text, self.shown(&wanted)));
                self.unify(&wanted, &sent, span, &because);
            }
        }
    }
}

/// What every resource can say in another way.
fn not_a_parameter(name: &str, params: &[ParamSchema]) -> Option<String> {
    const EDGES: [&str; 4] = ["Before", "Depend", "Listen", "Notify"];
    const ELSEWHERE: [(&str, &str); 3] = [("ensure", "state"), ("command", "cmd"), ("target", "source")];
    if ["count", "for_each", "loop", "with_items"].contains(&name) {
        return Some("several are declared by a list of names, or in a `for`".to_owned());
    }
    let here = ELSEWHERE.iter().find(|(there, _)| *there == name).map(|(_, here)| *here);
    if let Some(here) = here.filter(|here| params.iter().any(|param| *param.name == **here)) {
        return Some(format!("it is called `{here}` here"));
    }
    if Meta::schema().iter().any(|param| *param.name == *name) {
        return Some(format!("it is a meta parameter: `Meta:{name} => …`"));
    }
    let edge = EDGES.iter().find(|edge| edge.eq_ignore_ascii_case(name))?;
    Some(format!("an edge is written `{edge} => Kind[\"name\"]`"))
}
