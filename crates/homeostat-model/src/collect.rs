//! Exported resources become local ones: which are taken, and where a collected file goes.
//!
//! Invariant: a collected file lies below the pattern of its collect, by name; whoever writes it must not follow a link
//! out of there. A kind that runs code is taken only from hosts that the collect names.

use std::sync::Arc;

use crate::catalog::CollectDecl;
use crate::codes;
use crate::diagnostic::{Diagnostic, Stage};
use crate::suggest::printable;
use crate::value::Value;
use crate::{Meta, Params, ResourceDecl, Span, hosts};

/// Kinds that run what they are given.
const RUNS_CODE: &[&str] = &["exec", "method"];

/// What a collect makes of a resource that a host exports: a local resource, or nothing when it is not meant or that host
/// is not trusted with it.
pub fn admit(
    collect: &CollectDecl,
    exporter: &str,
    resource: &ResourceDecl,
) -> Result<Option<ResourceDecl>, Box<Diagnostic>> {
    let from = collect.from.iter().map(|host| &**host);
    let is_trusted = hosts::any_matches(from, exporter);
    let is_open = collect.from.is_empty() && !runs_code(collect.kind.as_str());
    let is_meant = collect.name.as_ref().is_none_or(|name| *name == resource.id.name);
    if collect.kind != resource.id.kind || !is_meant || !(is_trusted || is_open) {
        return Ok(None);
    }
    let mut local = resource.clone();
    local.meta = without_export(&resource.meta);
    if let ("file", Some(pattern)) = (collect.kind.as_str(), &collect.pattern) {
        let path = below(pattern, resource).map_err(|problem| {
            let message =
                format!("`{}` cannot be collected into `{}`: {problem}", resource.id, printable(pattern));
            let diagnostic = Diagnostic::error(codes::INVALID_PARAM, Stage::Catalog, message)
                .at(collect.origin)
                .label(resource.origin, "exported here");
            Box::new(diagnostic)
        })?;
        let (params, spans) = moved(resource, path);
        local.params = params;
        local.param_spans = spans;
    }
    if !collect.params.is_empty() {
        local.params.extend(&collect.params);
        local.param_spans = Vec::new();
    }
    if !collect.meta.is_empty() {
        local.meta = changed_meta(collect, &local)?;
    }
    Ok(Some(local))
}

/// How the exporter wants it treated, where the collect says nothing else.
fn changed_meta(collect: &CollectDecl, resource: &ResourceDecl) -> Result<Arc<Meta>, Box<Diagnostic>> {
    let mut params = resource.meta.to_params();
    params.extend(&collect.meta);
    let meta = Meta::parse(&params).map_err(|errors| {
        let why: Vec<String> = errors.into_iter().map(|error| error.message).collect();
        let message = format!("`{}` cannot be treated as it is collected: {}", resource.id, why.join("; "));
        Box::new(Diagnostic::error(codes::INVALID_META, Stage::Catalog, message).at(collect.origin))
    })?;
    Ok(Arc::new(Meta { export: Vec::new(), ..meta }))
}

/// Whether a pattern is an absolute directory that nothing leads out of.
pub fn is_jail(pattern: &str) -> bool {
    pattern.starts_with('/') && pattern.split('/').all(|part| part != "..")
}

/// Whether a kind runs what it is given.
pub fn runs_code(kind: &str) -> bool {
    RUNS_CODE.contains(&kind)
}

fn without_export(meta: &Arc<Meta>) -> Arc<Meta> {
    if meta.export.is_empty() {
        return meta.clone();
    }
    Arc::new(Meta { export: Vec::new(), ..Meta::clone(meta) })
}

/// The base name of what was exported, below the pattern; a slash at the end stays.
fn below(pattern: &str, resource: &ResourceDecl) -> Result<String, &'static str> {
    if !is_jail(pattern) {
        return Err("the pattern must be an absolute path without `..`");
    }
    let text = |param: &str| resource.params.get(param).and_then(Value::as_str);
    let path = text("basename").or_else(|| text("path")).unwrap_or(&resource.id.name);
    let slash = if path.ends_with('/') { "/" } else { "" };
    let base = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if matches!(base, "" | "." | "..") || base.contains('\0') {
        return Err("its path has no base name");
    }
    Ok(format!("{}/{base}{slash}", pattern.trim_end_matches('/')))
}

fn moved(resource: &ResourceDecl, path: String) -> (Params, Vec<Span>) {
    let path_of_old = |name: &str| matches!(name, "path" | "dirname" | "basename");
    let mut params: Params = resource
        .params
        .iter()
        .filter(|(name, _)| !path_of_old(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    params.set("path", Value::from(path));
    let spans = params.iter().map(|(name, _)| resource.span_of(name)).collect::<Option<Vec<_>>>();
    (params, spans.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{KindName, ResourceId};

    fn collect(kind: &str, pattern: Option<&str>, from: &[&str]) -> CollectDecl {
        CollectDecl {
            pattern: pattern.map(Arc::from),
            from: from.iter().map(|host| Arc::from(*host)).collect(),
            ..CollectDecl::of_kind(KindName::new(kind))
        }
    }

    fn file(params: &[(&str, &str)]) -> ResourceDecl {
        let params = params.iter().map(|(name, value)| (*name, Value::from(*value)));
        ResourceDecl::new(ResourceId::new("file", "f"), params.collect())
    }

    fn path(pattern: &str, params: &[(&str, &str)]) -> Option<String> {
        let local = admit(&collect("file", Some(pattern), &[]), "a", &file(params)).ok()??;
        assert_eq!(local.params.get("dirname"), None);
        local.params.get("path")?.as_str().map(str::to_owned)
    }

    #[test]
    fn a_collected_file_goes_below_the_pattern() {
        assert_eq!(path("/c/", &[("path", "/tmp/a/f3a")]).as_deref(), Some("/c/f3a"));
        assert_eq!(path("/c", &[("path", "/tmp/a/dir/")]).as_deref(), Some("/c/dir/"));
        assert_eq!(path("/", &[("path", "/x")]).as_deref(), Some("/x"));
        let parts = [("dirname", "/a/"), ("basename", "b")];
        assert_eq!(path("/c", &parts).as_deref(), Some("/c/b"));
        assert_eq!(path("/c", &[("basename", "../../etc/passwd")]).as_deref(), Some("/c/passwd"));
    }

    #[test]
    fn nothing_leads_out_of_the_pattern() {
        for (pattern, from) in
            [("/c", "/"), ("/c", "/a/.."), ("/c/../d", "/a/b"), ("c", "/a/b"), ("/c", "/a/.")]
        {
            assert_eq!(path(pattern, &[("path", from)]), None, "{pattern} {from}");
        }
    }

    #[test]
    fn what_a_collect_says_stands_in_the_place_of_what_was_exported() {
        let exported = ResourceDecl {
            meta: Arc::new(Meta { noop: true, delay_ms: Some(5), ..Meta::default() }),
            ..file(&[("path", "/a"), ("content", "theirs"), ("mode", "0644")])
        };
        let ours = CollectDecl {
            name: Some("f".into()),
            params: [("content", Value::from("ours"))].into_iter().collect(),
            meta: [("noop", Value::Bool(false))].into_iter().collect(),
            ..collect("file", None, &[])
        };
        let local = admit(&ours, "a", &exported).unwrap().unwrap();
        let expected = [("content", "ours"), ("mode", "0644"), ("path", "/a")];
        assert_eq!(local.params, file(&expected).params);
        assert_eq!((local.meta.noop, local.meta.delay_ms), (false, Some(5)));
        let other = CollectDecl { name: Some("g".into()), ..ours };
        assert!(admit(&other, "a", &exported).unwrap().is_none());
    }

    #[test]
    fn commands_come_only_from_named_hosts() {
        let exec = ResourceDecl::new(ResourceId::new("exec", "x"), Params::new());
        let taken =
            |from: &[&str], host: &str| admit(&collect("exec", None, from), host, &exec).unwrap().is_some();
        assert!(!taken(&[], "a"));
        assert!(!taken(&["b"], "a"));
        assert!(taken(&["b", "a"], "a"));
    }
}
