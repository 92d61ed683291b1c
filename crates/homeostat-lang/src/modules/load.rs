//! Reading all files of a program, each once.

use std::collections::HashMap;
use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, SourceMap, Span, Stage, codes};

use super::import::{self, Wanted};
use super::metadata::Metadata;
use super::path::{directory, join};
use super::remote::{Remote, RemoteImport};
use super::{File, FileId, Files, Imported, Modules, Unreadable, unread};
use crate::ast::{self, Import, StatementId, StatementKind};
use crate::syntax::{Confined, Mode, confined};

/// Where modules that come from somewhere else are looked for last.
pub const GLOBAL_DIRECTORY: &str = "/modules/";

/// Reads the program that begins at a path: a file, or a directory with a module, which ends in a slash. Texts are added to
/// `sources`.
///
/// # Errors
/// What is wrong where there is nothing to begin with.
pub fn load(entry: &str, files: &dyn Files, sources: &mut SourceMap) -> Result<Modules, Box<Diagnostic>> {
    load_as(Mode::Program, entry, files, sources)
}

/// The same where the file that everything begins with may be one of tests.
///
/// # Errors
/// As above.
pub fn load_as(
    mode: Mode,
    entry: &str,
    files: &dyn Files,
    sources: &mut SourceMap,
) -> Result<Modules, Box<Diagnostic>> {
    let mut loader = Loader {
        mode,
        files,
        sources,
        modules: Vec::new(),
        loaded: Vec::new(),
        by_path: HashMap::new(),
        looked_at: Vec::new(),
        remotes: Vec::new(),
    };
    let entry = if entry.ends_with("/metadata.yaml") { directory(entry) } else { entry };
    let main = if entry.ends_with('/') {
        loader.module(entry, None, None)?
    } else {
        let base: Arc<str> = directory(entry).into();
        let module =
            Module { base: base.clone(), main_directory: base, metadata: Metadata::default(), parent: None };
        loader.modules.push(module);
        (entry.to_owned(), 0)
    };
    let (path, module) = main;
    let text = loader.read(&path).map_err(|why| loader.unreadable(&path, &why, None))?;
    let main = loader.file(&path, text, module, None);
    loader.imports(main);
    let shipped =
        loader.modules.iter().map(|module| format!("{}{}", module.base, module.metadata.files).into());
    let shipped = shipped.collect();
    let Loader { loaded: files, looked_at, remotes, .. } = loader;
    Ok(Modules { files, looked_at, remotes, shipped })
}

/// A directory with a program.
struct Module {
    base: Arc<str>,
    /// Where its main file lies.
    main_directory: Arc<str>,
    metadata: Metadata,
    /// The one that imports it.
    parent: Option<usize>,
}

struct Loader<'a> {
    /// What the first file is for.
    mode: Mode,
    files: &'a dyn Files,
    sources: &'a mut SourceMap,
    modules: Vec<Module>,
    loaded: Vec<File>,
    by_path: HashMap<Arc<str>, FileId>,
    looked_at: Vec<Arc<str>>,
    remotes: Vec<RemoteImport>,
}

/// A file whose imports are gone through.
struct Open {
    file: FileId,
    module: usize,
    imports: std::vec::IntoIter<StatementId>,
}

impl Loader<'_> {
    fn read(&mut self, path: &str) -> Result<Arc<str>, Unreadable> {
        let path: Arc<str> = path.into();
        if !self.looked_at.contains(&path) {
            self.looked_at.push(path.clone());
        }
        self.files.read(&path)
    }

    fn unreadable(&self, path: &str, why: &Unreadable, import: Option<Span>) -> Box<Diagnostic> {
        let name = self.files.name(path);
        let why = match why {
            Unreadable::Missing => "there is no such file",
            Unreadable::Failed(why) => why,
        };
        let stage = if import.is_some() { Stage::Scope } else { Stage::Parse };
        Box::new(
            Diagnostic::error(codes::UNREADABLE, stage, format!("cannot read `{name}`: {why}"))
                .at(import)
                .of_file(name),
        )
    }

    /// The main file of the module in a directory, and the number of the module.
    fn module(
        &mut self,
        base: &str,
        parent: Option<usize>,
        import: Option<Span>,
    ) -> Result<(String, usize), Box<Diagnostic>> {
        let described = format!("{base}metadata.yaml");
        let metadata = match self.read(&described) {
            Ok(text) => {
                let source = self.sources.add(self.files.name(&described), text.clone());
                Metadata::parse(&text, source)
                    .map_err(|wrong| Box::new(wrong.label(import, "imported here")))?
            }
            Err(Unreadable::Missing) => Metadata::default(),
            Err(why) => return Err(self.unreadable(&described, &why, import)),
        };
        let main = format!("{base}{}", metadata.main);
        let main_directory = directory(&main).into();
        self.modules.push(Module { base: base.into(), main_directory, metadata, parent });
        Ok((main, self.modules.len() - 1))
    }

    fn file(&mut self, path: &str, text: Arc<str>, module: usize, imported_at: Option<Span>) -> Open {
        let source: SourceId = self.sources.add(self.files.name(path), text.clone());
        let mode = if self.loaded.is_empty() { self.mode } else { Mode::Program };
        let parsed = ast::parse_as(&text, source, mode);
        let id = FileId::new(self.loaded.len());
        let path: Arc<str> = path.into();
        self.by_path.insert(path.clone(), id);
        let statements = parsed.program.statements().iter().enumerate();
        let imports: Vec<StatementId> = statements
            .filter(|(_, statement)| matches!(statement.kind, StatementKind::Import(_)))
            .filter_map(|(at, _)| parsed.program.statement_id(at))
            .collect();
        let is_broken = parsed.diagnostics.iter().any(|found| found.stage == Stage::Parse);
        let confined = if is_broken { confined(&text, source) } else { Confined::Everywhere };
        let unread = unread::words(&text, &parsed, confined);
        self.loaded.push(File {
            path,
            module: self.modules[module].base.clone(),
            program: parsed.program,
            diagnostics: parsed.diagnostics,
            imports: HashMap::new(),
            unread,
            confined,
            source,
            imported_at,
        });
        Open { file: id, module, imports: imports.into_iter() }
    }

    /// Reads what a file imports, and what that imports.
    fn imports(&mut self, main: Open) {
        let mut open = vec![main];
        while let Some(last) = open.last_mut() {
            let Some(statement) = last.imports.next() else {
                open.pop();
                continue;
            };
            let (file, module) = (last.file, last.module);
            let StatementKind::Import(import) =
                self.loaded[file.index()].program.statement(statement).kind.clone()
            else {
                continue;
            };
            let span = self.loaded[file.index()].program.statement(statement).span;
            let imported = match self.import(&import, span, module) {
                Ok(Found::Library(name)) => Ok(Imported::Library(name)),
                Ok(Found::File(path, inner)) => self.enter(&path, inner, span, &mut open),
                Err(wrong) => Err(wrong),
            };
            self.loaded[file.index()].imports.insert(statement, imported);
        }
    }

    /// The file at a path, which is read where it was not yet.
    fn enter(
        &mut self,
        path: &str,
        module: usize,
        import: Span,
        open: &mut Vec<Open>,
    ) -> Result<Imported, Box<Diagnostic>> {
        if let Some(known) = self.by_path.get(path) {
            if open.iter().any(|open| open.file == *known) {
                let message = format!("`{}` imports itself", self.files.name(path));
                let recursive = Diagnostic::error(codes::RECURSIVE_IMPORT, Stage::Scope, message).at(import);
                return Err(Box::new(recursive.help("move what both need into a third file")));
            }
            return Ok(Imported::File(*known));
        }
        let text = self.read(path).map_err(|why| self.unreadable(path, &why, Some(import)))?;
        let opened = self.file(path, text, module, Some(import));
        let id = opened.file;
        open.push(opened);
        Ok(Imported::File(id))
    }

    fn import(&mut self, import: &Import, span: Span, module: usize) -> Result<Found, Box<Diagnostic>> {
        let within = |path: String, found: Option<String>| {
            found.ok_or_else(|| {
                let message = format!("`{path}` lies outside of the program");
                let outside = Diagnostic::error(codes::INVALID_IMPORT, Stage::Scope, message).at(span);
                Box::new(
                    outside.help("only what lies below the directory of the main program can be imported"),
                )
            })
        };
        match import::wanted(&import.path, span)? {
            Wanted::Library(name) => Ok(Found::Library(name.into())),
            Wanted::File(path) => {
                let full = join(&self.modules[module].main_directory, &path);
                Ok(Found::File(within(path, full)?, module))
            }
            Wanted::Directory(path) => {
                let full = join(&self.modules[module].main_directory, &path);
                let (main, inner) = self.module(&within(path, full)?, Some(module), Some(span))?;
                Ok(Found::File(main, inner))
            }
            Wanted::Remote(remote) => {
                let base = self.remote(&remote, module).ok_or_else(|| {
                    let message = format!("the module `{}` is not here", import.path);
                    let missing = Diagnostic::error(codes::MISSING_MODULE, Stage::Scope, message).at(span);
                    Box::new(missing.help("`homeostat module fetch` gets it"))
                })?;
                let (main, inner) = self.module(&base, Some(module), Some(span))?;
                Ok(Found::File(main, inner))
            }
        }
    }

    /// The first directory of modules, going outwards, that has the module.
    fn remote(&mut self, remote: &Remote, module: usize) -> Option<String> {
        let path = &remote.path;
        let mut at = Some(module);
        let mut candidates = Vec::new();
        while let Some(index) = at {
            let Module { base, metadata, parent, .. } = &self.modules[index];
            candidates.extend(metadata.path.as_ref().map(|modules| format!("{base}{modules}{path}")));
            at = if metadata.blocks_parents { None } else { *parent };
        }
        candidates.push(format!("{GLOBAL_DIRECTORY}{path}"));
        let found = candidates.into_iter().find(|base| {
            ["metadata.yaml", "main.mcl"].iter().any(|file| self.read(&format!("{base}{file}")).is_ok())
        });
        if !self.remotes.iter().any(|known| known.remote.path == *path) {
            let base = found.as_deref().map(Arc::from);
            self.remotes.push(RemoteImport { remote: remote.clone(), base });
        }
        found
    }
}

enum Found {
    Library(Arc<str>),
    /// A file and the number of its module.
    File(String, usize),
}
