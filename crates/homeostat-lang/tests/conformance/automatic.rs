//! The edges that the reference adds to a graph before it prints it. Here they come from the kinds, which the language does
//! not know, so this is only how graphs are compared.

use std::collections::BTreeMap;

use homeostat_model::catalog::EdgeDecl;
use homeostat_model::{Catalog, ResourceDecl, ResourceId, Value};

/// Adds the edges that follow from what resources are.
pub(crate) fn add(catalog: &mut Catalog) {
    let known = Known::of(catalog);
    let taken = catalog.resources.iter().filter(|resource| takes_part(resource));
    let edges: Vec<(ResourceId, ResourceId)> = taken.flat_map(|resource| known.edges(resource)).collect();
    for (from, to) in edges {
        let is_there = catalog.edges.iter().any(|edge| edge.from == from && edge.to == to);
        if !is_there && from != to {
            catalog.edges.push(EdgeDecl::before(from, to));
        }
    }
}

fn takes_part(resource: &ResourceDecl) -> bool {
    resource.meta.autoedge && !resource.meta.hidden
}

fn text<'a>(resource: &'a ResourceDecl, param: &str) -> Option<&'a str> {
    resource.params.get(param).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn texts<'a>(resource: &'a ResourceDecl, param: &str) -> Vec<&'a str> {
    match resource.params.get(param) {
        Some(Value::List(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Where a file is; a directory has a slash at its end.
fn path(file: &ResourceDecl) -> String {
    let path = text(file, "path").unwrap_or(&file.id.name);
    let is_directory = path.ends_with('/');
    let parts = path.trim_end_matches('/').rsplit_once('/');
    let (directory, base) = parts.map_or(("", path), |(directory, base)| (directory, base));
    let directory = text(file, "dirname").map_or_else(|| format!("{directory}/"), str::to_owned);
    match text(file, "basename") {
        Some(base) => format!("{directory}{base}"),
        None => format!("{directory}{base}{}", if is_directory { "/" } else { "" }),
    }
}

/// What is declared: files by their paths, and everything by kind and name.
struct Known {
    files: BTreeMap<String, ResourceId>,
    named: BTreeMap<(String, String), ResourceId>,
}

impl Known {
    fn of(catalog: &Catalog) -> Self {
        let taken = || catalog.resources.iter().filter(|resource| takes_part(resource));
        let files = taken().filter(|resource| resource.id.kind.as_str() == "file");
        let files = files.map(|file| (path(file), file.id.clone())).collect();
        let name = |id: &ResourceId| (id.kind.to_string(), id.name.to_string());
        Self { files, named: taken().map(|resource| (name(&resource.id), resource.id.clone())).collect() }
    }

    fn file(&self, path: &str) -> Option<ResourceId> {
        self.files.get(path).cloned()
    }

    fn named(&self, kind: &str, name: &str) -> Option<ResourceId> {
        self.named.get(&(kind.to_owned(), name.to_owned())).cloned()
    }

    fn edges(&self, resource: &ResourceDecl) -> Vec<(ResourceId, ResourceId)> {
        let before: Vec<ResourceId> = match resource.id.kind.as_str() {
            "file" => {
                let fragments = texts(resource, "fragments").into_iter().filter_map(|path| self.file(path));
                self.directory(&path(resource)).into_iter().chain(fragments).collect()
            }
            "svc" => {
                let unit = format!("{}.service", resource.id.name.trim_end_matches(".service"));
                let at = |directory: &str| self.file(&format!("{directory}/systemd/system/{unit}"));
                at("/etc").or_else(|| at("/usr/lib")).into_iter().collect()
            }
            "exec" => {
                let words = text(resource, "cmd").unwrap_or(&resource.id.name).split_whitespace();
                let files = words.filter(|word| word.starts_with('/')).filter_map(|word| self.file(word));
                let owner = |kind| text(resource, kind).and_then(|name| self.named(kind, name));
                files.chain(owner("user")).chain(owner("group")).collect()
            }
            "user" => {
                let groups = text(resource, "group").into_iter().chain(texts(resource, "groups"));
                groups.filter_map(|group| self.named("group", group)).collect()
            }
            "http:server:file" => {
                text(resource, "path").and_then(|path| self.file(path)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let is_turned = resource.id.kind.as_str() == "user" && text(resource, "state") == Some("absent");
        let edge =
            |other| if is_turned { (resource.id.clone(), other) } else { (other, resource.id.clone()) };
        before.into_iter().map(edge).collect()
    }

    /// The nearest directory above a path.
    fn directory(&self, path: &str) -> Option<ResourceId> {
        let mut above = path.trim_end_matches('/');
        while let Some((directory, _)) = above.rsplit_once('/') {
            if let Some(found) = self.file(&format!("{directory}/")) {
                return Some(found);
            }
            above = directory;
        }
        None
    }
}
