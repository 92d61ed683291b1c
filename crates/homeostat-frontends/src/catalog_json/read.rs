//! JSON becomes a catalog again, through the same tree and the same schemas as graph YAML.

use homeostat_model::catalog::{CollectDecl, ExportDecl};
use homeostat_model::{Diagnostic, ResourceDecl, ResourceId, Span, Stage, codes};

use crate::Context;
use crate::draft::{Draft, PendingEdge, PendingSend, Reference};
use crate::findings::{Findings, quoted, suggesting};
use crate::reader::{Given, KindInUse, Reader};
use crate::tree::{At, Shape, Tree};

pub(crate) fn read(tree: &Tree, cx: &Context<'_>, draft: &mut Draft, findings: &mut Findings) {
    let Some(root) = tree.roots().next() else {
        return;
    };
    let mut file = File { reader: Reader::new(tree, cx, draft, findings), given: Given::default() };
    file.read(root);
}

struct File<'a> {
    reader: Reader<'a>,
    given: Given,
}

impl<'a> File<'a> {
    fn read(&mut self, root: At) {
        let keys = ["graph", "resources", "edges", "sends", "exports", "collects"];
        let Some([graph, resources, edges, sends, exports, collects]) =
            self.reader.fields(root, "a catalog", keys)
        else {
            return;
        };
        if let Some(name) = graph.and_then(|graph| self.reader.text(graph, "`graph`")) {
            self.reader.draft.set_name(name);
        }
        if resources.is_none() {
            self.missing(root, "a catalog", "resources");
        }
        for item in self.reader.list(resources, "`resources`") {
            self.resource(item, false);
        }
        for item in self.reader.list(exports, "`exports`") {
            self.resource(item, true);
        }
        for item in self.reader.list(collects, "`collects`") {
            self.collect(item);
        }
        for item in self.reader.list(edges, "`edges`") {
            self.edge(item);
        }
        for item in self.reader.list(sends, "`sends`") {
            self.send(item);
        }
    }

    fn missing(&mut self, at: At, what: &str, key: &str) {
        let span = self.reader.tree.span(at);
        let place = Span { end: span.start.saturating_add(1).min(span.end), ..span };
        let diagnostic =
            Diagnostic::error(codes::MISSING_KEY, Stage::Structure, format!("{what} has no `{key}`"));
        self.reader.findings.push(diagnostic.at(place));
    }

    /// The text of a key that must be there.
    fn required(&mut self, at: At, value: Option<At>, what: &str, key: &str) -> Option<&'a str> {
        match value {
            Some(value) => self.reader.text(value, &format!("`{key}` of {what}")),
            None => {
                self.missing(at, what, key);
                None
            }
        }
    }

    fn resource(&mut self, at: At, is_export: bool) {
        if self.reader.findings.is_full() {
            return;
        }
        let keys = ["kind", "name", "params", "meta", "origin", "hosts"];
        let Some([kind_at, name_at, params, meta, _origin, hosts]) =
            self.reader.fields(at, "a resource", keys)
        else {
            return;
        };
        let name = self.required(at, name_at, "a resource", "name");
        let kind = self.required(at, kind_at, "a resource", "kind");
        let (Some(kind), Some(kind_at), Some(name)) = (kind, kind_at, name) else {
            return;
        };
        let Some(kind) = self.reader.kind(kind, kind_at) else {
            return;
        };
        let tree = self.reader.tree;
        self.params(&kind, params);
        let meta = self.reader.meta(meta, &[]);
        let origin = name_at.map_or(tree.span(at), |name| tree.span(name));
        let hosts = hosts.map_or_else(Vec::new, |hosts| self.reader.texts(hosts, "a host"));
        let id = ResourceId { kind: kind.name.clone(), name: name.into() };
        // Which parameters are received is not known before the end, so a missing one is for the kind to report.
        let (params, param_spans) = self.given.take();
        let resource =
            ResourceDecl { meta, origin: Some(origin), param_spans, ..ResourceDecl::new(id, params) };
        let (draft, findings) = (&mut *self.reader.draft, &mut *self.reader.findings);
        if is_export {
            let hosts = hosts.into_iter().map(Into::into).collect();
            draft.add_export(ExportDecl { resource, hosts }, Some(origin), findings);
        } else {
            draft.add(resource, Some(origin), findings);
        }
    }

    /// Reads parameters of a kind into `given`.
    fn params(&mut self, kind: &KindInUse<'a>, params: Option<At>) {
        let tree = self.reader.tree;
        self.given.start(kind.schema);
        match params.filter(|params| !tree.is_null(*params)) {
            Some(params) if tree.shape(params) == Shape::Mapping => {
                for (key, value) in tree.entries(params) {
                    if !self.reader.param(kind, key, value, &mut self.given) {
                        self.reader.unknown_param(kind, key, &[]);
                    }
                }
            }
            Some(params) => self.reader.error(codes::WRONG_SHAPE, params, "`params` must be a mapping"),
            None => {}
        }
    }

    fn end(&mut self, at: At, end: Option<At>, what: &str, key: &str) -> Option<Reference> {
        match end {
            Some(end) => self.reader.reference(end, &format!("`{key}`")),
            None => {
                self.missing(at, what, key);
                None
            }
        }
    }

    fn edge(&mut self, at: At) {
        if self.reader.findings.is_full() {
            return;
        }
        let Some([from, to, notify, auto, name]) =
            self.reader.fields(at, "an edge", ["from", "to", "notify", "auto", "name"])
        else {
            return;
        };
        let notify = self.reader.flag(notify, "notify");
        if self.reader.flag(auto, "auto") {
            return;
        }
        let label = name.and_then(|name| self.reader.text(name, "the name of an edge"));
        let from = self.end(at, from, "an edge", "from");
        let to = self.end(at, to, "an edge", "to");
        if let (Some(from), Some(to)) = (from, to) {
            self.reader.draft.add_edge(PendingEdge {
                from,
                to,
                notify,
                label: label.map(Into::into),
                origin: self.reader.tree.head(at),
            });
        }
    }

    fn send(&mut self, at: At) {
        if self.reader.findings.is_full() {
            return;
        }
        let Some([from, key, to, param]) = self.reader.fields(at, "a send", ["from", "key", "to", "param"])
        else {
            return;
        };
        let from = self.end(at, from, "a send", "from");
        let to = self.end(at, to, "a send", "to");
        let key_text = self.required(at, key, "a send", "key");
        let param_text = self.required(at, param, "a send", "param");
        let (Some(from), Some(to), Some(key_text), Some(param_text)) = (from, to, key_text, param_text)
        else {
            return;
        };
        if !(self.sends(&from, key_text) & self.receives(&to, param_text)) {
            return;
        }
        self.reader.draft.add_send(PendingSend {
            from,
            key: key_text.into(),
            to,
            param: param_text.into(),
            origin: self.reader.tree.head(at),
        });
    }

    fn sends(&mut self, from: &Reference, key: &str) -> bool {
        let kind = from.id.kind.as_str();
        let Some(schema) = self.reader.cx.kinds.schema(kind) else {
            let (cx, findings) = (self.reader.cx, &mut *self.reader.findings);
            self.reader.draft.unknown_kind(kind, from.span, cx, findings);
            return false;
        };
        let keys = schema.outputs.iter().map(|output| output.key);
        if keys.clone().any(|have| have == key) {
            return true;
        }
        let message = format!("`{kind}` sends no value {}", quoted(key));
        let diagnostic = Diagnostic::error(codes::CANNOT_SEND, Stage::Structure, message).at(from.span);
        self.reader.findings.push(suggesting(diagnostic, key, keys));
        false
    }

    fn receives(&mut self, to: &Reference, param: &str) -> bool {
        let kind = to.id.kind.as_str();
        let Some(schema) = self.reader.cx.kinds.schema(kind) else {
            let (cx, findings) = (self.reader.cx, &mut *self.reader.findings);
            self.reader.draft.unknown_kind(kind, to.span, cx, findings);
            return false;
        };
        let diagnostic = if !schema.receives {
            let message = format!("`{kind}` does not take received values");
            Diagnostic::error(codes::CANNOT_RECEIVE, Stage::Structure, message)
        } else if schema.param(param).is_none() {
            let message = format!("`{kind}` has no parameter {}", quoted(param));
            let names = schema.params.iter().map(|param| &*param.name);
            suggesting(Diagnostic::error(codes::UNKNOWN_PARAM, Stage::Structure, message), param, names)
        } else {
            return true;
        };
        self.reader.findings.push(diagnostic.at(to.span));
        false
    }

    fn collect(&mut self, at: At) {
        if self.reader.findings.is_full() {
            return;
        }
        let keys = ["kind", "name", "pattern", "from", "params", "meta"];
        let Some([kind_at, name, pattern, from, params, meta]) = self.reader.fields(at, "a collect", keys)
        else {
            return;
        };
        let kind = self.required(at, kind_at, "a collect", "kind");
        let (Some(kind), Some(kind_at)) = (kind, kind_at) else {
            return;
        };
        let Some(kind) = self.reader.kind(kind, kind_at) else {
            return;
        };
        let tree = self.reader.tree;
        let pattern = pattern
            .filter(|pattern| !tree.is_null(*pattern))
            .and_then(|pattern| self.reader.text(pattern, "`pattern`"));
        let from = from.map_or_else(Vec::new, |from| self.reader.texts(from, "a host"));
        let name = name.filter(|name| !tree.is_null(*name)).and_then(|name| self.reader.text(name, "`name`"));
        self.params(&kind, params);
        let meta = self.reader.meta(meta, &[]);
        let collect = CollectDecl {
            name: name.map(Into::into),
            pattern: pattern.map(Into::into),
            from: from.into_iter().map(Into::into).collect(),
            params: self.given.take().0,
            meta: meta.to_params(),
            origin: Some(tree.head(at)),
            ..CollectDecl::of_kind(kind.name)
        };
        self.reader.findings.extend(crate::collect::check(&collect));
        self.reader.draft.add_collect(collect);
    }
}
