//! The files of a program, below the directory that it begins in.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat_lang::modules::{Files, Modules, Unreadable};

use super::ProgramFiles;
use crate::inputs::{Identity, MAX_PROGRAM_BYTES, ProgramInput, ProgramText, read_file};
use crate::modules::Places;

/// A directory as the root of a program.
pub(super) struct Directory {
    places: Places,
    entry: String,
    /// What standard input held, which is no file.
    text: Option<Result<Arc<str>, Unreadable>>,
    read: RefCell<Vec<ReadFile>>,
    /// What was asked for and could not be read: it may be there later.
    missing: RefCell<Vec<PathBuf>>,
}

/// A file that was read.
struct ReadFile {
    /// Its path in the program.
    path: String,
    /// Where it is here, and what it was then.
    here: (PathBuf, Option<Identity>),
}

/// What standard input is called among the files.
const STDIN: &str = "/<stdin>";

/// The directory that a program begins in.
pub(crate) fn root(input: &ProgramInput) -> PathBuf {
    match &input.text {
        ProgramText::File => input.path.parent().map(Path::to_owned).unwrap_or_default(),
        ProgramText::Directory => input.path.clone(),
        ProgramText::Stdin(_) => PathBuf::new(),
    }
}

impl Directory {
    pub(super) fn new(input: &ProgramInput, places: Places) -> Self {
        let (entry, text) = match &input.text {
            ProgramText::File => {
                (format!("/{}", input.path.file_name().unwrap_or_default().to_string_lossy()), None)
            }
            ProgramText::Directory => ("/".to_owned(), None),
            ProgramText::Stdin(bytes) => (STDIN.to_owned(), Some(text_of(bytes.clone()))),
        };
        Self { places, entry, text, read: RefCell::default(), missing: RefCell::default() }
    }

    pub(super) fn entry(&self) -> &str {
        &self.entry
    }

    /// What was read, and what it was then; and what could not be.
    pub(super) fn read_here(&self) -> Vec<(PathBuf, Option<Identity>)> {
        let missing = self.missing.borrow().clone().into_iter().map(|path| (path, None));
        self.read.borrow().iter().map(|file| file.here.clone()).chain(missing).collect()
    }

    /// All that belongs to a program.
    pub(super) fn into_files(self, modules: &Modules, places: &Places) -> ProgramFiles {
        let texts: Vec<String> = self.read.into_inner().into_iter().map(|file| file.path).collect();
        let entry = match self.entry.as_str() {
            "/" if texts.iter().any(|path| path == "/metadata.yaml") => "/metadata.yaml".to_owned(),
            "/" => "/main.mcl".to_owned(),
            entry => entry.to_owned(),
        };
        let shipped = modules.shipped.iter().map(|directory| directory.to_string());
        let bases = modules.remotes.iter().filter_map(|import| import.base.as_deref());
        let fetched = bases.filter(|base| places.fetched().any(|(fetched, _)| fetched == *base));
        let directories = shipped.chain(fetched.map(str::to_owned)).collect();
        let stdin = self.text.and_then(Result::ok);
        ProgramFiles { root: places.root().to_owned(), entry, stdin, texts, directories }
    }
}

fn text_of(bytes: Vec<u8>) -> Result<Arc<str>, Unreadable> {
    String::from_utf8(bytes).map(Arc::from).map_err(|error| {
        Unreadable::Failed(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
    })
}

impl Files for Directory {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        if let (STDIN, Some(text)) = (path, &self.text) {
            return text.clone();
        }
        let here = self.places.path(path);
        let (bytes, identity) = read_file(&here).map_err(|error| {
            self.missing.borrow_mut().push(here.clone());
            match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Missing,
                io::ErrorKind::PermissionDenied => Unreadable::Failed("permission denied".into()),
                io::ErrorKind::IsADirectory => Unreadable::Failed("it is a directory".into()),
                _ => Unreadable::Failed(error.to_string()),
            }
        })?;
        self.read.borrow_mut().push(ReadFile { path: path.to_owned(), here: (here, Some(identity)) });
        if bytes.len() > MAX_PROGRAM_BYTES {
            return Err(Unreadable::Failed(format!("it has more than {MAX_PROGRAM_BYTES} bytes")));
        }
        text_of(bytes)
    }

    fn name(&self, path: &str) -> String {
        match path {
            STDIN => "<stdin>".to_owned(),
            path => self.places.path(path).to_string_lossy().into_owned(),
        }
    }
}
