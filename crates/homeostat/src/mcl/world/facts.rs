//! What is known of this process and its users.

use std::io::Read;
use std::path::Path;

use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error, ProcessFact};

/// All variables of the environment that are text.
pub(super) fn environment() -> Value {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((Value::from(name.into_string().ok()?), Value::from(value.into_string().ok()?)))
    };
    Value::map(std::env::vars_os().filter_map(text))
}

/// A fact of this process.
pub(super) fn process(fact: ProcessFact) -> Answer {
    let path = |found: std::io::Result<std::path::PathBuf>| match found {
        Ok(path) => Ok(Value::from(path.to_string_lossy().into_owned())),
        Err(error) => Err(Error::permanent(error.to_string())),
    };
    let home = || std::env::var("HOME").map_err(|_| Error::permanent("$HOME is not defined"));
    let below_home = |variable: &str, name: &str| match std::env::var(variable) {
        Ok(path) if path.starts_with('/') => Ok(Value::from(path)),
        _ => home().map(|home| Value::from(format!("{home}/{name}"))),
    };
    let number = |number: u32| Ok(Value::Int(number.into()));
    match fact {
        ProcessFact::Arguments => Ok(Value::list(std::env::args().map(Value::from))),
        ProcessFact::Executable => path(std::env::current_exe()),
        ProcessFact::WorkingDirectory => path(std::env::current_dir()),
        ProcessFact::TemporaryDirectory => path(Ok(std::env::temp_dir())),
        ProcessFact::CacheDirectory => below_home("XDG_CACHE_HOME", ".cache"),
        ProcessFact::ConfigDirectory => below_home("XDG_CONFIG_HOME", ".config"),
        ProcessFact::HomeDirectory => home().map(Value::from),
        ProcessFact::Pid => number(std::process::id()),
        ProcessFact::ParentPid => number(std::os::unix::process::parent_id()),
        ProcessFact::Uid => number(rustix::process::getuid().as_raw()),
        ProcessFact::EffectiveUid => number(rustix::process::geteuid().as_raw()),
        ProcessFact::Gid => number(rustix::process::getgid().as_raw()),
        ProcessFact::EffectiveGid => number(rustix::process::getegid().as_raw()),
        ProcessFact::PageSize => Ok(Value::Int(i64::try_from(rustix::param::page_size()).unwrap_or(4096))),
    }
}

/// The file that lists the users.
pub(super) const USERS: &str = "/etc/passwd";

/// A user of this machine, by the file that lists them.
pub(super) fn user(users: &Path, name: &str) -> Answer {
    let users = std::fs::read_to_string(users).unwrap_or_default();
    let found = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|entry| entry[0] == name);
    let part = |at: usize| found.as_ref().and_then(|entry| entry.get(at)).copied().unwrap_or_default();
    Ok(Value::structure([
        ("exists", Value::Bool(found.is_some())),
        ("uid", Value::from(part(2))),
        ("home", Value::from(part(5))),
    ]))
}

/// Where a program is found.
pub(super) fn program(name: &str) -> Answer {
    use std::os::unix::fs::PermissionsExt;

    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return match is_program(Path::new(name)) {
            true => Ok(Value::from(name)),
            false => Err(Error::permanent(format!("`{name}` is no program"))),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| is_program(path));
    match found {
        Some(path) => Ok(Value::from(path.to_string_lossy().into_owned())),
        None => Err(Error::permanent(format!("there is no program `{name}`"))),
    }
}

/// Secure random numbers, as hexadecimal digits.
pub(super) fn random(bytes: usize) -> Answer {
    let mut buffer = vec![0; bytes];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut buffer));
    read.map_err(|error| Error::permanent(format!("no random numbers: {error}")))?;
    Ok(Value::from(buffer.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
