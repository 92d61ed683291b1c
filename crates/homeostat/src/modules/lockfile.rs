//! The lock file: at which commit each module is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use homeostat_model::{Diagnostic, Stage, codes};
use serde::{Deserialize, Serialize};

use crate::place::write_whole;

/// Lies beside the file that a program begins with.
const NAME: &str = "homeostat.lock";
const VERSION: u32 = 1;
const BYTES_MAX: u64 = 1 << 20;

/// The modules of a program with their commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockFile {
    version: u32,
    /// By the path below a directory of modules.
    pub(crate) modules: BTreeMap<String, Pinned>,
}

/// Where a module comes from and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    pub(crate) url: String,
    pub(crate) commit: Commit,
}

/// The name of a commit, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Commit(String);

impl Commit {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As much of it as people compare.
    pub(crate) fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl TryFrom<String> for Commit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if matches!(text.len(), 40 | 64) && text.chars().all(is_digit) {
            Ok(Self(text))
        } else {
            Err("a commit is written in 40 or 64 hexadecimal digits")
        }
    }
}

impl Default for LockFile {
    fn default() -> Self {
        Self { version: VERSION, modules: BTreeMap::new() }
    }
}

impl LockFile {
    pub(crate) fn path(root: &Path) -> PathBuf {
        root.join(NAME)
    }

    /// The one of the program in a directory; without a file, one that pins nothing.
    pub(crate) fn read(root: &Path) -> Result<Self, Box<Diagnostic>> {
        let path = Self::path(root);
        let invalid = |why: String| {
            let message = format!("`{}` is no lock file: {why}", path.display());
            Box::new(Diagnostic::error(codes::INVALID_LOCK, Stage::Scope, message))
        };
        let text = match fs::metadata(&path) {
            Ok(found) if found.len() > BYTES_MAX => {
                return Err(invalid(format!("it has more than {BYTES_MAX} bytes")));
            }
            Ok(_) => fs::read_to_string(&path).map_err(|error| invalid(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(invalid(error.to_string())),
        };
        let lock: Self = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        if lock.version != VERSION {
            return Err(invalid(format!("it has the version {}, and {VERSION} is known here", lock.version)));
        }
        let leads_away = |path: &&String| path.split('/').any(|part| matches!(part, "." | ".."));
        if let Some(path) = lock.modules.keys().find(leads_away) {
            return Err(invalid(format!("no module is at `{path}`")));
        }
        Ok(lock)
    }

    /// Writes it, unless it says so already.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        let path = Self::path(root);
        let text = serde_json::to_string_pretty(self)? + "\n";
        if fs::read_to_string(&path).is_ok_and(|before| before == text) {
            return Ok(());
        }
        write_whole(&path, text.as_bytes())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LockFile::read(dir.path()).unwrap(), LockFile::default());
        let mut lock = LockFile::default();
        let commit = Commit::try_from("0123456789abcdef0123456789abcdef01234567".to_owned()).unwrap();
        lock.modules.insert("h/a/".into(), Pinned { url: "git://h/a/".into(), commit });
        lock.write(dir.path()).unwrap();
        assert_eq!(LockFile::read(dir.path()).unwrap(), lock);
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let pinned = |commit: &str| {
            format!(
                "{{\"version\": 1, \"modules\": {{\"h/a/\": {{\"url\": \"git://h/a/\", \"commit\": \"{commit}\"}}}}}}"
            )
        };
        let older = "{\"version\": 2, \"modules\": {}}".to_owned();
        for text in [String::new(), "[]".into(), older, pinned("HEAD"), pinned("../../../etc")] {
            fs::write(LockFile::path(dir.path()), &text).unwrap();
            assert!(LockFile::read(dir.path()).is_err(), "{text}");
        }
    }
}
