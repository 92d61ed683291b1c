//! `golang/path` and `golang/path/filepath`: paths with slashes.

mod glob;

use crate::functions::args::Args;
use crate::functions::declaration::{Function, answer, gives, told};
use crate::functions::error::{Error, Result};
use crate::functions::sources::{ProcessFact, SourceRequest};
use crate::value::Value;

const PATH: &[&str] = &["func(path str) str"];
const TEST: &[&str] = &["func(path str) bool"];
const JOIN: &[&str] = &["func(elem []str) str"];
const MATCH: &[&str] = &["func(pattern str, name str) bool"];
const MATCH_DOC: &str = "Whether the whole name is as the pattern says: `*` is anything but slashes, `?` one character, `[a-z]` one of a \
                         class, a backslash takes what follows as it is.";

macro_rules! path {
    ($name:literal, $doc:literal, $call:literal => $result:literal, $body:expr) => {
        Function::pure($name, PATH, $doc, &[gives($call, $result)], |args| {
            Ok(Value::from($body(args.str(0)?)))
        })
    };
}

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    path!("golang/path.base", "The last part.", "path.base(\"/a/b/\")" => "\"b\"", base),
    path!("golang/path.clean", "The shortest path to the same place.", "path.clean(\"a//b/../c/.\")" => "\"a/c\"", clean),
    path!("golang/path.dir", "All but the last part.", "path.dir(\"/a/b\")" => "\"/a\"", dir),
    path!("golang/path.ext", "The ending from the last dot on.", "path.ext(\"a/b.txt\")" => "\".txt\"", ext),
    Function::pure(
        "golang/path.is_abs",
        TEST,
        "Whether it begins at the root.",
        &[gives("path.is_abs(\"/a\")", "true")],
        is_abs,
    ),
    Function::pure(
        "golang/path.join",
        JOIN,
        "One path of all parts.",
        &[gives("path.join([\"a\", \"\", \"../b\"])", "\"b\"")],
        join,
    ),
    Function::pure(
        "golang/path.match",
        MATCH,
        MATCH_DOC,
        &[gives("path.match(\"a*/b\", \"a/c/b\")", "false")],
        matches,
    ),
];

pub(in crate::functions) const FILEPATH: &[Function] = &[
    path!("golang/path/filepath.base", "The last part.", "filepath.base(\"\")" => "\".\"", base),
    path!("golang/path/filepath.clean", "The shortest path to the same place.", "filepath.clean(\"/../a\")" => "\"/a\"", clean),
    path!("golang/path/filepath.dir", "All but the last part.", "filepath.dir(\"a\")" => "\".\"", dir),
    path!("golang/path/filepath.ext", "The ending from the last dot on.", "filepath.ext(\"a.d/b\")" => "\"\"", ext),
    path!("golang/path/filepath.from_slash", "The same path.", "filepath.from_slash(\"a/b\")" => "\"a/b\"", str::to_owned),
    path!("golang/path/filepath.to_slash", "The same path.", "filepath.to_slash(\"a/b\")" => "\"a/b\"", str::to_owned),
    path!("golang/path/filepath.volume_name", "Nothing: there are no volumes here.", "filepath.volume_name(\"/a\")" => "\"\"", |_| ""),
    Function::source(
        "golang/path/filepath.abs",
        PATH,
        "The path from the root, seen from the working directory.",
        &[told("filepath.abs(\"../a\")", "\"/x/y\"", "\"/x/a\"")],
        |_, _| Ok(SourceRequest::Process(ProcessFact::WorkingDirectory)),
        |_, args, here| {
            let path = args.str(0)?;
            let here = here.as_str().unwrap_or_default();
            Ok(Value::from(if path.starts_with('/') {
                clean(path)
            } else {
                clean(&format!("{here}/{path}"))
            }))
        },
    ),
    Function::source(
        "golang/path/filepath.eval_symlinks",
        PATH,
        "The path without symbolic links.",
        &[told("filepath.eval_symlinks(\"/bin/sh\")", "\"/usr/bin/dash\"", "\"/usr/bin/dash\"")],
        |_, args| Ok(SourceRequest::RealPath { path: args.text(0)?.clone() }),
        answer,
    ),
    Function::pure(
        "golang/path/filepath.has_prefix",
        &["func(p str, prefix str) bool"],
        "Whether the text begins so; parts of paths are not respected.",
        &[gives("filepath.has_prefix(\"/ab\", \"/a\")", "true")],
        |args| Ok(Value::Bool(args.str(0)?.starts_with(args.str(1)?))),
    ),
    Function::pure(
        "golang/path/filepath.is_abs",
        TEST,
        "Whether it begins at the root.",
        &[gives("filepath.is_abs(\"a\")", "false")],
        is_abs,
    ),
    Function::pure(
        "golang/path/filepath.is_local",
        TEST,
        "Whether it stays below where it begins.",
        &[gives("filepath.is_local(\"a/../b\")", "true"), gives("filepath.is_local(\"a/../../b\")", "false")],
        |args| Ok(Value::Bool(is_local(args.str(0)?))),
    ),
    Function::pure(
        "golang/path/filepath.join",
        JOIN,
        "One path of all parts.",
        &[gives("filepath.join([\"/a\", \"b/\"])", "\"/a/b\"")],
        join,
    ),
    Function::pure(
        "golang/path/filepath.localize",
        PATH,
        "The same path, if it is relative, clean and without `..`.",
        &[
            gives("filepath.localize(\"a/b\")", "\"a/b\""),
            gives("filepath.localize(\"../a\")", "error: invalid path"),
        ],
        |args| match args.str(0)? {
            path if is_local(path) && clean(path) == path => Ok(Value::from(path)),
            _ => Err(Error::permanent("invalid path")),
        },
    ),
    Function::pure(
        "golang/path/filepath.match",
        MATCH,
        MATCH_DOC,
        &[
            gives("filepath.match(\"*.[ch]\", \"a.c\")", "true"),
            gives("filepath.match(\"[\", \"a\")", "error: syntax error in pattern"),
        ],
        matches,
    ),
    Function::pure(
        "golang/path/filepath.rel",
        &["func(base str, targ str) str"],
        "The way from one path to another.",
        &[
            gives("filepath.rel(\"/a/b\", \"/a/c/d\")", "\"../c/d\""),
            gives("filepath.rel(\"/a\", \"b\")", "error: Rel: can't make b relative to /a"),
        ],
        |args| relative(args.str(0)?, args.str(1)?).map(Value::from),
    ),
];

fn is_abs(args: Args<'_>) -> Result<Value> {
    Ok(Value::Bool(args.str(0)?.starts_with('/')))
}

fn matches(args: Args<'_>) -> Result<Value> {
    let found = glob::matches(args.str(0)?, args.str(1)?);
    found.map(Value::Bool).ok_or_else(|| Error::permanent("syntax error in pattern"))
}

fn join(args: Args<'_>) -> Result<Value> {
    let parts: Vec<&str> = args.strings(0)?.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(Value::from(if parts.is_empty() { String::new() } else { clean(&parts.join("/")) }))
}

fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    match (is_rooted, parts.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".into(),
        (false, rest) => rest,
    }
}

fn base(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" if path.is_empty() => ".".into(),
        "" => "/".into(),
        rest => rest.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

fn ext(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.rfind('.').map_or("", |at| &last[at..]).to_owned()
}

fn is_local(path: &str) -> bool {
    let cleaned = clean(path);
    !path.is_empty() && !cleaned.starts_with('/') && cleaned != ".." && !cleaned.starts_with("../")
}

fn relative(base: &str, target: &str) -> Result<String> {
    let (from, to) = (clean(base), clean(target));
    let impossible = || Error::permanent(format!("Rel: can't make {target} relative to {base}"));
    if from.starts_with('/') != to.starts_with('/') {
        return Err(impossible());
    }
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    let (from, to) = (parts(&from), parts(&to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    // Where it leads up from a place nobody knows, there is no way back.
    if from[common..].iter().any(|part| part == "..") {
        return Err(impossible());
    }
    let up = from[common..].iter().map(|_| "..");
    let way: Vec<&str> = up.chain(to[common..].iter().map(String::as_str)).collect();
    Ok(if way.is_empty() { ".".into() } else { way.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_in_go() {
        for (path, cleaned) in [
            ("", "."),
            ("/", "/"),
            ("//a///b/", "/a/b"),
            ("../../a", "../../a"),
            ("a/../..", ".."),
            ("/..", "/"),
            ("./a/./b", "a/b"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
        assert_eq!(
            [base("/"), base("a/b//"), dir("/a/b/"), dir("/a"), dir("")],
            ["/", "b", "/a/b", "/", "."]
        );
    }

    #[test]
    fn ways_lead_from_one_to_the_other() {
        for (from, to, way) in [
            ("a", "a", "."),
            ("a/b", "a", ".."),
            (".", "a", "a"),
            ("/", "/a/b", "a/b"),
            ("../a", "../b", "../b"),
        ] {
            assert_eq!(relative(from, to).as_deref(), Ok(way));
        }
        assert!(relative("..", "a").is_err());
    }
}
