//! `deploy`: the files that come with a module.

use std::sync::Arc;

use super::declaration::{Body, Function, Site, answer, gives, told};
use super::error::{Error, Result};
use super::sources::{ProcessFact, SourceRequest};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_body(
        "deploy.abspath",
        &["func(path str) str"],
        "A path in the module, seen from the root of the deployed files. The empty path is the module itself.",
        &[
            gives("deploy.abspath(\"/files/a\")", "\"/module/files/a\""),
            gives("deploy.abspath(\"\")", "\"/module/\""),
            gives("deploy.abspath(\"a\")", "error: the path must begin with a slash, got: `a`"),
        ],
        Body::At(|site, args| match args.str(0)? {
            "" => Ok(Value::from(site.module)),
            path => below(site, path).map(Value::Str),
        }),
    ),
    Function::source(
        "deploy.readfile",
        &["func(filename str) str"],
        "What a file of the module holds.",
        &[told("deploy.readfile(\"/files/a\")", "\"text\"", "\"text\"")],
        |site, args| Ok(SourceRequest::ModuleFile { path: below(site, args.str(0)?)? }),
        answer,
    ),
    Function::source(
        "deploy.readfileabs",
        &["func(filename str) str"],
        "What a deployed file holds. The path is as `deploy.abspath` gives it.",
        &[told("deploy.readfileabs(\"/module/files/a\")", "\"text\"", "\"text\"")],
        |_, args| Ok(SourceRequest::ModuleFile { path: rooted(args.str(0)?)? }),
        answer,
    ),
    Function::source(
        "deploy.file_exists",
        &["func(filename str) bool"],
        "Whether the module has such a file.",
        &[told("deploy.file_exists(\"/files/a\")", "true", "true")],
        |site, args| Ok(SourceRequest::ModuleFileExists { path: below(site, args.str(0)?)? }),
        answer,
    ),
    Function::source(
        "deploy.directory",
        &["func(directory str) str"],
        "A directory of the module as a directory of this machine. The argument ends with a slash.",
        &[told("deploy.directory(\"/files/\")", "\"/var/lib/files/\"", "\"/var/lib/files/\"")],
        |site, args| {
            let path = args.str(0)?;
            if !path.ends_with('/') {
                return Err(Error::permanent(format!("the directory must end with a slash, got: `{path}`")));
            }
            Ok(SourceRequest::ModuleDirectory { path: below(site, path)? })
        },
        answer,
    ),
    Function::source(
        "deploy.binary_path",
        &["func() str"],
        "Where the running binary lies.",
        &[told("deploy.binary_path()", "\"/usr/bin/homeostat\"", "\"/usr/bin/homeostat\"")],
        |_, _| Ok(SourceRequest::Process(ProcessFact::Executable)),
        answer,
    ),
    Function::pure(
        "deploy.bootstrap_packages",
        &["func(distro str) []str"],
        "The packages that a fresh host of the distribution needs before the binary can run. It needs none: the list is \
         empty.",
        &[
            gives("deploy.bootstrap_packages(\"fedora\")", "[]"),
            gives("deploy.bootstrap_packages(\"\")", "error: missing distro"),
        ],
        |args| match args.str(0)? {
            "" => Err(Error::permanent("missing distro")),
            _ => Ok(Value::list([])),
        },
    ),
];

fn rooted(path: &str) -> Result<Arc<str>> {
    let is_inside = path.starts_with('/') && path.split('/').all(|part| part != "..");
    match (is_inside, path.starts_with('/')) {
        (true, _) => Ok(path.into()),
        (false, false) => Err(Error::permanent(format!("the path must begin with a slash, got: `{path}`"))),
        (false, true) => {
            Err(Error::permanent(format!("the path must stay within the module, got: `{path}`")))
        }
    }
}

fn below(site: &Site<'_>, path: &str) -> Result<Arc<str>> {
    let path = rooted(path)?;
    Ok(format!("{}{path}", site.module.trim_end_matches('/')).into())
}
