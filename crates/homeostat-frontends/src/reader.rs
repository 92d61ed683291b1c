//! What every document of ours is made of: mappings with known keys, texts, parameters and meta parameters.

use std::collections::HashMap;
use std::sync::Arc;

use homeostat_model::{
    Diagnostic, KindName, KindSchema, Meta, ParamSchema, Params, Span, Stage, Type, Value, codes,
};

use crate::Context;
use crate::convert::Converter;
use crate::draft::{Draft, Reference};
use crate::findings::{Findings, listed, quoted, suggesting};
use crate::tree::{At, Shape, Tree};

pub(crate) struct Reader<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) cx: &'a Context<'a>,
    pub(crate) draft: &'a mut Draft,
    pub(crate) findings: &'a mut Findings,
    /// Many resources have the same meta parameters; they share them.
    metas: HashMap<Params, Arc<Meta>>,
}

/// A kind that a document uses.
pub(crate) struct KindInUse<'a> {
    pub(crate) schema: &'a KindSchema,
    pub(crate) name: KindName,
}

/// The parameters of one resource as they are read.
#[derive(Default)]
pub(crate) struct Given {
    entries: Vec<(Arc<str>, Value, Span)>,
    /// By position in the schema: given, well or badly.
    seen: Vec<bool>,
}

impl Given {
    pub(crate) fn start(&mut self, schema: &KindSchema) {
        self.entries.clear();
        self.seen.clear();
        self.seen.resize(schema.params.len(), false);
    }

    /// In the order of their names, with their places in the same order.
    pub(crate) fn take(&mut self) -> (Params, Vec<Span>) {
        self.entries.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
        let spans = self.entries.iter().map(|(.., span)| *span).collect();
        let params = self.entries.drain(..).map(|(name, value, _)| (name, value));
        (params.collect(), spans)
    }

    pub(crate) fn value(&self, param: &str) -> Option<&Value> {
        self.entries.iter().find(|(name, ..)| &**name == param).map(|(_, value, _)| value)
    }

    /// Forgets a parameter; says where it was given.
    pub(crate) fn leave_out(&mut self, param: &str) -> Option<Span> {
        let at = self.entries.iter().position(|(name, ..)| &**name == param)?;
        Some(self.entries.remove(at).2)
    }

    pub(crate) fn received(&mut self, schema: &KindSchema, param: &str) {
        if let Some(at) = schema.params.iter().position(|have| &*have.name == param) {
            self.seen[at] = true;
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        tree: &'a Tree,
        cx: &'a Context<'a>,
        draft: &'a mut Draft,
        findings: &'a mut Findings,
    ) -> Self {
        Self { tree, cx, draft, findings, metas: HashMap::new() }
    }

    pub(crate) fn error(&mut self, code: &'static str, at: At, message: impl Into<String>) {
        let diagnostic = Diagnostic::error(code, Stage::Structure, message);
        self.findings.push(diagnostic.at(self.tree.head(at)));
    }

    /// The values of a mapping's known keys; what is not known, or no mapping, is reported.
    pub(crate) fn fields<const N: usize>(
        &mut self,
        at: At,
        what: &str,
        keys: [&str; N],
    ) -> Option<[Option<At>; N]> {
        if self.tree.shape(at) != Shape::Mapping {
            self.error(codes::WRONG_SHAPE, at, format!("{what} must be a mapping"));
            return None;
        }
        let tree = self.tree;
        let mut values = [None; N];
        for (key, value) in tree.entries(at) {
            match keys.iter().position(|known| *known == tree.text(key)) {
                Some(position) => {
                    values[position].get_or_insert(value);
                }
                None => self.unknown_key(key, what, &keys),
            }
        }
        Some(values)
    }

    fn unknown_key(&mut self, key: At, what: &str, keys: &[&str]) {
        if matches!(self.tree.shape(key), Shape::Sequence | Shape::Mapping) {
            return;
        }
        let text = self.tree.text(key);
        let message = format!("{what} has no key {}", quoted(text));
        let diagnostic = Diagnostic::error(codes::UNKNOWN_KEY, Stage::Structure, message)
            .at(self.tree.span(key))
            .help(format!("its keys are {}", listed(keys.iter().copied())));
        self.findings.push(suggesting(diagnostic, text, keys.iter().copied()));
    }

    /// The items of a list; null is an empty one, and so is what is not there.
    pub(crate) fn list(&mut self, at: Option<At>, what: &str) -> impl Iterator<Item = At> + use<'a> {
        if let Some(at) = at.filter(|at| self.tree.shape(*at) != Shape::Sequence && !self.tree.is_null(*at)) {
            self.error(codes::WRONG_SHAPE, at, format!("{what} must be a list"));
        }
        let tree = self.tree;
        at.into_iter().flat_map(move |at| tree.items(at))
    }

    /// Text that is there and not empty.
    pub(crate) fn text(&mut self, at: At, what: &str) -> Option<&'a str> {
        match self.tree.scalar(at) {
            Some("") => {
                self.error(codes::WRONG_SHAPE, at, format!("{what} cannot be empty"));
                None
            }
            Some(text) => Some(text),
            None => {
                self.error(codes::WRONG_SHAPE, at, format!("{what} must be text"));
                None
            }
        }
    }

    /// One text, or a list of them.
    pub(crate) fn texts(&mut self, at: At, what: &str) -> Vec<&'a str> {
        match self.tree.shape(at) {
            Shape::Sequence => {
                let items: Vec<_> = self.tree.items(at).collect();
                items.into_iter().filter_map(|item| self.text(item, what)).collect()
            }
            _ => self.text(at, what).into_iter().collect(),
        }
    }

    pub(crate) fn flag(&mut self, at: Option<At>, name: &str) -> bool {
        let Some(at) = at.filter(|at| !self.tree.is_null(*at)) else {
            return false;
        };
        matches!(self.convert(at, &Type::Bool, name), Some(Value::Bool(true)))
    }

    pub(crate) fn convert(&mut self, at: At, ty: &Type, param: &str) -> Option<Value> {
        let mut converter = Converter { tree: self.tree, findings: self.findings, param };
        converter.value(at, ty)
    }

    /// The kind of that name; an unknown one is reported.
    pub(crate) fn kind(&mut self, name: &str, at: At) -> Option<KindInUse<'a>> {
        let Some(schema) = self.cx.kinds.schema(name) else {
            let span = self.tree.span(at);
            self.draft.unknown_kind(name, span, self.cx, self.findings);
            return None;
        };
        Some(KindInUse { schema, name: self.draft.kind(name) })
    }

    /// `kind[name]`; the kind in any case.
    pub(crate) fn reference(&mut self, at: At, what: &str) -> Option<Reference> {
        let text = self.text(at, what)?;
        match homeostat_model::ResourceId::parse(text) {
            Ok(id) => Some(self.reference_to(id.kind.as_str(), &id.name, at)),
            Err(_) => {
                let message = format!("{} is not of the form `kind[name]`", quoted(text));
                self.error(codes::INVALID_REFERENCE, at, message);
                None
            }
        }
    }

    pub(crate) fn reference_to(&mut self, kind: &str, name: &str, at: At) -> Reference {
        let kind = if kind.chars().any(char::is_uppercase) {
            self.draft.kind(&kind.to_lowercase())
        } else {
            self.draft.kind(kind)
        };
        Reference { id: homeostat_model::ResourceId { kind, name: name.into() }, span: self.tree.head(at) }
    }

    /// Reads one parameter of a resource. False when the kind has none of that name, which is not reported yet.
    pub(crate) fn param(&mut self, kind: &KindInUse<'_>, key: At, value: At, given: &mut Given) -> bool {
        let text = self.tree.text(key);
        let Some(position) = kind.schema.params.iter().position(|param| &*param.name == text) else {
            return false;
        };
        let ParamSchema { name, ty, .. } = &kind.schema.params[position];
        if self.tree.is_null(value) || self.is_unset_choice(value, ty) {
            return true;
        }
        given.seen[position] = true;
        if let Some(value_read) = self.convert(value, ty, name) {
            given.entries.push((name.clone(), value_read, self.tree.span(value)));
        }
        true
    }

    /// Files of 2016 write the empty text for a choice that is not made.
    fn is_unset_choice(&self, value: At, ty: &Type) -> bool {
        matches!(ty, Type::Choice(texts) if texts.iter().all(|text| !text.is_empty()))
            && self.tree.scalar(value) == Some("")
    }

    pub(crate) fn unknown_param(&mut self, kind: &KindInUse<'_>, key: At, others: &[&str]) {
        if matches!(self.tree.shape(key), Shape::Sequence | Shape::Mapping) {
            return;
        }
        let text = self.tree.text(key);
        let message = format!("`{}` has no parameter {}", kind.name, quoted(text));
        let diagnostic =
            Diagnostic::error(codes::UNKNOWN_PARAM, Stage::Structure, message).at(self.tree.span(key));
        let names = kind.schema.params.iter().map(|param| &*param.name);
        let diagnostic = suggesting(diagnostic, text, names.chain(others.iter().copied()));
        self.findings.push(diagnostic);
    }

    pub(crate) fn missing_params(&mut self, kind: &KindInUse<'_>, given: &Given, id: &str, place: Span) {
        let missing =
            kind.schema.params.iter().zip(&given.seen).filter(|(param, seen)| param.required && !**seen);
        for (param, _) in missing {
            let message = format!("`{id}` lacks the parameter `{}`", param.name);
            let diagnostic = Diagnostic::error(codes::MISSING_PARAM, Stage::Type, message).at(place);
            self.findings.push(diagnostic.help(format!("it is of type {}", param.ty.describe())));
        }
    }

    /// The meta parameters of a mapping, with others given elsewhere that they override.
    pub(crate) fn meta(&mut self, at: Option<At>, defaults: &[(&str, Value)]) -> Arc<Meta> {
        let mut params: Params = defaults.iter().map(|(name, value)| (*name, value.clone())).collect();
        let at = at.filter(|at| !self.tree.is_null(*at));
        if let Some(at) = at {
            self.meta_params(at, &mut params);
        }
        if params.is_empty() {
            return Meta::shared_default();
        }
        if let Some(shared) = self.metas.get(&params) {
            return shared.clone();
        }
        let meta = match Meta::parse(&params) {
            Ok(meta) if meta == Meta::default() => Meta::shared_default(),
            Ok(meta) => Arc::new(meta),
            Err(errors) => {
                for error in errors {
                    self.meta_error(at, error.param, &error.message);
                }
                return Meta::shared_default();
            }
        };
        self.metas.insert(params, meta.clone());
        meta
    }

    fn meta_params(&mut self, at: At, params: &mut Params) {
        if self.tree.shape(at) != Shape::Mapping {
            self.error(codes::WRONG_SHAPE, at, "`meta` must be a mapping");
            return;
        }
        let tree = self.tree;
        for (key, value) in tree.entries(at) {
            let text = tree.text(key);
            let Some(schema) = Meta::schema().iter().find(|param| &*param.name == text) else {
                self.unknown_meta(key);
                continue;
            };
            if tree.is_null(value) {
                continue;
            }
            if let Some(value) = self.convert(value, &schema.ty, &schema.name) {
                params.set(schema.name.clone(), value);
            }
        }
    }

    fn unknown_meta(&mut self, key: At) {
        if matches!(self.tree.shape(key), Shape::Sequence | Shape::Mapping) {
            return;
        }
        let text = self.tree.text(key);
        let message = format!("there is no meta parameter {}", quoted(text));
        let diagnostic =
            Diagnostic::error(codes::UNKNOWN_META, Stage::Structure, message).at(self.tree.span(key));
        let names = Meta::schema().iter().map(|param| &*param.name);
        self.findings.push(suggesting(diagnostic, text, names));
    }

    fn meta_error(&mut self, at: Option<At>, param: Option<&str>, message: &str) {
        let key = at.and_then(|at| {
            let mut entries = self.tree.entries(at);
            entries.find(|(key, _)| Some(self.tree.text(*key)) == param).map(|(key, _)| key)
        });
        let message = match param {
            Some(param) => format!("meta parameter `{param}`: {message}"),
            None => message.to_owned(),
        };
        let span = key.or(at).map(|at| self.tree.span(at));
        self.findings.push(Diagnostic::error(codes::INVALID_META, Stage::Type, message).at(span));
    }
}
