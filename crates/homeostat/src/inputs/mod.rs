//! Reading the inputs that were named, and following them.

mod follow;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use homeostat_model::{Diagnostic, Stage, codes};

pub(crate) use follow::Follower;

use crate::cli::InputArgs;
use crate::exit::refused;
use crate::front::{Format, Input, MAX_INPUT_BYTES};

/// The inputs that were named, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    paths: Vec<PathBuf>,
    stdin_format: Option<Format>,
    /// Standard input can be read once; a later reload uses it again.
    stdin: Option<Vec<u8>>,
}

/// What was read of all inputs, and what could not be.
pub(crate) struct Texts {
    pub(crate) inputs: Vec<Input>,
    pub(crate) unreadable: Vec<Diagnostic>,
}

impl Inputs {
    /// Checks what can be checked without reading.
    pub(crate) fn new(args: &InputArgs) -> anyhow::Result<Self> {
        let dashes = args.inputs.iter().filter(|path| is_stdin(path)).count();
        match (dashes, args.input_format) {
            (0, Some(_)) => {
                return Err(refused("--input-format says what standard input holds: it needs the input `-`"));
            }
            (0, None) | (1, Some(_)) => {}
            (1, None) => {
                return Err(refused("standard input has no name to tell what it holds: add --input-format"));
            }
            (_, _) => return Err(refused("standard input can be named once")),
        }
        Ok(Self { paths: args.inputs.clone(), stdin_format: args.input_format, stdin: None })
    }

    /// The names, as they were given.
    pub(crate) fn names(&self) -> Vec<String> {
        self.paths.iter().map(|path| name_of(path)).collect()
    }

    /// The files among them, which can be followed.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.paths.iter().filter(|path| !is_stdin(path)).cloned().collect()
    }

    /// Reads all of them.
    pub(crate) fn read(&mut self) -> Texts {
        let mut texts = Texts { inputs: Vec::new(), unreadable: Vec::new() };
        for path in self.paths.clone() {
            let stdin = is_stdin(&path);
            let bytes = if stdin { self.read_stdin() } else { read_file(&path) };
            match bytes {
                Ok(bytes) => texts.inputs.push(Input {
                    name: name_of(&path),
                    bytes,
                    format: if stdin { self.stdin_format } else { None },
                }),
                Err(error) => texts.unreadable.push(unreadable(&path, &error)),
            }
        }
        texts
    }

    fn read_stdin(&mut self) -> io::Result<Vec<u8>> {
        if let Some(bytes) = &self.stdin {
            return Ok(bytes.clone());
        }
        let bytes = read_bounded(io::stdin().lock())?;
        self.stdin = Some(bytes.clone());
        Ok(bytes)
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn name_of(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { path.to_string_lossy().into_owned() }
}

pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    read_bounded(file)
}

/// One byte more than what is accepted is enough for the front end to refuse it.
fn read_bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_INPUT_BYTES).unwrap_or(u64::MAX);
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let name = name_of(path);
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    };
    let finding = Diagnostic::error(codes::UNREADABLE, Stage::Parse, format!("cannot read `{name}`: {why}"));
    match error.kind() {
        io::ErrorKind::IsADirectory => finding.help("name the files in it; several inputs make one catalog"),
        _ => finding,
    }
}
