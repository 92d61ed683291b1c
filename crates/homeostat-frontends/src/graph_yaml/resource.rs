//! One resource of a document: its name, parameters, meta parameters, inline edges and what it receives.

use homeostat_model::{Diagnostic, Meta, ResourceDecl, ResourceId, Span, Stage, Type, Value, codes};

use super::{Document, legacy};
use crate::draft::{PendingEdge, PendingSend, Reference};
use crate::findings::{quoted, suggesting};
use crate::reader::KindInUse;
use crate::tree::{At, Shape};

/// The keys of a resource that are not its parameters.
pub(crate) const RESOURCE_KEYS: [&str; 7] = ["name", "meta", "recv", "before", "depend", "notify", "listen"];

/// Keys that are not parameters, as they were found.
#[derive(Default)]
struct Extras {
    name: Option<At>,
    meta: Option<At>,
    recv: Option<At>,
    before: Option<At>,
    depend: Option<At>,
    notify: Option<At>,
    listen: Option<At>,
    /// Meta parameters that were given under their names of old.
    meta_of_old: Vec<(&'static str, Value)>,
}

impl<'a> Document<'a, '_> {
    pub(super) fn resource(&mut self, kind: &KindInUse<'_>, at: At) {
        if self.reader.findings.is_full() {
            return;
        }
        let tree = self.reader.tree;
        if tree.shape(at) != Shape::Mapping {
            let message = format!("a resource of `{}` must be a mapping", kind.name);
            self.reader.error(codes::WRONG_SHAPE, at, message);
            return;
        }
        self.given.start(kind.schema);
        let extras = self.entries(kind, at);
        let meta = self.reader.meta(extras.meta, &extras.meta_of_old);
        let origin = self.origin(at, extras.name);
        let Some((name, is_exported)) = self.name(origin, extras.name, &meta) else {
            return;
        };
        let id = ResourceId { kind: kind.name.clone(), name: name.into() };
        self.references(kind, &id, origin, &extras);
        if !meta.hidden {
            self.reader.missing_params(kind, &self.given, &id.to_string(), origin);
        }
        self.leave_out_idle_content(kind);
        let (params, param_spans) = self.given.take();
        let resource =
            ResourceDecl { meta, origin: Some(origin), param_spans, ..ResourceDecl::new(id, params) };
        let (draft, findings) = (&mut *self.reader.draft, &mut *self.reader.findings);
        if is_exported {
            draft.offer(&resource, Some(origin), findings);
        } else {
            draft.declare(resource, Some(origin), findings);
        }
    }

    /// From the start of the resource to the end of its name, when that comes first; else its first key.
    fn origin(&self, at: At, name: Option<At>) -> Span {
        let tree = self.reader.tree;
        let whole = tree.span(at);
        let first = tree.entries(at).next();
        match (first, name) {
            (Some((_, value)), Some(name)) if value == name && tree.span(name).start >= whole.start => {
                Span { end: tree.span(name).end, ..whole }
            }
            (Some((key, _)), _) => tree.span(key),
            (None, _) => whole,
        }
    }

    fn entries(&mut self, kind: &KindInUse<'_>, at: At) -> Extras {
        let tree = self.reader.tree;
        let mut extras = Extras::default();
        for (key, value) in tree.entries(at) {
            let slot = match tree.text(key) {
                "name" => &mut extras.name,
                "meta" => &mut extras.meta,
                "recv" => &mut extras.recv,
                "before" => &mut extras.before,
                "depend" => &mut extras.depend,
                "notify" => &mut extras.notify,
                "listen" => &mut extras.listen,
                _ => {
                    if !self.reader.param(kind, key, value, &mut self.given) {
                        self.other_key(kind, key, value, &mut extras);
                    }
                    continue;
                }
            };
            slot.get_or_insert(value);
        }
        extras
    }

    /// What a file would hold that should not be there: it is refused everywhere but in the texts of old.
    fn leave_out_idle_content(&mut self, kind: &KindInUse<'_>) {
        let absent = Value::Str("absent".into());
        if kind.schema.kind != "file" || self.given.value("state") != Some(&absent) {
            return;
        }
        if let Some(span) = self.given.leave_out("content") {
            self.legacy.idle_content(span);
        }
    }

    fn other_key(&mut self, kind: &KindInUse<'_>, key: At, value: At, extras: &mut Extras) {
        let tree = self.reader.tree;
        let Some(old) = legacy::param_of_old(kind.schema, tree.text(key)) else {
            self.reader.unknown_param(kind, key, &RESOURCE_KEYS);
            return;
        };
        self.legacy.seen(old, tree.span(key));
        let now = legacy::NOW_META.iter().find(|(name, _)| *name == old);
        let Some((_, now)) = now.filter(|_| !tree.is_null(value)) else {
            return;
        };
        let seconds = Type::Int { min: 0, max: u32::MAX.into() };
        match self.reader.convert(value, &seconds, old) {
            None | Some(Value::Int(0)) => {}
            Some(seconds) => extras.meta_of_old.push((now, seconds)),
        }
    }

    /// The name, without the sign that it is for export.
    fn name(&mut self, origin: Span, at: Option<At>, meta: &Meta) -> Option<(&'a str, bool)> {
        let tree = self.reader.tree;
        let Some(at) = at else {
            let diagnostic =
                Diagnostic::error(codes::MISSING_KEY, Stage::Structure, "the resource has no `name`");
            self.reader.findings.push(diagnostic.at(origin));
            return None;
        };
        let Some(whole) = tree.scalar(at) else {
            let (code, message) = match tree.is_null(at) {
                true => (codes::INVALID_NAME, "the name of a resource cannot be empty"),
                false => (codes::WRONG_SHAPE, "the name of a resource must be text"),
            };
            self.reader.error(code, at, message);
            return None;
        };
        let (name, is_exported) = match whole.strip_prefix("@@") {
            Some(name) => (name, true),
            None => (whole, false),
        };
        if name.is_empty() {
            self.reader.error(codes::INVALID_NAME, at, "the name of a resource cannot be empty");
            return None;
        }
        if name.starts_with('$') && !meta.dollar {
            let message = format!("the name {} begins with `$`", quoted(name));
            let diagnostic = Diagnostic::error(codes::INVALID_NAME, Stage::Structure, message)
                .at(tree.span(at))
                .help("set `dollar: true` in `meta` if that is meant");
            // The resource is kept, so that what refers to it is not reported too.
            self.reader.findings.push(diagnostic);
        }
        Some((name, is_exported))
    }

    fn references(&mut self, kind: &KindInUse<'_>, id: &ResourceId, origin: Span, extras: &Extras) {
        // Those that notify come last: of two edges between the same ends the later one stays.
        self.inline_edges(id, origin, extras.before, "before");
        self.inline_edges(id, origin, extras.depend, "depend");
        self.inline_edges(id, origin, extras.notify, "notify");
        self.inline_edges(id, origin, extras.listen, "listen");
        let Some(recv) = extras.recv.filter(|at| !self.reader.tree.is_null(*at)) else {
            return;
        };
        if self.reader.tree.shape(recv) != Shape::Mapping {
            let message = "`recv` must be a mapping of parameters to what they receive";
            self.reader.error(codes::WRONG_SHAPE, recv, message);
            return;
        }
        if !kind.schema.receives {
            let message = format!("`{}` does not take received values", kind.name);
            self.reader.error(codes::CANNOT_RECEIVE, recv, message);
            return;
        }
        let to = Reference { id: id.clone(), span: origin };
        for (param, source) in self.reader.tree.entries(recv) {
            self.receive(kind, &to, param, source);
        }
    }

    fn inline_edges(&mut self, id: &ResourceId, origin: Span, at: Option<At>, key: &str) {
        let tree = self.reader.tree;
        let Some(at) = at.filter(|at| !tree.is_null(*at)) else {
            return;
        };
        let ends: Vec<At> = match tree.shape(at) {
            Shape::Sequence => tree.items(at).collect(),
            Shape::Plain | Shape::Quoted | Shape::Mapping => vec![at],
        };
        let own = Reference { id: id.clone(), span: origin };
        for end in ends {
            let Some(other) = self.reader.reference(end, &format!("`{key}`")) else {
                continue;
            };
            let place = other.span;
            let (from, to) = match key {
                "before" | "notify" => (own.clone(), other),
                _ => (other, own.clone()),
            };
            self.reader.draft.add_edge(PendingEdge {
                from,
                to,
                notify: matches!(key, "notify" | "listen"),
                label: None,
                origin: place,
            });
        }
    }

    fn receive(&mut self, kind: &KindInUse<'_>, to: &Reference, param: At, source: At) {
        let tree = self.reader.tree;
        let Some(schema) = kind.schema.param(tree.text(param)) else {
            self.reader.unknown_param(kind, param, &[]);
            return;
        };
        self.given.received(kind.schema, &schema.name);
        let Some([sender_kind, name, key]) =
            self.reader.fields(source, "a received value", ["kind", "name", "key"])
        else {
            return;
        };
        let from = self.kind_and_name(source, sender_kind, name, "the received value");
        let Some(key) = key else {
            let message = "the received value has no `key`";
            self.reader.error(codes::MISSING_KEY, source, message);
            return;
        };
        let (Some(from), Some(key_text)) = (from, self.reader.text(key, "`key`")) else {
            return;
        };
        if !self.can_send(&from, key, key_text) {
            return;
        }
        self.reader.draft.add_send(PendingSend {
            from,
            key: key_text.into(),
            to: to.clone(),
            param: schema.name.clone(),
            origin: tree.head(source),
        });
    }

    fn can_send(&mut self, from: &Reference, key: At, key_text: &str) -> bool {
        let kind = &from.id.kind;
        let Some(sender) = self.reader.cx.kinds.schema(kind.as_str()) else {
            self.reader.draft.unknown_kind(kind.as_str(), from.span, self.reader.cx, self.reader.findings);
            return false;
        };
        if sender.outputs.iter().any(|output| output.key == key_text) {
            return true;
        }
        let message = match sender.outputs.is_empty() {
            true => format!("`{kind}` sends no values"),
            false => format!("`{kind}` sends no value {}", quoted(key_text)),
        };
        let diagnostic =
            Diagnostic::error(codes::CANNOT_SEND, Stage::Structure, message).at(self.reader.tree.span(key));
        let keys = sender.outputs.iter().map(|output| output.key);
        self.reader.findings.push(suggesting(diagnostic, key_text, keys));
        false
    }
}
