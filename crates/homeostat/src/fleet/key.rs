//! The key of an operator: a file of his, closed to others, with the public half beside it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use homeostat_cluster::deploys::OperatorKey;
use homeostat_cluster::identity::Operator;
use homeostat_engine::durable;

use crate::exit::refused;

const KEY_BYTES_MAX: u64 = 4096;

/// A key with its name.
pub(crate) struct KeyFile {
    pub(crate) key: OperatorKey,
    pub(crate) operator: Operator,
}

/// Where a key is if nobody says otherwise.
pub(crate) fn default_key() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("homeostat/operator.key"))
        .ok_or_else(|| refused("neither XDG_CONFIG_HOME nor HOME is set: say where with --key"))
}

impl KeyFile {
    /// Makes a new key where none is.
    pub(crate) fn create(path: &Path, name: &str) -> anyhow::Result<Self> {
        if path.exists() {
            return Err(refused(format!("{} is there already", path.display())));
        }
        let key = OperatorKey::generate();
        let operator = key.operator(name).map_err(refused)?;
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let line = String::from(operator.clone()) + "\n";
        // The public half first: a key without it would be of no use.
        for (path, text) in [(public(path), line.as_str()), (path.to_owned(), key.to_text().reveal())] {
            durable::write(&path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self { key, operator })
    }

    /// Reads a key, which nobody else may be able to read.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let found = fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                refused(format!("there is no key {shown}: make one with `homeostat operator init`"))
            }
            _ => refused(format!("cannot read {shown}: {error}")),
        })?;
        if found.mode() & 0o077 != 0 {
            return Err(refused(format!("the key {shown} can be read by others: `chmod 0600 {shown}`")));
        }
        let key =
            OperatorKey::from_text(&read(path)?).ok_or_else(|| refused(format!("{shown} is no key")))?;
        let line = read(&public(path))?;
        let operator = Operator::try_from(line).ok().filter(|operator| key.is_of(operator));
        let operator = operator
            .ok_or_else(|| refused(format!("{} does not belong to {shown}", public(path).display())))?;
        Ok(Self { key, operator })
    }
}

/// The public half of a key.
fn public(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| refused(format!("cannot read {}: {error}", path.display())))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/operator.key");
        let made = KeyFile::create(&path, "ann").unwrap();
        assert!(KeyFile::create(&path, "ann").is_err());
        assert_eq!(KeyFile::load(&path).unwrap().operator, made.operator);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(KeyFile::load(&path).is_err());
    }
}
