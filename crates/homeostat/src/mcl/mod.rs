//! Programs of the language among the inputs: reading them, foreseeing what they declare, and running them.

mod current;
mod files;
mod running;
mod stores;
mod world;

use std::sync::Arc;

use homeostat_engine::Registry;
use homeostat_lang::eval::collector::{Unknown, UnknownPart, Unknowns};
use homeostat_lang::eval::flow::Asking;
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::infer::Kinds;
use homeostat_lang::{modules, program};
use homeostat_model::{Catalog, CatalogDelta, Diagnostic, KindSchema, SourceMap, Stage, codes};

use crate::inputs::ProgramInput;

use current::Current;
pub(crate) use current::merge;
use files::Directory;
pub(crate) use running::{Programs, Update, first};
pub(crate) use stores::Stores;

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

/// Where the files of a program lie; what paths of its functions are below.
pub(crate) type Root = Arc<std::path::Path>;

/// A program that was read and is right.
pub(crate) struct Loaded {
    pub(crate) program: Program,
    pub(crate) root: Root,
}

/// Reads a program and checks it. The files that it was read from are remembered in the input.
pub(crate) fn load(
    input: &mut ProgramInput,
    hostname: &str,
    sources: &mut SourceMap,
) -> Result<Loaded, Vec<Diagnostic>> {
    let directory = Directory::of(input);
    let modules = modules::load(directory.entry(), &directory, sources);
    let root = directory.root();
    input.files = directory.into_files();
    let kinds = Arc::new(Known(crate::catalog::registry()));
    let checked = program::check(modules.map_err(|wrong| vec![*wrong])?, &*kinds)?;
    let program = Program::new(checked, kinds, hostname.into());
    Ok(Loaded { program, root })
}

/// What a program declares as far as it can be told without asking the world anything. What lies in its own files is told.
pub(crate) fn foresee(loaded: Loaded) -> (Catalog, Vec<Diagnostic>) {
    let mut evaluator = Evaluator::new(loaded.program, Unknowns::LeaveOut);
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
        if !answer_own(&mut evaluator, &loaded.root) {
            break;
        }
    }
    let mut found = evaluator.diagnostics();
    found.extend(evaluator.unknown().into_iter().map(note));
    (given.unwrap_or_default(), found)
}

/// Answers what is asked of the program's own files; says whether anything was.
fn answer_own(evaluator: &mut Evaluator, root: &Root) -> bool {
    let mut is_any = false;
    for asking in evaluator.take_askings() {
        let Asking::Begin(id, request) = asking else { continue };
        if let Some(answer) = world::of_module(root, &request) {
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
