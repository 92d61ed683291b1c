//! `golang/os` and `golang/os/exec`: this process and files.

use crate::functions::args::Args;
use crate::functions::declaration::{Function, answer, told};
use crate::functions::error::{Error, Result};
use crate::functions::sources::{MachineFact, ProcessFact, SourceRequest};
use crate::functions::sys::variable;
use crate::value::Value;

macro_rules! fact {
    ($name:literal, $signature:literal, $doc:literal, $fact:expr, $value:literal) => {
        Function::source(
            concat!("golang/os.", $name),
            &[$signature],
            $doc,
            &[told(concat!("os.", $name, "()"), $value, $value)],
            |_, _| Ok(SourceRequest::Process($fact)),
            answer,
        )
    };
}

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    fact!(
        "executable",
        "func() str",
        "The path of the running binary.",
        ProcessFact::Executable,
        "\"/usr/bin/homeostat\""
    ),
    fact!("getegid", "func() int", "The effective group.", ProcessFact::EffectiveGid, "0"),
    fact!("geteuid", "func() int", "The effective user.", ProcessFact::EffectiveUid, "0"),
    fact!("getgid", "func() int", "The group.", ProcessFact::Gid, "0"),
    fact!("getpagesize", "func() int", "Bytes in a page of memory.", ProcessFact::PageSize, "4096"),
    fact!("getpid", "func() int", "The number of this process.", ProcessFact::Pid, "42"),
    fact!("getppid", "func() int", "The number of the parent process.", ProcessFact::ParentPid, "1"),
    fact!("getuid", "func() int", "The user.", ProcessFact::Uid, "0"),
    fact!("getwd", "func() str", "The working directory.", ProcessFact::WorkingDirectory, "\"/root\""),
    fact!("temp_dir", "func() str", "Where temporary files go.", ProcessFact::TemporaryDirectory, "\"/tmp\""),
    fact!(
        "user_cache_dir",
        "func() str",
        "Where the user's caches go.",
        ProcessFact::CacheDirectory,
        "\"/root/.cache\""
    ),
    fact!(
        "user_config_dir",
        "func() str",
        "Where the user's configuration lies.",
        ProcessFact::ConfigDirectory,
        "\"/root/.config\""
    ),
    fact!("user_home_dir", "func() str", "The user's home.", ProcessFact::HomeDirectory, "\"/root\""),
    Function::source(
        "golang/os.expand_env",
        &["func(s str) str"],
        "The text with `$name` and `${name}` replaced by variables of the environment; by nothing where one is not set.",
        &[told(
            "os.expand_env(\"\\$USER lives in \\${HOME}\\$X.\")",
            "{\"HOME\": \"/root\", \"USER\": \"ann\"}",
            "\"ann lives in /root.\"",
        )],
        |_, _| Ok(SourceRequest::Environment),
        |_, args, env| expand(args.str(0)?, env).map(Value::from),
    ),
    Function::source(
        "golang/os.getenv",
        &["func(key str) str"],
        "A variable of the environment; empty if it is not set.",
        &[told("os.getenv(\"X\")", "{\"HOME\": \"/root\"}", "\"\"")],
        |_, _| Ok(SourceRequest::Environment),
        |_, args, env| Ok(variable(env, args.str(0)?)?.unwrap_or_else(|| Value::from(""))),
    ),
    Function::source(
        "golang/os.hostname",
        &["func() str"],
        "The name of this machine.",
        &[told("os.hostname()", "\"ann\"", "\"ann\"")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::Hostname)),
        answer,
    ),
    Function::source(
        "golang/os.mkdir_temp",
        &["func(dir str, pattern str) str"],
        "The path of a new directory; the last `*` of the pattern, or its end, becomes something new. Every call has its own.",
        &[told("os.mkdir_temp(\"\", \"a-*\")", "\"/tmp/a-1\"", "\"/tmp/a-1\"")],
        |_, args| {
            let pattern = args.text(1)?;
            if pattern.contains('/') {
                return Err(Error::permanent("pattern contains path separator"));
            }
            Ok(SourceRequest::NewDirectory { parent: args.text(0)?.clone(), pattern: pattern.clone() })
        },
        answer,
    ),
    Function::source(
        "golang/os.read_file",
        &["func(name str) str"],
        "What a file holds, now and from now on.",
        &[told("os.read_file(\"/etc/hostname\")", "\"ann\\n\"", "\"ann\\n\"")],
        |_, args| Ok(SourceRequest::File { path: args.text(0)?.clone() }),
        answer,
    ),
    Function::source(
        "golang/os.readlink",
        &["func(name str) str"],
        "Where a symbolic link points to.",
        &[told("os.readlink(\"/bin\")", "\"usr/bin\"", "\"usr/bin\"")],
        |_, args| Ok(SourceRequest::Link { path: args.text(0)?.clone() }),
        answer,
    ),
    Function::source(
        "golang/os/exec.look_path",
        &["func(file str) str"],
        "Where a program is found.",
        &[told("exec.look_path(\"sh\")", "\"/usr/bin/sh\"", "\"/usr/bin/sh\"")],
        |_, args: Args<'_>| Ok(SourceRequest::Program { name: args.text(0)?.clone() }),
        answer,
    ),
];

fn expand(text: &str, env: &Value) -> Result<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, next) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some(braced) => braced,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if name.is_empty() {
            out.push_str(if after.starts_with('{') { "" } else { "$" });
        } else if let Some(value) = variable(env, name)? {
            out.push_str(value.as_str().unwrap_or_default());
        }
        rest = next;
    }
    out.push_str(rest);
    Ok(out)
}
