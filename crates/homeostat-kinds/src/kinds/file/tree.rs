//! What lies below a directory: copied from a source, and purged of what nobody declared.

use std::ffi::{OsStr, OsString};

use homeostat_engine::host::files::{Attributes, Body, Content, Dir, Expect, Files, Identity};
use homeostat_engine::{AbsPath, Change, Failure, Host};

use super::spec::Spec;

/// Deeper trees are refused.
const DEPTH_MAX: usize = 256;

/// One thing to do below the directory, by its path relative to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) path: String,
    pub(super) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    MakeDir {
        mode: u32,
    },
    Copy {
        mode: u32,
    },
    Link {
        target: String,
    },
    SetMode {
        is: u32,
        want: u32,
    },
    SetOwner,
    /// `exact` is the name where the path cannot say it.
    Remove {
        exact: Option<OsString>,
        what: &'static str,
    },
}

impl Step {
    pub(super) fn change(&self) -> Change {
        let path = &self.path;
        match &self.action {
            Action::MakeDir { .. } => Change::new("source", format!("{path}/: absent"), "a directory"),
            Action::Copy { .. } => Change::new("source", format!("{path}: different"), "as in the source"),
            Action::Link { target } => {
                Change::new("source", format!("{path}: different"), format!("a link to {target}"))
            }
            Action::SetMode { is, want } => {
                Change::new("source", format!("{path}: mode {is:04o}"), format!("mode {want:04o}"))
            }
            Action::SetOwner => {
                Change::new("owner", format!("{path}: another owner or group"), "as declared")
            }
            Action::Remove { what, .. } => Change::new("purge", format!("{path}: {what}"), "absent"),
        }
    }
}

struct Walk<'h> {
    host: &'h Host,
    spec: &'h Spec,
    uid: Option<u32>,
    gid: Option<u32>,
    steps: Vec<Step>,
}

/// What to do below a directory, parents before what is in them.
pub(super) fn compare(
    host: &Host,
    spec: &Spec,
    source: Option<&AbsPath>,
    exists: bool,
) -> Result<Vec<Step>, Failure> {
    let files = host.files();
    let source = source.map(|path| files.dir(path)).transpose()?;
    let target = if exists { Some(files.dir(&spec.path)?) } else { None };
    let mut walk = Walk {
        host,
        spec,
        uid: spec.owner.as_ref().and_then(|owner| files.uid(owner).ok()),
        gid: spec.group.as_ref().and_then(|group| files.gid(group).ok()),
        steps: Vec::new(),
    };
    walk.compare(source.as_ref(), target.as_ref(), &spec.path, "", 0)?;
    Ok(walk.steps)
}

impl Walk<'_> {
    fn compare(
        &mut self,
        source: Option<&Dir<'_>>,
        target: Option<&Dir<'_>>,
        path: &AbsPath,
        below: &str,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth > DEPTH_MAX {
            return Err(Failure::permanent(format!("`{}` is nested too deeply", path.as_str())));
        }
        if let Some(target) = target {
            target.tidy();
        }
        let mut wanted = Vec::new();
        if let Some(source) = source {
            for entry in source.entries()? {
                if entry.is_dir && !self.spec.recurse {
                    continue;
                }
                let name = utf8(source, &entry.name)?.to_owned();
                self.compare_entry(source, target, path, below, &name, depth)?;
                wanted.push(entry.name);
            }
        }
        if let Some(target) = target.filter(|_| self.spec.purge) {
            self.purge(target, path, below, &wanted, depth)?;
        }
        Ok(())
    }

    fn compare_entry(
        &mut self,
        source: &Dir<'_>,
        target: Option<&Dir<'_>>,
        path: &AbsPath,
        below: &str,
        name: &str,
        depth: usize,
    ) -> Result<(), Failure> {
        let Some(from) = source.stat(name)? else {
            return Ok(());
        };
        let to = target.map(|target| target.stat(name)).transpose()?.flatten();
        let relative = joined(below, name);
        let path = join(path, name)?;
        // Then another resource says what is to be there.
        let is_declared = self.host.declared().contains(&path);
        if is_declared && !from.is_dir() {
            return Ok(());
        }
        let mode = from.permissions();
        if from.is_dir() {
            let exists = to.is_some_and(|to| to.is_dir());
            if exists && !is_declared {
                self.attributes(&to, mode, &relative);
            } else if !exists {
                self.add(&relative, Action::MakeDir { mode });
            }
            let next = target.filter(|_| exists).map(|target| target.dir(name)).transpose()?;
            return self.compare(Some(&source.dir(name)?), next.as_ref(), &path, &relative, depth + 1);
        }
        if from.is_symlink() {
            let want = source.read_link(name)?;
            let same = match (target, to.filter(Identity::is_symlink)) {
                (Some(target), Some(_)) => target.read_link(name)? == want,
                _ => false,
            };
            if !same {
                let target = String::from_utf8(want).map_err(|_| {
                    Failure::permanent(format!("the target of the link `{}` is not UTF-8", path.as_str()))
                })?;
                self.add(&relative, Action::Link { target });
            }
            return Ok(());
        }
        if !from.is_file() {
            // Fifos, sockets and devices are no content.
            return Ok(());
        }
        let same = match (target, to.filter(|to| to.is_file() && to.size == from.size)) {
            (Some(target), Some(_)) => target
                .open(name)?
                .holds(Content::File(&source.open(name)?))
                .map_err(|error| Failure::transient(format!("cannot read `{}`: {error}", path.as_str())))?,
            _ => false,
        };
        if same {
            self.attributes(&to, mode, &relative);
        } else {
            self.add(&relative, Action::Copy { mode });
        }
        Ok(())
    }

    fn attributes(&mut self, is: &Option<Identity>, mode: u32, relative: &str) {
        let Some(is) = is else { return };
        if is.permissions() != mode {
            let is = is.permissions();
            self.add(relative, Action::SetMode { is, want: mode });
        }
        if self.uid.is_some_and(|uid| uid != is.uid) || self.gid.is_some_and(|gid| gid != is.gid) {
            self.add(relative, Action::SetOwner);
        }
    }

    /// Removes what is neither in the source nor declared. A directory that is declared itself is its own business.
    fn purge(
        &mut self,
        target: &Dir<'_>,
        path: &AbsPath,
        below: &str,
        wanted: &[OsString],
        depth: usize,
    ) -> Result<(), Failure> {
        for entry in target.entries()? {
            if wanted.binary_search(&entry.name).is_ok() || Files::is_temporary(entry.name.as_encoded_bytes())
            {
                continue;
            }
            let what = if entry.is_dir { "a directory" } else { "present" };
            let shown = entry.name.to_string_lossy();
            let Some(name) = entry.name.to_str() else {
                let exact = Some(entry.name.clone());
                self.add(&joined(below, &shown), Action::Remove { exact, what });
                continue;
            };
            let path = join(path, name)?;
            let declared = self.host.declared();
            if declared.contains(&path) {
                continue;
            }
            if declared.has_below(&path) {
                if entry.is_dir {
                    self.compare(None, Some(&target.dir(name)?), &path, &joined(below, name), depth + 1)?;
                }
                continue;
            }
            self.add(&joined(below, name), Action::Remove { exact: None, what });
        }
        Ok(())
    }

    fn add(&mut self, path: &str, action: Action) {
        self.steps.push(Step { path: path.to_owned(), action });
    }
}

/// Does what `compare` found.
pub(super) fn apply(
    host: &Host,
    spec: &Spec,
    source: Option<&AbsPath>,
    steps: &[Step],
) -> Result<(), Failure> {
    if steps.is_empty() {
        return Ok(());
    }
    let files = host.files();
    let top = files.dir(&spec.path)?;
    let from = source.map(|path| files.dir(path)).transpose()?;
    let owners = Attributes {
        uid: spec.owner.as_ref().map(|owner| files.uid(owner)).transpose()?,
        gid: spec.group.as_ref().map(|group| files.gid(group)).transpose()?,
        ..Attributes::default()
    };
    for step in steps {
        let (dir, name) = descend(&top, &step.path)?;
        let with = |mode| Attributes { mode: Some(mode), ..owners };
        match &step.action {
            Action::MakeDir { mode } => {
                make_way(spec, &dir, name, |is| !is.is_dir())?;
                dir.make_dir(name, &with(*mode))?;
            }
            Action::Copy { mode } => {
                let Some(from) = &from else { continue };
                let (from, _) = descend(from, &step.path)?;
                let file = from.open(name)?;
                make_way(spec, &dir, name, is_no_leaf)?;
                let _: Option<Identity> =
                    dir.replace(name, Expect::Anything, Body::File(&file), &with(*mode))?;
            }
            Action::Link { target } => {
                make_way(spec, &dir, name, is_no_leaf)?;
                dir.symlink(name, target)?;
                if owners != Attributes::default() {
                    dir.set_attributes(name, &owners)?;
                }
            }
            Action::SetMode { want, .. } => dir.set_attributes(name, &with(*want))?,
            Action::SetOwner => dir.set_attributes(name, &owners)?,
            Action::Remove { exact, .. } => dir.remove_all(exact.as_deref().unwrap_or(name.as_ref()))?,
        }
    }
    Ok(())
}

/// A file and a link are each replaced by the other as they are by their own kind.
fn is_no_leaf(is: &Identity) -> bool {
    !is.is_file() && !is.is_symlink()
}

/// What is in the way of what is wanted goes only with `force`.
fn make_way(
    spec: &Spec,
    dir: &Dir<'_>,
    name: &str,
    is_in_the_way: impl Fn(&Identity) -> bool,
) -> Result<(), Failure> {
    let Some(is) = dir.stat(name)?.filter(is_in_the_way) else {
        return Ok(());
    };
    if !spec.force {
        let path = format!("{}/{name}", dir.path().as_str());
        let message = format!("`{path}` is a {}; set `force: true` to replace it", is.describe());
        return Err(Failure::permanent(message));
    }
    Ok(dir.remove_all(name.as_ref())?)
}

fn descend<'f, 'p>(top: &Dir<'f>, path: &'p str) -> Result<(Dir<'f>, &'p str), Failure> {
    let mut dir = top.dir(".")?;
    let mut rest = path;
    while let Some((first, after)) = rest.split_once('/') {
        dir = dir.dir(first)?;
        rest = after;
    }
    Ok((dir, rest))
}

fn joined(below: &str, name: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
}

fn join(path: &AbsPath, name: &str) -> Result<AbsPath, Failure> {
    path.join(name).map_err(|error| Failure::permanent(format!("`{}/{name}` {error}", path.as_str())))
}

/// Paths are text everywhere; a name that is not can be removed but not copied.
pub(super) fn utf8<'n>(dir: &Dir<'_>, name: &'n OsStr) -> Result<&'n str, Failure> {
    name.to_str().ok_or_else(|| {
        let (dir, name) = (dir.path().as_str(), name.to_string_lossy());
        Failure::permanent(format!("the name of `{dir}/{name}` is not UTF-8"))
    })
}
