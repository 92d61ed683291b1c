//! The files of a program, below the directory that it begins in.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat_lang::modules::{Files, Unreadable};

use super::Root;
use crate::inputs::{Identity, MAX_PROGRAM_BYTES, ProgramInput, ProgramText, read_file};

/// A directory as the root of a program.
pub(super) struct Directory {
    root: PathBuf,
    entry: String,
    /// What standard input held, which is no file.
    text: Option<Arc<str>>,
    read: RefCell<Vec<(PathBuf, Option<Identity>)>>,
}

/// What standard input is called among the files.
const STDIN: &str = "/<stdin>";

impl Directory {
    pub(super) fn of(input: &ProgramInput) -> Self {
        let (root, entry, text) = match &input.text {
            ProgramText::File => {
                let name = input.path.file_name().unwrap_or_default().to_string_lossy();
                let root = input.path.parent().map(Path::to_owned).unwrap_or_default();
                (root, format!("/{name}"), None)
            }
            ProgramText::Directory => (input.path.clone(), "/".to_owned(), None),
            ProgramText::Stdin(bytes) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                (PathBuf::new(), STDIN.to_owned(), Some(text.into()))
            }
        };
        Self { root, entry, text, read: RefCell::default() }
    }

    pub(super) fn entry(&self) -> &str {
        &self.entry
    }

    pub(super) fn root(&self) -> Root {
        let root = if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root };
        std::path::absolute(root).unwrap_or_else(|_| root.to_owned()).into()
    }

    /// What was read, and what it was then.
    pub(super) fn into_files(self) -> Vec<(PathBuf, Option<Identity>)> {
        self.read.into_inner()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Files for Directory {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        if let (STDIN, Some(text)) = (path, &self.text) {
            return Ok(text.clone());
        }
        let path = self.path(path);
        let (bytes, identity) = read_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Missing,
            io::ErrorKind::PermissionDenied => Unreadable::Failed("permission denied".into()),
            io::ErrorKind::IsADirectory => Unreadable::Failed("it is a directory".into()),
            _ => Unreadable::Failed(error.to_string()),
        })?;
        self.read.borrow_mut().push((path, Some(identity)));
        if bytes.len() > MAX_PROGRAM_BYTES {
            return Err(Unreadable::Failed(format!("it has more than {MAX_PROGRAM_BYTES} bytes")));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(Unreadable::Failed(format!("byte {at} is not UTF-8")))
            }
        }
    }

    fn name(&self, path: &str) -> String {
        match path {
            STDIN => "<stdin>".to_owned(),
            path => self.path(path).to_string_lossy().into_owned(),
        }
    }
}
