//! Programs of the language among the inputs: reading them, foreseeing what they declare, and running them.

mod current;
mod files;
mod running;
mod stores;
mod testing;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use homeostat_engine::Registry;
use homeostat_lang::eval::collector::{Unknown, UnknownPart, Unknowns};
use homeostat_lang::eval::flow::Asking;
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::infer::Kinds;
use homeostat_lang::modules::RemoteImport;
use homeostat_lang::{modules, program};
use homeostat_model::{Catalog, CatalogDelta, Diagnostic, KindSchema, ResourceDecl, SourceMap, Stage, codes};

use crate::inputs::{ProgramInput, read_file};
use crate::modules::{Cache, LockFile, Places, Prefer};

use current::Current;
pub(crate) use current::merge;
use files::Directory;
pub(crate) use files::root;
pub(crate) use running::{Programs, Update, first};
pub(crate) use stores::Stores;
pub(crate) use testing::{Suite, find_tests};
pub(crate) use world::UNANSWERED;

/// The kinds of a registry, as the language knows them.
struct Known(Registry);

impl Kinds for Known {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.0.schema(kind)
    }

    fn names(&self) -> Vec<&str> {
        self.0.names().collect()
    }
}

/// A program that was read and is right.
pub(crate) struct Loaded {
    pub(crate) program: Program,
    /// Where its files are, and the paths of its functions.
    pub(crate) places: Places,
    pub(crate) files: ProgramFiles,
}

/// The files of a program, by their paths in it.
pub(crate) struct ProgramFiles {
    /// Its directory, as it was given.
    pub(crate) root: PathBuf,
    /// The file that names it: its main file, or that of its module.
    pub(crate) entry: String,
    /// What the entry holds where that came from standard input.
    pub(crate) stdin: Option<Arc<str>>,
    /// What was read.
    pub(crate) texts: Vec<String>,
    /// Directories that come along whole, each ending in a slash. Not all of them need to be there.
    pub(crate) directories: Vec<String>,
}

/// Reads a program and checks it. The files that it was read from are remembered in the input.
pub(crate) fn load(
    input: &mut ProgramInput,
    hostname: &str,
    sources: &mut SourceMap,
) -> Result<Loaded, Vec<Diagnostic>> {
    let places = places_of(root(input)).map_err(|wrong| vec![*wrong])?;
    let directory = Directory::new(input, places.clone());
    let modules = modules::load(directory.entry(), &directory, sources);
    input.files = directory.read_here();
    if let Ok((_, identity)) = read_file(&LockFile::path(places.root())) {
        input.files.push((LockFile::path(places.root()), Some(identity)));
    }
    let modules = modules.map_err(|wrong| vec![*wrong])?;
    let files = directory.into_files(&modules, &places);
    let kinds = Arc::new(Known(crate::catalog::registry()));
    let program = |checked| Program::new(checked, kinds.clone(), hostname.into());
    match program::check(modules, &*kinds) {
        Ok(checked) => Ok(Loaded { program: program(checked), places: places.absolute(), files }),
        Err(refused) => {
            let mut found = refused.found;
            if let Some(rest) = refused.rest {
                let (evaluator, _) = settled(program(*rest), &places.absolute());
                found.extend(wrong_with(&evaluator));
            }
            Err(found)
        }
    }
}

/// Where the files of the program in a directory are.
fn places_of(root: PathBuf) -> Result<Places, Box<Diagnostic>> {
    let locked = LockFile::read(&root)?;
    Ok(Places::new(root, &locked, Cache::usual().as_ref(), Prefer::Vendored))
}

/// The modules that a program imports from elsewhere, as far as what is at the places tells.
pub(crate) fn remotes(
    input: &ProgramInput,
    places: Places,
    sources: &mut SourceMap,
) -> Result<Vec<RemoteImport>, Box<Diagnostic>> {
    let directory = Directory::new(input, places);
    Ok(modules::load(directory.entry(), &directory, sources)?.remotes)
}

/// What a program declares as far as it can be told without asking the world anything. What lies in its own files is told.
pub(crate) fn foresee(loaded: Loaded) -> (Catalog, Vec<Diagnostic>) {
    let (evaluator, given) = settled(loaded.program, &loaded.places);
    let mut found = wrong_with(&evaluator);
    found.extend(evaluator.unknown().into_iter().map(note));
    (given.unwrap_or_default(), found)
}

/// Evaluates a program where nobody answers anything but what is asked of its own files.
fn settled(program: Program, places: &Places) -> (Evaluator, Option<Catalog>) {
    let mut evaluator = Evaluator::new(program, Unknowns::LeaveOut);
    let mut given: Option<Catalog> = None;
    loop {
        given = match (evaluator.settle(), given) {
            (Some(delta), None) => Some(first_of(delta)),
            (Some(delta), Some(before)) if !delta.is_empty() => {
                let mut current = Current::from(before);
                current.apply(delta);
                Some(current.catalog())
            }
            (_, before) => before,
        };
        if !answer_own(&mut evaluator, places) {
            break;
        }
    }
    (evaluator, given)
}

/// What is wrong with what was evaluated. Where anything is, no catalog is given, so what kinds refuse is said here.
fn wrong_with(evaluator: &Evaluator) -> Vec<Diagnostic> {
    let mut found = evaluator.diagnostics();
    if !found.is_empty() || evaluator.is_of_refused() {
        found.extend(refusals(evaluator.declared()));
    }
    found
}

/// What kinds refuse of these, each once.
fn refusals<'a>(declared: impl IntoIterator<Item = &'a ResourceDecl>) -> Vec<Diagnostic> {
    let registry = crate::catalog::registry();
    let refused = declared.into_iter().filter_map(|declared| registry.build(declared).err());
    let mut refused: Vec<Diagnostic> = refused.flatten().collect();
    refused.dedup();
    refused
}

/// Answers what is asked of the program's own files; says whether anything was.
fn answer_own(evaluator: &mut Evaluator, places: &Places) -> bool {
    let mut is_any = false;
    for asking in evaluator.take_askings() {
        let Asking::Begin(id, request) = asking else { continue };
        if let Some(answer) = world::of_module(places, &request) {
            evaluator.answer(id, answer);
            is_any = true;
        }
    }
    is_any
}

fn first_of(delta: CatalogDelta) -> Catalog {
    Catalog {
        resources: delta.set,
        edges: delta.set_edges,
        sends: delta.set_sends,
        exports: delta.set_exports,
        collects: delta.collects.unwrap_or_default(),
        ..Catalog::default()
    }
}

fn note(unknown: &Unknown) -> Diagnostic {
    let message = match &unknown.part {
        UnknownPart::Param(id, name) => format!("`{name}` of `{id}` is not known before it runs"),
        UnknownPart::Meta(id, name) => format!("`Meta:{name}` of `{id}` is not known before it runs"),
        UnknownPart::Names(kind) => {
            format!("which resources of the kind `{kind}` there are is not known before it runs")
        }
        UnknownPart::Edge => "what this connects is not known before it runs".to_owned(),
        UnknownPart::Block => "what this declares is not known before it runs".to_owned(),
        UnknownPart::Condition => "whether this holds is not known before it runs".to_owned(),
    };
    let note = Diagnostic::note(codes::UNKNOWN_VALUE, Stage::Evaluation, message).at(unknown.place);
    note.label(unknown.because, "the world is asked here")
}
