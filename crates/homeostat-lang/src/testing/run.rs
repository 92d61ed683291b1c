//! Evaluating the views of a test, and saying what is not as it is expected.

use std::collections::BTreeSet;
use std::sync::Arc;

use homeostat_model::{Catalog, Diagnostic, SourceId, SourceMap, Span, Stage, codes};

use super::{Test, compare};
use crate::Value;
use crate::ast::{self, Callee, ExprId, ExprKind};
use crate::eval::collector::Unknowns;
use crate::eval::flow::Asking;
use crate::eval::{Evaluator, Given, Program};
use crate::functions::{Answer, Error, SourceRequest};
use crate::infer::Kinds;
use crate::modules::{self, FileId, Files, Unreadable};
use crate::program::{self, Checked, Refused};
use crate::scope::FunctionTarget;
use crate::syntax::Mode;

/// What tests of a file are run with.
pub struct Bench<'a> {
    /// The path of the file.
    pub path: &'a str,
    /// Its text.
    pub source: SourceId,
    /// The files of the program.
    pub files: &'a dyn Files,
    /// The kinds there are.
    pub kinds: Arc<dyn Kinds + Send + Sync>,
}

/// How a test ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as it is expected.
    Ok,
    /// What is not.
    Failed(Vec<Diagnostic>),
    /// It cannot be run: what is wrong with the text.
    Refused(Vec<Diagnostic>),
}

/// Why there is no catalog.
enum Stop {
    Refused(Vec<Diagnostic>),
    Failed(Vec<Diagnostic>),
}

impl Bench<'_> {
    /// Runs a test. Texts that it reads are added to `sources`.
    pub fn run(&self, test: &Test, sources: &mut SourceMap) -> Outcome {
        let mut unmet = Vec::new();
        let actual = match self.evaluate(&test.subject, sources) {
            Ok(actual) => actual,
            Err(stop) => return stop.into(),
        };
        for expectation in &test.expectations {
            match self.evaluate(&expectation.view, sources) {
                Ok(expected) => {
                    let found = compare::unmet(&expected, &actual, expectation);
                    unmet.extend(found.into_iter().map(|one| self.moved(one, &actual.0)));
                }
                Err(stop) => return stop.into(),
            }
        }
        if unmet.is_empty() { Outcome::Ok } else { Outcome::Failed(unmet) }
    }

    /// What a view declares, with the numbers of sources that stand for the file itself.
    fn evaluate(&self, view: &str, sources: &mut SourceMap) -> Result<Evaluated, Stop> {
        let files = View { path: self.path, text: view.into(), others: self.files };
        let refused = |wrong| Stop::Refused(wrong);
        let modules = modules::load_as(Mode::Tests, self.path, &files, sources)
            .map_err(|wrong| refused(vec![*wrong]))?;
        let own = modules.file(FileId::MAIN).program.source;
        let here =
            |wrong: Vec<Diagnostic>| wrong.into_iter().map(|one| moved(one, own, self.source)).collect();
        let checked = program::check(modules, &*self.kinds)
            .map_err(|wrong| refused(here(self.all_that_is_wrong(wrong, &files))))?;
        let (given, hostname) = given(&checked).map_err(|wrong| refused(here(wrong)))?;
        let program = Program::new(checked, self.kinds.clone(), hostname).with_given(given);
        let mut evaluator = Evaluator::new(program, Unknowns::Wait);
        match settled(&mut evaluator, &files) {
            Some(catalog) => Ok(Evaluated(own, catalog)),
            None => {
                let mut wrong = evaluator.diagnostics();
                wrong.extend(not_given(&evaluator, sources));
                Err(Stop::Failed(here(wrong)))
            }
        }
    }

    /// What was found before the evaluation, and what that finds wrong with the rest.
    fn all_that_is_wrong(&self, refused: Refused, files: &View<'_>) -> Vec<Diagnostic> {
        let Refused { mut found, rest } = refused;
        let Some(rest) = rest else { return found };
        // What is given and cannot be was mostly said of its type.
        let Ok((given, hostname)) = given(&rest) else { return found };
        let program = Program::new(*rest, self.kinds.clone(), hostname).with_given(given);
        let mut evaluator = Evaluator::new(program, Unknowns::LeaveOut);
        settled(&mut evaluator, files);
        found.extend(evaluator.diagnostics());
        found
    }

    fn moved(&self, diagnostic: Diagnostic, from: &SourceId) -> Diagnostic {
        moved(diagnostic, *from, self.source)
    }
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(wrong) => Self::Refused(wrong),
            Stop::Failed(wrong) => Self::Failed(wrong),
        }
    }
}

/// A catalog, and the number of the view that it is from.
pub(super) struct Evaluated(pub(super) SourceId, pub(super) Catalog);

/// The files of a program, of which one shows only a part.
struct View<'a> {
    path: &'a str,
    text: Arc<str>,
    others: &'a dyn Files,
}

impl Files for View<'_> {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        if path == self.path { Ok(self.text.clone()) } else { self.others.read(path) }
    }

    fn name(&self, path: &str) -> String {
        self.others.name(path)
    }
}

/// Everything that a program declares. Of the world only its own files answer.
fn settled(evaluator: &mut Evaluator, files: &dyn Files) -> Option<Catalog> {
    loop {
        if let Some(delta) = evaluator.settle() {
            return Some(Catalog {
                resources: delta.set,
                edges: delta.set_edges,
                sends: delta.set_sends,
                exports: delta.set_exports,
                ..Catalog::default()
            });
        }
        let mut has_answered = false;
        for asking in evaluator.take_askings() {
            let Asking::Begin(id, request) = asking else { continue };
            if let Some(answer) = own_file(&request, files) {
                evaluator.answer(id, answer);
                has_answered = true;
            }
        }
        if !has_answered {
            return None;
        }
    }
}

fn own_file(request: &SourceRequest, files: &dyn Files) -> Option<Answer> {
    match request {
        SourceRequest::ModuleFile { path } => Some(match files.read(path) {
            Ok(text) => Ok(Value::Str(text)),
            Err(Unreadable::Missing) => {
                Err(Error::permanent(format!("cannot read `{path}`: there is no such file")))
            }
            Err(Unreadable::Failed(why)) => Err(Error::permanent(format!("cannot read `{path}`: {why}"))),
        }),
        SourceRequest::ModuleFileExists { path } => Some(Ok(Value::Bool(files.read(path).is_ok()))),
        _ => None,
    }
}

/// What is asked and not given, each place once.
fn not_given(evaluator: &Evaluator, sources: &SourceMap) -> Vec<Diagnostic> {
    let places: BTreeSet<Span> =
        evaluator.unknown().iter().map(|unknown| unknown.because.unwrap_or(unknown.place)).collect();
    let say = |place: Span| {
        let text = sources
            .get(place.source)
            .and_then(|source| source.text.get(place.start as usize..place.end as usize));
        let asked = text.unwrap_or("this");
        let message = format!("`{asked}` asks the world, and the test does not give it");
        let error = Diagnostic::error(codes::NOT_GIVEN, Stage::Evaluation, message).at(place);
        error.help("say what it gives: `given { … }` with a line `call => value,`")
    };
    places.into_iter().map(say).collect()
}

/// What a view gives: results of calls, and the name of the host.
fn given(checked: &Checked) -> Result<(Given, Arc<str>), Vec<Diagnostic>> {
    let program = &checked.modules.file(FileId::MAIN).program;
    let mut given = Given::default();
    let mut hostname: Arc<str> = "".into();
    let mut wrong = Vec::new();
    for (call, value) in &program.given {
        let place = program.expr(*call).span;
        let value = match literal(program, *value) {
            Ok(value) => value,
            Err(error) => {
                wrong.push(*error);
                continue;
            }
        };
        match (&program.expr(*call).kind, checked.names.function(FileId::MAIN, *call), value) {
            (ExprKind::Variable(name), _, Value::Str(text)) if &**name == "hostname" => hostname = text,
            (ExprKind::Call(Callee::Named(_), args), Some(FunctionTarget::Library(function)), value)
                if !function.is_pure() =>
            {
                let args: Result<Vec<Value>, _> =
                    args.iter().map(|arg| literal(program, arg.value)).collect();
                match args.map(|args| given.say(function.name, args, value)) {
                    Ok(true) => {}
                    Ok(false) => wrong.push(invalid(place, "this is given twice")),
                    Err(error) => wrong.push(*error),
                }
            }
            _ => {
                let error = invalid(place, "this cannot be given");
                wrong.push(error.help("`$hostname` and calls of functions that ask the world can be given"));
            }
        }
    }
    if wrong.is_empty() { Ok((given, hostname)) } else { Err(wrong) }
}

fn invalid(place: Span, message: &str) -> Diagnostic {
    Diagnostic::error(codes::INVALID_TEST, Stage::Structure, message).at(place)
}

/// The value that is written out at a place.
fn literal(program: &ast::Program, id: ExprId) -> Result<Value, Box<Diagnostic>> {
    let expr = program.expr(id);
    let all = |ids: &[ExprId]| ids.iter().map(|id| literal(program, *id)).collect::<Result<Vec<_>, _>>();
    Ok(match &expr.kind {
        ExprKind::Bool(value) => Value::Bool(*value),
        ExprKind::Int(value) => Value::Int(*value),
        ExprKind::Float(value) => Value::Float(*value),
        ExprKind::Str(text) => Value::Str(text.clone()),
        ExprKind::List(items) => Value::list(all(items)?),
        ExprKind::Map(entries) => {
            let pairs =
                entries.iter().map(|(key, value)| Ok((literal(program, *key)?, literal(program, *value)?)));
            Value::map(pairs.collect::<Result<Vec<_>, Box<Diagnostic>>>()?)
        }
        ExprKind::Struct(fields) => {
            let pairs =
                fields.iter().map(|field| Ok((field.name.text.clone(), literal(program, field.value)?)));
            Value::structure(pairs.collect::<Result<Vec<_>, Box<Diagnostic>>>()?)
        }
        _ => {
            let error = invalid(expr.span, "what is given is written out");
            let help = "strings, numbers, booleans, and lists, maps and structs of them";
            return Err(Box::new(error.help(help)));
        }
    })
}

/// The same, where what points into a view points into the file that it shows.
fn moved(mut diagnostic: Diagnostic, from: SourceId, to: SourceId) -> Diagnostic {
    let places = diagnostic.span.iter_mut().chain(diagnostic.labels.iter_mut().map(|label| &mut label.span));
    for place in places.filter(|place| place.source == from) {
        place.source = to;
    }
    diagnostic
}
