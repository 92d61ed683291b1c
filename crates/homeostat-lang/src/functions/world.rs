//! `world`: what all hosts share; `world/collect`: what they export.

use std::sync::Arc;

use super::args::Args;
use super::declaration::{Function, answer, gives, told};
use super::error::{Error, Result};
use super::sources::SourceRequest;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::source(
        "world.getval",
        &["func(key str) struct{value str; exists bool}"],
        "A value of the store.",
        &[told(
            "world.getval(\"a\")",
            "struct{value: \"x\"; exists: true}",
            "struct{value: \"x\"; exists: true}",
        )],
        |_, args| Ok(SourceRequest::StoreValue { key: filled(args, "key")? }),
        answer,
    ),
    Function::source(
        "world.kvlookup",
        &["func(namespace str) map{str: str}"],
        "What every host put under a name, by host.",
        &[
            told("world.kvlookup(\"a\")", "{\"h1\": \"x\"}", "{\"h1\": \"x\"}"),
            gives("world.kvlookup(\"\")", "error: the namespace is empty"),
        ],
        |_, args| Ok(SourceRequest::StoreByHost { namespace: filled(args, "namespace")? }),
        answer,
    ),
    Function::source(
        "world.schedule",
        &["func(namespace str) []str"],
        "The hosts that were chosen under a name. There is no kind that puts a host on such a list here: it stays empty.",
        &[told("world.schedule(\"a\")", "[\"h1\", \"h2\"]", "[\"h1\", \"h2\"]")],
        |_, args| Ok(SourceRequest::Schedule { namespace: filled(args, "namespace")? }),
        answer,
    ),
    Function::source(
        "world/collect.res",
        &["func(kind str) []struct{name str; host str}"],
        "The resources of a kind that hosts export to this one.",
        &[told("collect.res(\"file\")", "[]", "[]")],
        |_, args| Ok(SourceRequest::Exports { kind: filled(args, "kind")? }),
        answer,
    ),
];

fn filled(args: Args<'_>, what: &str) -> Result<Arc<str>> {
    match args.text(0)? {
        text if text.is_empty() => Err(Error::permanent(format!("the {what} is empty"))),
        text => Ok(text.clone()),
    }
}
