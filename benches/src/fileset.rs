//! Many small files: where they are and what they should hold.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use homeostat_model::{Catalog, Params, ResourceDecl, ResourceId, Value};
use tempfile::TempDir;

use homeostat_benches::scratch;

/// The permissions that every file should have. Those of the system's default, so that setting them costs nobody a call.
pub(crate) const MODE: u32 = 0o644;

/// Files in one directory of a file system in memory.
#[derive(Debug)]
pub(crate) struct FileSet {
    dir: TempDir,
    count: usize,
}

impl FileSet {
    /// None of them exists yet.
    pub(crate) fn new(count: usize) -> anyhow::Result<Self> {
        Ok(Self { dir: scratch()?, count })
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The directory that holds the files and nothing else.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// Puts an empty directory in the place of the one that is there.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        if self.path().exists() {
            std::fs::remove_dir_all(self.path())?;
        }
        Ok(std::fs::create_dir(self.path())?)
    }

    /// Makes all of them, outside of what is measured.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        self.empty()?;
        for at in 0..self.count {
            std::fs::write(self.file(at), content(at))?;
        }
        Ok(())
    }

    pub(crate) fn file(&self, at: usize) -> PathBuf {
        self.path().join(name(at))
    }

    /// Says whether each of them holds what it should.
    pub(crate) fn verify(&self) -> anyhow::Result<()> {
        for at in 0..self.count {
            let path = self.file(at);
            let found = std::fs::read(&path).with_context(|| path.display().to_string())?;
            anyhow::ensure!(found == content(at).as_bytes(), "{} holds something else", path.display());
        }
        Ok(())
    }

    /// One `file` resource.
    pub(crate) fn decl(&self, at: usize, content: &str) -> ResourceDecl {
        let path = self.file(at).display().to_string();
        let params = [("content", Value::str(content)), ("mode", Value::str(format!("{MODE:04o}")))];
        ResourceDecl::new(ResourceId::new("file", path), params.into_iter().collect::<Params>())
    }

    /// A `file` resource for each.
    pub(crate) fn catalog(&self) -> Catalog {
        let resources = (0..self.count).map(|at| self.decl(at, &content(at)));
        Catalog { resources: resources.collect(), ..Catalog::default() }
    }

    /// The same as graph YAML, beside the directory of the files.
    pub(crate) fn write_yaml(&self) -> anyhow::Result<PathBuf> {
        let mut yaml = String::from("graph: files\nresources:\n  file:\n");
        for at in 0..self.count {
            let (path, content) = (self.file(at), content(at));
            writeln!(
                yaml,
                "  - name: {}\n    content: {content:?}\n    mode: \"{MODE:04o}\"",
                path.display()
            )?;
        }
        let path = self.dir.path().join("files.yaml");
        std::fs::write(&path, yaml)?;
        Ok(path)
    }

    /// A directory beside that of the files.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

pub(crate) fn name(at: usize) -> String {
    format!("f{at:06}")
}

pub(crate) fn content(at: usize) -> String {
    format!("content of file {at:06}\n")
}
