//! What an import asks for.

use homeostat_model::suggest::did_you_mean;
use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::path;
use super::remote::Remote;
use crate::functions;

/// What an import asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A file, seen from the directory of the main file of the module.
    File(String),
    /// A directory with a module, as above.
    Directory(String),
    /// A module that comes from somewhere else.
    Remote(Remote),
    /// A module of the function library.
    Library(String),
}

/// Tells what an import asks for.
pub(super) fn wanted(text: &str, place: Span) -> Result<Wanted, Box<Diagnostic>> {
    let invalid = |message: String, help: &str| {
        Box::new(Diagnostic::error(codes::INVALID_IMPORT, Stage::Scope, message).at(place).help(help))
    };
    if text.is_empty() {
        return Err(invalid("this imports nothing".into(), "name a module, a file or a directory"));
    }
    if text.starts_with('/') {
        let message = format!("`{text}` cannot be imported: absolute paths are not allowed");
        return Err(invalid(message, "paths begin in the directory of the main file: `lib/a.mcl`, `lib/`"));
    }
    if let Some(remote) = Remote::parse(text) {
        let message = || format!("`{text}` is no address that a module can come from");
        return remote.map(Wanted::Remote).map_err(|why| invalid(message(), why));
    }
    let cleaned = path::cleaned(text);
    if cleaned != text {
        let message = format!("`{text}` is not how this path is written");
        return Err(invalid(message, &format!("write `{cleaned}`")));
    }
    if text.ends_with(".mcl") {
        return Ok(Wanted::File(text.to_owned()));
    }
    if text.ends_with('/') {
        return Ok(Wanted::Directory(text.to_owned()));
    }
    if functions::modules().contains(&text) {
        return Ok(Wanted::Library(text.to_owned()));
    }
    let unknown = Diagnostic::error(
        codes::UNKNOWN_MODULE,
        Stage::Scope,
        format!("there is no module `{text}` in the function library"),
    );
    let help = match did_you_mean(text, functions::modules().iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "files end with `.mcl`, directories with `/`".to_owned(),
    };
    Err(Box::new(unknown.at(place).help(help)))
}

/// The name that an import without one gets. `None` where its path has no part that could be a name.
pub fn default_alias(text: &str) -> Option<String> {
    let path = text.split_once("://").map_or(text, |(_, rest)| rest);
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".mcl").unwrap_or(path);
    let last = path.rsplit('/').next().unwrap_or(path);
    let last = last.strip_prefix("mgmt-").unwrap_or(last);
    let name = last.replace('-', "_").to_lowercase();
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_told_by_its_form() {
        let place = Span::start_of(homeostat_model::SourceId(0));
        let told = |text: &str| wanted(text, place).ok();
        assert_eq!(told("fmt"), Some(Wanted::Library("fmt".into())));
        assert_eq!(told("lib/a.mcl"), Some(Wanted::File("lib/a.mcl".into())));
        assert_eq!(told("lib/"), Some(Wanted::Directory("lib/".into())));
        assert!(matches!(told("git://example.com/a/"), Some(Wanted::Remote(_))));
        for wrong in ["", "/a.mcl", "./a.mcl", "a//b.mcl", "fnt", "git://example.com/../a/"] {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_name_of_an_import_is_the_last_part_of_its_path() {
        for (text, alias) in [
            ("fmt", Some("fmt")),
            ("golang/strings", Some("strings")),
            ("lib/My-Thing.mcl", Some("my_thing")),
            ("git://example.com/x/mgmt-web-server/", Some("web_server")),
            ("lib/_a.mcl", None),
            ("3.mcl", None),
        ] {
            assert_eq!(default_alias(text).as_deref(), alias, "{text}");
        }
    }
}
