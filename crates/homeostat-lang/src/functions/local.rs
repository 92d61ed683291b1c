//! `local`: what this host keeps for itself.

use super::declaration::{Function, answer, gives, told};
use super::error::Error;
use super::sources::SourceRequest;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::source(
        "local.pool",
        &["func(namespace str, uid str) int"],
        "A number, from 0, that nobody else of the namespace has, and that stays.",
        &[told("local.pool(\"ports\", \"web\")", "0", "0")],
        |_, args| Ok(SourceRequest::Pool { namespace: args.text(0)?.clone(), uid: args.text(1)?.clone() }),
        answer,
    ),
    Function::source(
        "local.vardir",
        &["func(path str) str"],
        "A directory for data that stays. The path is relative and ends with a slash.",
        &[
            told("local.vardir(\"web/\")", "\"/var/lib/homeostat/web/\"", "\"/var/lib/homeostat/web/\""),
            gives(
                "local.vardir(\"/web/\")",
                "error: the path must be relative and end with a slash, got: `/web/`",
            ),
        ],
        |_, args| {
            let path = args.text(0)?;
            let is_inside = !path.starts_with('/') && path.split('/').all(|part| part != "..");
            if !is_inside || !path.ends_with('/') {
                let message = format!("the path must be relative and end with a slash, got: `{path}`");
                return Err(Error::permanent(message));
            }
            Ok(SourceRequest::VarDirectory { path: path.clone() })
        },
        answer,
    ),
];
