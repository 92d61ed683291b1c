//! Graph YAML: resources by kind, edges between them, what to collect. Several documents in a file are one catalog.

mod legacy;
mod resource;

use homeostat_model::catalog::CollectDecl;
use homeostat_model::{Diagnostic, Stage, codes, hosts};

use crate::Context;
use crate::draft::{Draft, PendingEdge, Reference};
use crate::findings::{Findings, quoted};
use crate::reader::{Given, Reader};
use crate::tree::{At, Shape, Tree};
use legacy::Legacy;
pub(crate) use legacy::params_of_old;

/// The keys of a document.
pub(crate) const DOCUMENT_KEYS: [&str; 7] =
    ["graph", "resources", "edges", "collect", "comment", "remote", "hosts"];

pub(crate) fn read(tree: &Tree, cx: &Context<'_>, draft: &mut Draft, findings: &mut Findings) {
    let mut legacy = Legacy::default();
    let documents = tree.roots().filter(|root| !tree.is_null(*root));
    for (position, root) in documents.enumerate() {
        // A document for other hosts is looked at all the same: what is wrong with it is wrong here, too.
        let mut beside = draft.beside();
        let is_ours = selects(tree, root, cx.hostname);
        let target = if is_ours { &mut *draft } else { &mut beside };
        let mut document = Document {
            reader: Reader::new(tree, cx, target, findings),
            legacy: &mut legacy,
            given: Given::default(),
        };
        document.read(root, position == 0);
        if !is_ours {
            draft.drop_beside(beside);
        }
    }
    findings.extend(legacy.notes());
}

fn selects(tree: &Tree, root: At, hostname: &str) -> bool {
    let Some(list) = tree.get(root, "hosts").filter(|list| !tree.is_null(*list)) else {
        return true;
    };
    let matches = |pattern: At| hosts::matches(tree.text(pattern), hostname);
    match tree.shape(list) {
        Shape::Plain | Shape::Quoted => matches(list),
        Shape::Sequence | Shape::Mapping => tree.items(list).any(matches),
    }
}

struct Document<'a, 'l> {
    reader: Reader<'a>,
    legacy: &'l mut Legacy,
    given: Given,
}

impl<'a> Document<'a, '_> {
    fn read(&mut self, root: At, is_first: bool) {
        let Some(values) = self.reader.fields(root, "a graph", DOCUMENT_KEYS) else {
            return;
        };
        let [graph, resources, edges, collect, _comment, remote, hosts] = values;
        self.graph(root, graph, is_first);
        if let Some(remote) = remote {
            self.legacy.seen("remote", self.reader.tree.span(remote));
        }
        if let Some(hosts) = hosts.filter(|at| !self.reader.tree.is_null(*at)) {
            self.hosts(root, hosts);
        }
        if let Some(resources) = resources {
            self.resources(resources);
        }
        for edge in self.reader.list(edges, "`edges`") {
            self.edge(edge);
        }
        for item in self.reader.list(collect, "`collect`") {
            self.collect(item);
        }
    }

    fn graph(&mut self, root: At, graph: Option<At>, is_first: bool) {
        match graph {
            Some(graph) => {
                if let Some(name) = self.reader.text(graph, "the name of the graph") {
                    self.reader.draft.set_name(name);
                }
            }
            None if is_first => {
                let tree = self.reader.tree;
                let place = tree.entries(root).next().map_or(root, |(key, _)| key);
                let diagnostic =
                    Diagnostic::error(codes::MISSING_KEY, Stage::Structure, "the graph has no name")
                        .at(tree.span(place))
                        .help("begin with `graph: NAME`");
                self.reader.findings.push(diagnostic);
            }
            None => {}
        }
    }

    fn hosts(&mut self, root: At, hosts: At) {
        self.reader.texts(hosts, "a host");
        let hostname = self.reader.cx.hostname;
        if !selects(self.reader.tree, root, hostname) {
            let message = format!("this document selects other hosts than {}", quoted(hostname));
            let note = Diagnostic::note(codes::OTHER_HOST, Stage::Scope, message);
            let span = self.reader.tree.span(hosts);
            self.reader.findings.push(note.at(span));
        }
    }

    fn resources(&mut self, resources: At) {
        let tree = self.reader.tree;
        if tree.is_null(resources) {
            return;
        }
        if tree.shape(resources) != Shape::Mapping {
            let message = "`resources` must be a mapping of kinds to lists of resources";
            self.reader.error(codes::WRONG_SHAPE, resources, message);
            return;
        }
        for (key, list) in tree.entries(resources) {
            if matches!(tree.shape(key), Shape::Sequence | Shape::Mapping) {
                continue;
            }
            let name = tree.text(key);
            let Some(kind) = self.reader.kind(name, key) else {
                continue;
            };
            let what = format!("the resources of {}", quoted(name));
            let items = self.reader.list(Some(list), &what);
            // A resource takes at least three elements of some bytes each: reserving cannot get out of proportion.
            let count = tree.items(list).count();
            self.reader.draft.reserve(&kind.name, count);
            for item in items {
                self.resource(&kind, item);
            }
        }
    }

    fn edge(&mut self, at: At) {
        if self.reader.findings.is_full() {
            return;
        }
        let Some([name, from, to, notify]) =
            self.reader.fields(at, "an edge", ["name", "from", "to", "notify"])
        else {
            return;
        };
        let label = name
            .filter(|name| !self.reader.tree.is_null(*name))
            .and_then(|name| self.reader.text(name, "the name of an edge"));
        let notify = self.reader.flag(notify, "notify");
        let from = self.end(at, from, "from");
        let to = self.end(at, to, "to");
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

    fn end(&mut self, edge: At, end: Option<At>, what: &str) -> Option<Reference> {
        let Some(end) = end else {
            self.reader.error(codes::MISSING_KEY, edge, format!("the edge has no `{what}`"));
            return None;
        };
        if self.reader.tree.shape(end) != Shape::Mapping {
            return self.reader.reference(end, &format!("`{what}`"));
        }
        let what = format!("`{what}`");
        let [kind, name] = self.reader.fields(end, &what, ["kind", "name"])?;
        self.kind_and_name(end, kind, name, &what)
    }

    fn kind_and_name(&mut self, at: At, kind: Option<At>, name: Option<At>, what: &str) -> Option<Reference> {
        let mut part = |key: &str, value: Option<At>| match value {
            Some(value) => self.reader.text(value, &format!("`{key}` of {what}")),
            None => {
                self.reader.error(codes::MISSING_KEY, at, format!("{what} has no `{key}`"));
                None
            }
        };
        let (kind_text, name_text) = (part("kind", kind), part("name", name));
        Some(self.reader.reference_to(kind_text?, name_text?, at))
    }

    fn collect(&mut self, at: At) {
        if self.reader.findings.is_full() {
            return;
        }
        let Some([kind, pattern, from]) = self.reader.fields(at, "a collect", ["kind", "pattern", "from"])
        else {
            return;
        };
        let Some(kind) = kind else {
            self.reader.error(codes::MISSING_KEY, at, "the collect has no `kind`");
            return;
        };
        let Some(name) = self.reader.text(kind, "`kind`") else {
            return;
        };
        let Some(kind_in_use) = self.reader.kind(&name.to_lowercase(), kind) else {
            return;
        };
        let tree = self.reader.tree;
        let given = pattern.filter(|at| tree.scalar(*at) != Some("") && !tree.is_null(*at));
        let pattern = given.and_then(|pattern| self.pattern(kind_in_use.name.as_str(), pattern));
        if given.is_some() && pattern.is_none() {
            return;
        }
        let hosts = match from.filter(|from| !tree.is_null(*from)) {
            Some(from) => self.reader.texts(from, "a host"),
            None => Vec::new(),
        };
        let collect = CollectDecl {
            pattern: pattern.map(Into::into),
            from: hosts.into_iter().map(Into::into).collect(),
            origin: Some(tree.head(at)),
            ..CollectDecl::of_kind(kind_in_use.name)
        };
        self.reader.findings.extend(crate::collect::check(&collect));
        self.reader.draft.add_collect(collect);
    }

    fn pattern(&mut self, kind: &str, pattern: At) -> Option<&'a str> {
        let text = self.reader.text(pattern, "`pattern`")?;
        if kind == "file" && !crate::collect::is_jail(text) {
            let message = format!("{} is no directory to collect into", quoted(text));
            let diagnostic = Diagnostic::error(codes::INVALID_PARAM, Stage::Type, message)
                .at(self.reader.tree.span(pattern))
                .help("give an absolute path without `..`");
            self.reader.findings.push(diagnostic);
            return None;
        }
        Some(text)
    }
}
