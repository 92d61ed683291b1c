//! `metadata.yaml`: what a module says of itself.

use homeostat_model::{Diagnostic, SourceId, Span, Stage, codes};
use saphyr_parser::{Event, Parser};

/// What a module says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The file that everything begins with, below the module.
    pub(super) main: String,
    /// The directory with files that it brings along.
    pub(super) files: String,
    /// The directory that other modules are looked for in.
    pub(super) path: Option<String>,
    /// Whether those of the modules around it are left out.
    pub(super) blocks_parents: bool,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { main: "main.mcl".into(), files: "files/".into(), path: None, blocks_parents: false }
    }
}

impl Metadata {
    /// Reads it. Keys that are not known are for others.
    pub(super) fn parse(text: &str, source: SourceId) -> Result<Self, Box<Diagnostic>> {
        let invalid = |message: String, at: usize| {
            let span = Span::new(source, at, at);
            Box::new(Diagnostic::error(codes::INVALID_METADATA, Stage::Scope, message).at(span))
        };
        let mut metadata = Self::default();
        let mut depth = 0;
        let mut key: Option<String> = None;
        for event in Parser::new_from_str(text) {
            let (event, place) = event.map_err(|error| {
                let at = byte_offset(text, error.marker().index());
                invalid(format!("this is no YAML: {}", error.info()), at)
            })?;
            let at = byte_offset(text, place.start.index());
            match event {
                Event::MappingStart(..) => {
                    depth += 1;
                    key = None;
                }
                Event::MappingEnd => {
                    depth -= 1;
                    key = None;
                }
                Event::SequenceStart(..) => depth += 1,
                Event::SequenceEnd => {
                    depth -= 1;
                    key = None;
                }
                Event::Scalar(value, ..) if depth == 1 => match key.take() {
                    None => key = Some(value.into_owned()),
                    Some(key) => metadata.set(&key, &value).map_err(|message| invalid(message, at))?,
                },
                _ => {}
            }
        }
        Ok(metadata)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let is_null = matches!(value, "" | "~" | "null");
        let is_inside = !value.starts_with('/') && value.split('/').all(|part| part != "..");
        match key {
            "main" if is_null => {}
            "main" if !is_inside || value.ends_with('/') => {
                return Err(format!("`main` is a file below the module, and `{value}` is not"));
            }
            "main" => self.main = value.to_owned(),
            "path" | "files" if !is_null && (!is_inside || !value.ends_with('/')) => {
                return Err(format!(
                    "`{key}` is a directory below the module, ending in a slash, and `{value}` is not"
                ));
            }
            "files" if !is_null => self.files = value.to_owned(),
            "path" if !is_null => self.path = Some(value.to_owned()),
            "parentpathblock" => {
                self.blocks_parents = match value {
                    "true" => true,
                    "false" | "" | "~" | "null" => false,
                    _ => {
                        return Err(format!(
                            "`parentpathblock` is `true` or `false`, and `{value}` is neither"
                        ));
                    }
                };
            }
            _ => {}
        }
        Ok(())
    }
}

/// The parser counts characters.
fn byte_offset(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Metadata, String> {
        Metadata::parse(text, SourceId(0)).map_err(|wrong| wrong.message)
    }

    #[test]
    fn nothing_said_is_the_default() {
        for text in ["", "# nothing\n", "license: x\nother: {main: no}\nlist:\n- main\n- x\n"] {
            assert_eq!(parse(text), Ok(Metadata::default()), "{text}");
        }
        let said = Metadata {
            main: "mcl/a.mcl".into(),
            files: "data/".into(),
            path: Some("mods/".into()),
            blocks_parents: true,
        };
        let text = "main: mcl/a.mcl\nfiles: data/\npath: \"mods/\"\nparentpathblock: true\n";
        assert_eq!(parse(text), Ok(said));
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for text in [
            "main: /a.mcl",
            "main: ../a.mcl",
            "main: a/",
            "path: mods",
            "files: /x/",
            "main: [",
            "parentpathblock: 3",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
