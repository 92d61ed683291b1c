//! Modules: from an entry point to all files of a program.
//!
//! Paths are those of a small file system of the program's own: absolute, separated by `/`, with the entry's module at the
//! root. Whoever implements [`Files`] says what they are on the machine. Nothing is said of an import that is wrong until
//! something that is used needs it: [`crate::scope`] does that.

mod import;
mod load;
mod metadata;
mod path;
mod remote;
mod unread;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, Span, Stage};

use crate::ast::{Program, StatementId};
use crate::syntax::Confined;

pub use import::default_alias;
pub use load::{GLOBAL_DIRECTORY, load, load_as};
pub use remote::{Remote, RemoteImport};

/// Who reads the files of a program.
pub trait Files {
    /// The text at a path.
    ///
    /// # Errors
    /// [`Unreadable`], with what people should know.
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable>;

    /// What people call the file at a path.
    fn name(&self, path: &str) -> String;
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// There is none.
    Missing,
    /// Something else; the words continue "cannot read it: ".
    Failed(String),
}

/// The number of a file of a program; 0 is the one that everything begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// The file that everything begins with.
    pub const MAIN: FileId = FileId(0);

    fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its place among the files.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an import leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// A file, with all that is visible at its top.
    File(FileId),
    /// A module of the function library.
    Library(Arc<str>),
}

/// A file of a program.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path.
    pub path: Arc<str>,
    /// The directory of its module, ending in a slash: what paths of `deploy` functions are below.
    pub module: Arc<str>,
    /// What it says.
    pub program: Program,
    /// What is wrong with its text.
    pub diagnostics: Vec<Diagnostic>,
    /// The words on lines that could not be read, and may have defined something.
    unread: HashSet<String>,
    confined: Confined,
    source: SourceId,
    /// The statement that it was read for, unless everything begins with it.
    imported_at: Option<Span>,
    imports: HashMap<StatementId, Result<Imported, Box<Diagnostic>>>,
}

impl File {
    /// What an import statement of this file leads to, or what is wrong with it.
    pub fn import(&self, statement: StatementId) -> Option<&Result<Imported, Box<Diagnostic>>> {
        self.imports.get(&statement)
    }

    /// Whether part of it could not be read.
    pub fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.stage == Stage::Parse)
    }

    /// Whether a name stands on a line that could not be read, and may have defined it.
    pub fn may_define(&self, name: &str) -> bool {
        self.unread.contains(name)
    }

    /// How far what could not be read leaves the rest as it is.
    pub(crate) fn confined(&self) -> Confined {
        self.confined
    }
}

/// So many imports, one within the other, are shown of what was found.
const WAY_MAX: usize = 8;

/// All files of a program.
#[derive(Debug, Clone)]
pub struct Modules {
    files: Vec<File>,
    /// Every path that was looked at, whether or not something was there: what has to be followed.
    pub looked_at: Vec<Arc<str>>,
    /// The modules that come from somewhere else, each once, in the order in which they were met.
    pub remotes: Vec<RemoteImport>,
    /// The directories with files that modules bring along, each ending in a slash; not all need to be there.
    pub shipped: Vec<Arc<str>>,
}

impl Modules {
    /// A file.
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.index()]
    }

    /// Adds to what was found in a file the import that led there, and those that led to that one. Imports are names that
    /// refer to something: what keeps a file from being one is found in the step that resolves names.
    pub fn with_imports(&self, mut found: Diagnostic) -> Diagnostic {
        let mut at = found.span;
        for _ in 0..WAY_MAX {
            let file = at.and_then(|span| self.files.iter().find(|file| file.source == span.source));
            let Some(import) = file.and_then(|file| file.imported_at) else { break };
            found.stage = found.stage.max(Stage::Scope);
            if !found.labels.iter().any(|label| label.span == import) {
                found = found.label(import, "imported here");
            }
            at = Some(import);
        }
        found
    }

    /// All of them, in the order of their numbers.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (FileId, &File)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId::new(at), file))
    }
}
