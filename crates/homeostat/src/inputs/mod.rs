//! Reading the inputs that were named, and following them.

mod follow;
mod program;
mod replace;

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use homeostat_model::{Diagnostic, SourceId, SourceMap, Span, Stage, codes};

pub(crate) use follow::{Followed, Follower};
pub(crate) use program::{MAX_PROGRAM_BYTES, ProgramInput, ProgramText};
pub(crate) use replace::replace;

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
    /// What the files were when they were last read.
    seen: BTreeMap<PathBuf, Identity>,
    /// The files that programs were read from, by the input that names the program.
    of_programs: BTreeMap<PathBuf, Vec<(PathBuf, Option<Identity>)>>,
}

/// Tells a file from what was at its path before, and from itself before it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// What was read of all inputs, and what could not be.
pub(crate) struct Texts {
    pub(crate) inputs: Vec<Input>,
    /// What is a program is read by who knows its modules.
    pub(crate) programs: Vec<ProgramInput>,
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
        Ok(Self {
            paths: args.inputs.clone(),
            stdin_format: args.input_format,
            stdin: None,
            seen: BTreeMap::new(),
            of_programs: BTreeMap::new(),
        })
    }

    /// Files, told by their names.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        Self {
            paths: paths.to_vec(),
            stdin_format: None,
            stdin: None,
            seen: BTreeMap::new(),
            of_programs: BTreeMap::new(),
        }
    }

    /// The names, as they were given.
    pub(crate) fn names(&self) -> Vec<String> {
        self.paths.iter().map(|path| name_of(path)).collect()
    }

    /// The files among them, which can be followed, as they were read last.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Option<Identity>)> {
        let files = self.paths.iter().filter(|path| !is_stdin(path));
        let files = files.flat_map(|path| match self.of_programs.get(path) {
            Some(files) => files.clone(),
            None => vec![(path.clone(), self.seen.get(path).cloned())],
        });
        files.collect()
    }

    /// Notes the files that a program was read from.
    pub(crate) fn remember(&mut self, program: ProgramInput) {
        let ProgramInput { path, mut files, .. } = program;
        if files.is_empty() {
            files.push((path.clone(), None));
        }
        self.of_programs.insert(path, files);
    }

    /// Reads all of them.
    pub(crate) fn read(&mut self) -> Texts {
        let mut texts = Texts { inputs: Vec::new(), programs: Vec::new(), unreadable: Vec::new() };
        for path in self.paths.clone() {
            let stdin = is_stdin(&path);
            if let Some(text) = ProgramText::of(&path) {
                texts.programs.push(ProgramInput { path, text, files: Vec::new() });
                continue;
            }
            if stdin && self.stdin_format == Some(Format::Mcl) {
                match self.read_stdin() {
                    Ok(bytes) => {
                        let text = ProgramText::Stdin(bytes);
                        texts.programs.push(ProgramInput { path, text, files: Vec::new() });
                    }
                    Err(error) => texts.unreadable.push(unreadable(&path, &error)),
                }
                continue;
            }
            let bytes = if stdin { self.read_stdin() } else { self.read_file(&path) };
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

    fn read_file(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let (bytes, identity) = read_file(path)?;
        self.seen.insert(path.to_owned(), identity);
        Ok(bytes)
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

/// Reads one text, where `-` is standard input. Its place in `sources` is there even if it is no text.
pub(crate) fn read_text(path: &Path, sources: &mut SourceMap) -> Result<SourceId, Box<Diagnostic>> {
    let name = name_of(path);
    let read =
        if is_stdin(path) { read_bounded(io::stdin()) } else { read_file(path).map(|(bytes, _)| bytes) };
    let bytes = read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_INPUT_BYTES {
        let message = format!("`{name}` has more than the {MAX_INPUT_BYTES} bytes that are accepted");
        return Err(Diagnostic::error(codes::TOO_LARGE, Stage::Parse, message).into());
    }
    String::from_utf8(bytes).map(|text| sources.add(name.as_str(), text)).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("the byte 0x{:02x} is not UTF-8", error.as_bytes()[at]);
        let source = sources.add(name.as_str(), String::from_utf8_lossy(error.as_bytes()));
        let span = Span::new(source, at, at + char::REPLACEMENT_CHARACTER.len_utf8());
        Diagnostic::error(codes::INVALID_UTF8, Stage::Parse, message).at(span).into()
    })
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn name_of(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { path.to_string_lossy().into_owned() }
}

/// Reads a file, and says what it was before it was read: what is written meanwhile makes it another.
pub(crate) fn read_file(path: &Path) -> io::Result<(Vec<u8>, Identity)> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok((read_bounded(file)?, Identity::of(&found)))
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
    let why = why_unreadable(error);
    let message = format!("cannot read `{name}`: {why}");
    let finding = Diagnostic::error(codes::UNREADABLE, Stage::Parse, message).of_file(name);
    match error.kind() {
        io::ErrorKind::IsADirectory => finding.help("name the files in it; several inputs make one catalog"),
        _ => finding,
    }
}

/// Why a file cannot be read, in plain words where there are some.
pub(crate) fn why_unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
