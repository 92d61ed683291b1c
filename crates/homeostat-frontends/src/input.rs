//! What an input is, told by its name and then by its content; and its bytes made text.

use std::str::FromStr;
use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, SourceMap, Span, Stage, codes};

use crate::findings::{Findings, quoted};
use crate::tree::{self, At, Shape, Tree};

/// An input larger than this is refused before it is looked at. 200,000 resources take about a tenth of it.
pub const MAX_INPUT_BYTES: usize = 256 << 20;

/// One input as it was read.
#[derive(Debug, Clone)]
pub struct Input {
    /// The path as the user gave it, with a slash at the end for a directory, or `<stdin>`.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// What it is, where the user said so.
    pub format: Option<Format>,
}

/// The formats there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Resources, edges and collects in YAML.
    GraphYaml,
    /// One application over several hosts.
    Topology,
    /// A TOSCA service template.
    Tosca,
    /// The language.
    Mcl,
    /// A catalog as `graph --format json` prints it.
    Catalog,
    /// A catalog that a Puppet server compiled.
    PuppetCatalog,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::GraphYaml, Self::Topology, Self::Tosca, Self::Mcl, Self::Catalog, Self::PuppetCatalog];

    /// How `--input-format` calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GraphYaml => "yaml",
            Self::Topology => "topology",
            Self::Tosca => "tosca",
            Self::Mcl => "mcl",
            Self::Catalog => "json",
            Self::PuppetCatalog => "puppet",
        }
    }

    /// How messages call it.
    fn describe(self) -> &'static str {
        match self {
            Self::GraphYaml => "graph YAML",
            Self::Topology => "a topology",
            Self::Tosca => "a TOSCA template",
            Self::Mcl => "MCL",
            Self::Catalog => "a catalog",
            Self::PuppetCatalog => "a Puppet catalog",
        }
    }
}

/// A name that is no format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat;

impl std::fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = Format::ALL.map(Format::as_str);
        write!(f, "expected one of {}", names.join(", "))
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.as_str() == text).ok_or(UnknownFormat)
    }
}

/// The formats that become catalogs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readable {
    GraphYaml,
    Topology,
    Catalog,
}

#[derive(Clone, Copy)]
enum Syntax {
    Yaml,
    Json,
}

/// Registers the text and parses it; nothing when it cannot be read, which is then reported.
pub(crate) fn read(
    input: Input,
    sources: &mut SourceMap,
    findings: &mut Findings,
) -> Option<(Tree, Readable)> {
    let Input { name, bytes, format } = input;
    let (source, text) = register(&name, bytes, sources, findings)?;
    let by_name = match format {
        Some(Format::GraphYaml | Format::Topology) => Some(Syntax::Yaml),
        Some(Format::Catalog) => Some(Syntax::Json),
        Some(other) => {
            findings.push(unsupported(other, &name, Span::start_of(source)));
            return None;
        }
        None if is_mcl(&name) => {
            findings.push(unsupported(Format::Mcl, &name, Span::start_of(source)));
            return None;
        }
        None => syntax_of(&name, &text),
    };
    let tree = match by_name {
        Some(Syntax::Yaml) => tree::parse_yaml(source, &text, findings)?,
        Some(Syntax::Json) => tree::parse_json(source, &text, findings)?,
        None => {
            findings.push(unknown(&name, source));
            return None;
        }
    };
    let root = tree.roots().find(|root| !tree.is_null(*root));
    let told = match (format, by_name, root) {
        (Some(format), ..) => format,
        (None, Some(Syntax::Json), Some(root)) => told_json(&tree, root),
        (None, _, Some(root)) => match told_yaml(&tree, root) {
            Some(told) => told,
            None => {
                findings.push(unknown(&name, source).at(tree.span(root)));
                return None;
            }
        },
        (None, _, None) => {
            let message = format!("{} is empty", quoted(&name));
            let diagnostic = Diagnostic::error(codes::UNKNOWN_FORMAT, Stage::Parse, message);
            findings.push(diagnostic.at(Span::start_of(source)));
            return None;
        }
    };
    match told {
        Format::GraphYaml => Some((tree, Readable::GraphYaml)),
        Format::Topology => Some((tree, Readable::Topology)),
        Format::Catalog => Some((tree, Readable::Catalog)),
        Format::Tosca | Format::Mcl | Format::PuppetCatalog => {
            let start = root.map_or(Span::start_of(source), |root| tree.span(root));
            findings.push(unsupported(told, &name, Span { end: start.start, ..start }));
            None
        }
    }
}

fn register(
    name: &str,
    bytes: Vec<u8>,
    sources: &mut SourceMap,
    findings: &mut Findings,
) -> Option<(SourceId, Arc<str>)> {
    if bytes.len() > MAX_INPUT_BYTES {
        let source = sources.add(name, "");
        let message =
            format!("{} has {} bytes; at most {MAX_INPUT_BYTES} are accepted", quoted(name), bytes.len());
        let diagnostic = Diagnostic::error(codes::TOO_LARGE, Stage::Parse, message);
        findings.push(diagnostic.at(Span::start_of(source)));
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            Some((sources.add(name, text.clone()), text))
        }
        Err(error) => {
            // The text up to the first bad byte is the same in the lossy one, so the place is right.
            let at = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let is_utf16 = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
            let message = format!("the byte 0x{:02x} is not UTF-8", bytes[at]);
            let source = sources.add(name, String::from_utf8_lossy(bytes));
            let replacement = char::REPLACEMENT_CHARACTER.len_utf8();
            let diagnostic = Diagnostic::error(codes::INVALID_UTF8, Stage::Parse, message).at(Span::new(
                source,
                at,
                at + replacement,
            ));
            findings.push(match is_utf16 {
                true => diagnostic.help("this looks like UTF-16; save the file as UTF-8"),
                false => diagnostic,
            });
            None
        }
    }
}

fn is_mcl(name: &str) -> bool {
    name.ends_with(".mcl") || name.ends_with('/')
}

fn syntax_of(name: &str, text: &str) -> Option<Syntax> {
    let ending = name.rsplit(['/', '.']).next().unwrap_or_default();
    if name.contains('.') {
        match ending.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => return Some(Syntax::Yaml),
            "json" => return Some(Syntax::Json),
            _ => {}
        }
    }
    let content = text.trim_start_matches('\u{feff}').trim_start();
    let mut lines = content.lines();
    if content.starts_with('{') {
        return Some(Syntax::Json);
    }
    let looks_like_yaml = content.starts_with("---")
        || lines.any(|line| line.starts_with("graph:") || line.starts_with("resources:"));
    looks_like_yaml.then_some(Syntax::Yaml)
}

fn told_yaml(tree: &Tree, root: At) -> Option<Format> {
    let first_is_host = |list: At| {
        let first = tree.items(list).next();
        first.is_some_and(|first| tree.get(first, "interfaces").is_some())
    };
    match tree.shape(root) {
        Shape::Mapping if tree.get(root, "tosca_definitions_version").is_some() => Some(Format::Tosca),
        Shape::Mapping if tree.get(root, "nodes").is_some_and(first_is_host) => Some(Format::Topology),
        Shape::Mapping => Some(Format::GraphYaml),
        Shape::Sequence if first_is_host(root) => Some(Format::Topology),
        Shape::Sequence | Shape::Plain | Shape::Quoted => None,
    }
}

fn told_json(tree: &Tree, root: At) -> Format {
    let first_resource = tree.get(root, "resources").and_then(|list| tree.items(list).next());
    let is_puppet = ["catalog_uuid", "catalog_format", "classes", "document_type"]
        .iter()
        .any(|key| tree.get(root, key).is_some())
        || first_resource
            .is_some_and(|first| tree.get(first, "title").is_some() && tree.get(first, "type").is_some());
    if is_puppet { Format::PuppetCatalog } else { Format::Catalog }
}

fn unsupported(format: Format, name: &str, span: Span) -> Diagnostic {
    let message = format!("{} is {}, which this version cannot run yet", quoted(name), format.describe());
    Diagnostic::error(codes::UNSUPPORTED_INPUT, Stage::Parse, message).at(span)
}

fn unknown(name: &str, source: SourceId) -> Diagnostic {
    let message = format!("cannot tell what {} is", quoted(name));
    Diagnostic::error(codes::UNKNOWN_FORMAT, Stage::Parse, message)
        .at(Span::start_of(source))
        .help("give it the ending `.yaml`, `.json` or `.mcl`, or say it with `--input-format`")
}
