//! `os`: this machine's operating system, its files and its users.

use std::collections::BTreeMap;

use super::args::Args;
use super::datetime::field;
use super::declaration::{Function, Site, answer, gives, told};
use super::error::{Error, Result};
use super::sources::{MachineFact, ProcessFact, SourceRequest};
use crate::value::Value;

const OS_RELEASE: &str = "/etc/os-release";
const USER: &str = "struct{exists: true; uid: \"1000\"; home: \"/home/ann\"}";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::source(
        "os.args",
        &["func() []str"],
        "What the program was told on the command line.",
        &[told("os.args()", "[\"a\", \"b\"]", "[\"a\", \"b\"]")],
        |_, _| Ok(SourceRequest::Process(ProcessFact::Arguments)),
        answer,
    ),
    Function::pure(
        "os.parse_distro_uid",
        &["func(uid str) struct{distro str; version str; arch str}"],
        "The parts of a name like `fedora41-x86_64`; all empty if it is none.",
        &[
            gives(
                "os.parse_distro_uid(\"fedora41-x86_64\")",
                "struct{distro: \"fedora\"; version: \"41\"; arch: \"x86_64\"}",
            ),
            gives("os.parse_distro_uid(\"x\")", "struct{distro: \"\"; version: \"\"; arch: \"\"}"),
        ],
        |args| {
            let (distro, version, arch) = distro_uid(args.str(0)?).unwrap_or_default();
            let fields = [("distro", distro), ("version", version), ("arch", arch)];
            Ok(Value::structure(fields.map(|(name, part)| (name, Value::from(part)))))
        },
    ),
    Function::source(
        "os.release",
        &["func() struct{id str; variant_id str; version_id str}"],
        "What `/etc/os-release` says.",
        &[told(
            "os.release()",
            "\"ID=debian\\nVERSION_ID=\\\"12\\\"\\n\"",
            "struct{id: \"debian\"; variant_id: \"\"; version_id: \"12\"}",
        )],
        os_release,
        |_, _, file| {
            let release = read_release(file);
            let part = |name: &str| Value::from(release.get(name).cloned().unwrap_or_default());
            let names = [("id", "ID"), ("variant_id", "VARIANT_ID"), ("version_id", "VERSION_ID")];
            Ok(Value::structure(names.map(|(field, name)| (field, part(name)))))
        },
    ),
    Function::source(
        "os.expand_home",
        &["func(path str) str"],
        "A path with a leading `~/` or `~user/` replaced by that home.",
        &[told("os.expand_home(\"~ann/x\")", USER, "\"/home/ann/x\"")],
        |_, args| {
            let path = args.str(0)?;
            Ok(match tilde(path) {
                Some((user, _)) if !user.is_empty() => SourceRequest::User { name: user.into() },
                _ => SourceRequest::Process(ProcessFact::HomeDirectory),
            })
        },
        |_, args, answer| {
            let path = args.str(0)?;
            let Some((user, rest)) = tilde(path) else { return Ok(Value::from(path)) };
            let home = if user.is_empty() { answer } else { known_user(user, answer, "home")? };
            Ok(Value::from(format!("{}/{rest}", home.as_str().unwrap_or_default().trim_end_matches('/'))))
        },
    ),
    Function::source(
        "os.family",
        &["func() str"],
        "`redhat`, `debian`, `archlinux`, or empty for another.",
        &[told("os.family()", "\"ID=ubuntu\\nID_LIKE=debian\\n\"", "\"debian\"")],
        os_release,
        |_, _, file| Ok(Value::from(family(file))),
    ),
    Function::source(
        "os.is_family_redhat",
        &["func() bool"],
        "Whether the system is of the family of Red Hat and Fedora.",
        &[told("os.is_family_redhat()", "\"ID=fedora\\n\"", "true")],
        os_release,
        |_, _, file| Ok(Value::Bool(family(file) == "redhat")),
    ),
    Function::source(
        "os.is_family_debian",
        &["func() bool"],
        "Whether the system is of the family of Debian.",
        &[told("os.is_family_debian()", "\"ID=fedora\\n\"", "false")],
        os_release,
        |_, _, file| Ok(Value::Bool(family(file) == "debian")),
    ),
    Function::source(
        "os.is_family_archlinux",
        &["func() bool"],
        "Whether the system is of the family of Arch Linux.",
        &[told("os.is_family_archlinux()", "\"ID=arch\\n\"", "true")],
        os_release,
        |_, _, file| Ok(Value::Bool(family(file) == "archlinux")),
    ),
    Function::source(
        "os.file_exists",
        &["func(filename str) bool"],
        "Whether there is something at the path, now and from now on.",
        &[told("os.file_exists(\"/etc/motd\")", "true", "true")],
        |_, args| Ok(SourceRequest::FileExists { path: args.text(0)?.clone() }),
        answer,
    ),
    Function::source(
        "os.home",
        &["func(user str) str"],
        "The home of a user, ending in a slash.",
        &[told("os.home(\"ann\")", USER, "\"/home/ann/\"")],
        user,
        |_, args, found| {
            let home = known_user(args.str(0)?, found, "home")?.as_str().unwrap_or_default();
            Ok(Value::from(format!("{}/", home.trim_end_matches('/'))))
        },
    ),
    Function::source(
        "os.is_virtual",
        &["func() bool"],
        "Whether this is a virtual machine.",
        &[told("os.is_virtual()", "false", "false")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::IsVirtual)),
        answer,
    ),
    Function::source(
        "os.modinfo_loaded",
        &["func(module str) bool"],
        "Whether the kernel has loaded a module.",
        &[told("os.modinfo_loaded(\"nf_tables\")", "[\"loop\", \"nf_tables\"]", "true")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::KernelModules)),
        |_, args, loaded| {
            let wanted = args.str(0)?.replace('-', "_");
            let loaded = Args(std::slice::from_ref(loaded)).strings(0)?;
            Ok(Value::Bool(loaded.iter().any(|name| name.replace('-', "_") == wanted)))
        },
    ),
    Function::source(
        "os.readfile",
        &["func(filename str) str"],
        "What a file holds, now and from now on. A missing file can be caught; one that is removed is taken for missing \
         about a second later, since whoever writes it anew may remove it first.",
        &[told("os.readfile(\"/etc/hostname\")", "\"ann\\n\"", "\"ann\\n\"")],
        |_, args| Ok(SourceRequest::File { path: args.text(0)?.clone() }),
        answer,
    ),
    Function::source(
        "os.system",
        &["func(cmd str) str"],
        "Runs `sh -c cmd`; each line that it prints is a new value. If it ends without a line, the value is empty.",
        &[told("os.system(\"date +%s\")", "\"1700000000\"", "\"1700000000\"")],
        |_, args| Ok(SourceRequest::Command { script: args.text(0)?.clone() }),
        answer,
    ),
    Function::source(
        "os.uid",
        &["func(user str) str"],
        "The number of a user.",
        &[
            told("os.uid(\"ann\")", USER, "\"1000\""),
            told(
                "os.uid(\"x\")",
                "struct{exists: false; uid: \"\"; home: \"\"}",
                "error: there is no user `x`",
            ),
        ],
        user,
        |_, args, found| known_user(args.str(0)?, found, "uid").cloned(),
    ),
    Function::source(
        "os.user_exists",
        &["func(user str) bool"],
        "Whether there is such a user, by `/etc/passwd`.",
        &[told("os.user_exists(\"ann\")", USER, "true")],
        user,
        |_, _, found| field(found, "exists").cloned(),
    ),
];

fn os_release(_: &Site<'_>, _: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::File { path: OS_RELEASE.into() })
}

fn user(_: &Site<'_>, args: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::User { name: args.text(0)?.clone() })
}

fn known_user<'a>(name: &str, found: &'a Value, what: &str) -> Result<&'a Value> {
    match field(found, "exists")? {
        Value::Bool(true) => field(found, what),
        _ => Err(Error::permanent(format!("there is no user `{name}`"))),
    }
}

fn tilde(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix('~')?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

fn distro_uid(uid: &str) -> Option<(&str, &str, &str)> {
    let (system, arch) = uid.split_once('-')?;
    let digits = system.find(|c: char| c.is_ascii_digit())?;
    let (distro, version) = system.split_at(digits);
    let is_whole = !distro.is_empty() && !arch.is_empty();
    (is_whole && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .then_some((distro, version, arch))
}

/// `NAME=value` or `NAME="value"`, a line each.
fn read_release(file: &Value) -> BTreeMap<&str, String> {
    let lines = file.as_str().unwrap_or_default().lines();
    let pairs = lines.filter_map(|line| line.trim().split_once('='));
    pairs.map(|(name, value)| (name, value.trim_matches(['"', '\'']).to_owned())).collect()
}

fn family(file: &Value) -> &'static str {
    let release = read_release(file);
    let names = ["ID", "ID_LIKE"].into_iter().filter_map(|name| release.get(name));
    let mut words = names.flat_map(|names| names.split_whitespace());
    let found = words.find_map(|word| match word {
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" => Some("redhat"),
        "debian" | "ubuntu" | "raspbian" => Some("debian"),
        "arch" | "archlinux" | "manjaro" => Some("archlinux"),
        _ => None,
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_their_names_and_likenesses() {
        for (file, expected) in [
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "redhat"),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "debian"),
            ("ID=endeavouros\nID_LIKE=arch", "archlinux"),
            ("ID=alpine\n", ""),
            ("", ""),
        ] {
            assert_eq!(family(&Value::from(file)), expected);
        }
    }
}
