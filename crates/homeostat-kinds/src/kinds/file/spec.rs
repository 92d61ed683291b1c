//! What is declared, found valid.

use std::sync::Arc;

use homeostat_engine::{AbsPath, ParamError};

use super::mode::FileMode;
use super::{Params, State};

/// A declared file. Nothing about it needs to be checked again.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) path: AbsPath,
    /// The path ends with a slash.
    pub(super) is_dir: bool,
    pub(super) want: Want,
    pub(super) owner: Option<Box<str>>,
    pub(super) group: Option<Box<str>>,
    pub(super) mode: Option<FileMode>,
    pub(super) selinux: Option<Box<str>>,
    pub(super) recurse: bool,
    pub(super) force: bool,
    pub(super) purge: bool,
}

#[derive(Debug)]
pub(super) enum Want {
    Absent,
    /// Only the attributes of what is there, if anything is.
    Attributes,
    File(Body),
    Directory {
        source: Option<AbsPath>,
    },
    Link(Box<str>),
}

#[derive(Debug)]
pub(super) enum Body {
    /// A new file is empty, an existing one keeps what it holds.
    Any,
    Text(Arc<str>),
    Source(AbsPath),
    Fragments(Box<[Fragment]>),
}

#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) path: AbsPath,
    pub(super) is_dir: bool,
}

impl Spec {
    pub(super) fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        let (path, is_dir) = match path_of(name, &params) {
            Ok(found) => found,
            Err(error) => return Err(vec![error]),
        };
        check_together(&params, is_dir, &mut errors);
        let mode = params.mode.as_str();
        let mode = (!mode.is_empty())
            .then(|| FileMode::parse(mode).map_err(|message| errors.push(ParamError::of("mode", message))))
            .and_then(Result::ok);
        let want = want_of(&params, &path, is_dir, &mut errors);
        match want {
            Some(want) if errors.is_empty() => Ok(Self {
                path,
                is_dir,
                want,
                owner: given(&params.owner),
                group: given(&params.group),
                mode,
                selinux: params.selinux.as_deref().and_then(given),
                recurse: params.recurse,
                force: params.force,
                purge: params.purge,
            }),
            _ => Err(errors),
        }
    }

    /// Whether the answer depends on what lies below the path.
    pub(super) fn is_tree(&self) -> bool {
        match &self.want {
            Want::Directory { source } => source.is_some() || self.purge,
            Want::Absent | Want::Attributes | Want::File(_) | Want::Link(_) => false,
        }
    }
}

fn given(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

/// The path with whether it means a directory. `dirname` and `basename` replace their part of `path`, or of the name.
fn path_of(name: &Arc<str>, params: &Params) -> Result<(AbsPath, bool), ParamError> {
    let is_name = params.path.is_empty() || *params.path == **name;
    if is_name
        && params.dirname.is_empty()
        && params.basename.is_empty()
        && let Some(path) = AbsPath::of_normal(name)
    {
        return Ok((path, false));
    }
    if !params.dirname.is_empty() && !params.dirname.ends_with('/') {
        return Err(ParamError::of(
            "dirname",
            format!("the dirname `{}` must end with a slash", params.dirname),
        ));
    }
    if params.basename.starts_with('/') {
        let message = format!("the basename `{}` must not begin with a slash", params.basename);
        return Err(ParamError::of("basename", message));
    }
    let (param, path) = if params.path.is_empty() { (None, &**name) } else { (Some("path"), &*params.path) };
    let trimmed = path.trim_end_matches('/');
    let (dir, base) = path.split_at(trimmed.rfind('/').map_or(0, |at| at + 1));
    let dir = if params.dirname.is_empty() { dir } else { &params.dirname };
    let base = if params.basename.is_empty() { base } else { &params.basename };
    let whole = format!("{dir}{base}");
    let parsed = AbsPath::parse(&whole).map_err(|error| {
        let message = format!("the path `{whole}` {error}");
        match param {
            Some(param) => ParamError::of(param, message),
            None => ParamError::new(message).help("the path is the name unless `path` is given"),
        }
    })?;
    Ok((parsed, whole.ends_with('/')))
}

fn check_together(params: &Params, is_dir: bool, errors: &mut Vec<ParamError>) {
    let contents = [params.content.is_some(), !params.source.is_empty(), !params.fragments.is_empty()];
    if contents.iter().filter(|given| **given).count() > 1 {
        errors.push(ParamError::of(
            "content",
            "at most one of `content`, `source` and `fragments` can be given",
        ));
    }
    if params.state == State::Absent {
        let given = [
            ("content", contents[0]),
            ("source", contents[1]),
            ("fragments", contents[2]),
            ("symlink", params.symlink),
            ("owner", !params.owner.is_empty()),
            ("group", !params.group.is_empty()),
            ("mode", !params.mode.is_empty()),
            ("purge", params.purge),
        ];
        for (param, _) in given.into_iter().filter(|(_, given)| *given) {
            errors
                .push(ParamError::of(param, format!("`{param}` cannot be given for what should be absent")));
        }
    }
    if is_dir {
        let given = [("content", contents[0]), ("fragments", contents[2]), ("symlink", params.symlink)];
        for (param, _) in given.into_iter().filter(|(_, given)| *given) {
            let message =
                format!("`{param}` cannot be given for a directory, and the path ends with a slash");
            errors.push(ParamError::of(param, message));
        }
    }
    if params.purge && !params.recurse {
        errors.push(ParamError::of("purge", "`purge` needs `recurse`, since it removes what is below"));
    }
    if params.purge && !is_dir {
        errors.push(ParamError::of("purge", "`purge` is for directories, whose path ends with a slash"));
    }
    if params.symlink {
        if params.source.is_empty() {
            errors.push(ParamError::of("symlink", "a symbolic link takes its target from `source`"));
        }
        if !params.mode.is_empty() {
            errors.push(ParamError::of("mode", "a symbolic link has no mode"));
        }
        if params.selinux.is_some() {
            errors.push(ParamError::of("selinux", "the label of a symbolic link cannot be declared"));
        }
    }
}

fn want_of(params: &Params, path: &AbsPath, is_dir: bool, errors: &mut Vec<ParamError>) -> Option<Want> {
    if params.state == State::Absent {
        if path.as_str() == "/" {
            errors.push(ParamError::of("state", "the root cannot be absent"));
        }
        return Some(Want::Absent);
    }
    if params.symlink {
        return Some(Want::Link(params.source.as_str().into()));
    }
    if let Some(content) = &params.content {
        return Some(Want::File(Body::Text(content.clone())));
    }
    if !params.source.is_empty() {
        return source_of(params, path, is_dir, errors);
    }
    if !params.fragments.is_empty() {
        return fragments_of(params, path, errors).map(|fragments| Want::File(Body::Fragments(fragments)));
    }
    let exists = params.state == State::Exists || params.purge;
    Some(match (exists, is_dir) {
        (true, true) => Want::Directory { source: None },
        (true, false) => Want::File(Body::Any),
        (false, _) => Want::Attributes,
    })
}

fn source_of(params: &Params, path: &AbsPath, is_dir: bool, errors: &mut Vec<ParamError>) -> Option<Want> {
    let text = params.source.as_str();
    let source = AbsPath::parse(text)
        .map_err(|error| errors.push(ParamError::of("source", format!("the source `{text}` {error}"))))
        .ok()?;
    if text.ends_with('/') != is_dir {
        let message =
            "the path and `source` must both end with a slash, or neither: both directories or both files";
        errors.push(ParamError::of("source", message));
        return None;
    }
    if source == *path || source.is_above(path) || path.is_above(&source) {
        errors.push(ParamError::of("source", "the path and `source` must not lie within each other"));
        return None;
    }
    Some(if is_dir { Want::Directory { source: Some(source) } } else { Want::File(Body::Source(source)) })
}

fn fragments_of(params: &Params, path: &AbsPath, errors: &mut Vec<ParamError>) -> Option<Box<[Fragment]>> {
    let before = errors.len();
    let mut fragments = Vec::with_capacity(params.fragments.len());
    for text in &params.fragments {
        let fragment = match AbsPath::parse(text) {
            Ok(path) => Fragment { path, is_dir: text.ends_with('/') },
            Err(error) => {
                errors.push(ParamError::of("fragments", format!("the fragment `{text}` {error}")));
                continue;
            }
        };
        let within =
            fragment.path == *path || fragment.is_dir && path.parent().as_ref() == Some(&fragment.path);
        if within {
            errors
                .push(ParamError::of("fragments", format!("the file itself lies inside a frag (`{text}`)")));
        }
        fragments.push(fragment);
    }
    (errors.len() == before).then(|| fragments.into())
}
