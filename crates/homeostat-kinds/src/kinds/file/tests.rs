use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use homeostat_engine::{Causes, Change, Drift};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::test_host::{host_below, whole_host};

/// A directory of the host, and what a vertex would do with a resource in it.
struct Place {
    dir: TempDir,
    host: homeostat_engine::Host,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            host: whole_host(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().to_str().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn file(&self, name: &str, params: serde_json::Value) -> File {
        declare(&self.text(name), params).unwrap()
    }

    fn cx(&self) -> Context<'_> {
        Context {
            host: &self.host,
            causes: Causes::WAKE,
        }
    }

    fn look(&self, file: &File) -> Result<Check<FileDrift>, Failure> {
        block_on(file.check(&self.cx()))
    }

    fn drift(&self, file: &File) -> Vec<Change> {
        match self.look(file).unwrap() {
            Check::Converged(_) => Vec::new(),
            Check::Drifted(drift) => drift.changes(),
        }
    }

    /// Checks, applies what was found, and says what that was.
    fn try_put(&self, file: &File) -> Result<Vec<Change>, Failure> {
        match self.look(file)? {
            Check::Converged(_) => Ok(Vec::new()),
            Check::Drifted(drift) => {
                let changes = drift.changes();
                block_on(file.apply(&self.cx(), drift))?;
                Ok(changes)
            }
        }
    }

    /// Brings it in order, and expects that it then is.
    fn put(&self, file: &File) -> Vec<String> {
        let changes = self.try_put(file).unwrap();
        assert_eq!(self.drift(file), [], "it is in order after an apply");
        changes
            .into_iter()
            .map(|change| change.property.into_owned())
            .collect()
    }

    fn entries(&self, name: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn declare(name: &str, params: serde_json::Value) -> Result<File, Vec<ParamError>> {
    File::new(name, serde_json::from_value(params).unwrap())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_missing_file_is_created_with_its_content() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "hello\n"}));
    assert_eq!(place.put(&file), ["state", "content"]);
    assert_eq!(place.read("f"), "hello\n");
    assert_eq!(place.entries(""), ["f"], "no temporary file stays");
}

#[test]
fn a_changed_file_gets_its_content_back() {
    let place = Place::new();
    place.write("f", "one\ntwo\n");
    let file = place.file("f", json!({"content": "one\nthree\n"}));
    let changes = place.try_put(&file).unwrap();
    let diff = changes[0].diff.clone().unwrap();
    assert!(diff.contains("-two\n") && diff.contains("+three\n"), "{diff}");
    assert_eq!(place.read("f"), "one\nthree\n");
    place.write("f", "one\nTHREE\n");
    assert_eq!(place.put(&file), ["content"]);
}

#[test]
fn an_absent_file_is_removed() {
    let place = Place::new();
    place.write("f", "x");
    let file = place.file("f", json!({"state": "absent"}));
    assert_eq!(place.put(&file), ["state"]);
    assert!(!place.path("f").exists());
}
