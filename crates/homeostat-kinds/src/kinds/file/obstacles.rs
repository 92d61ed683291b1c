//! Why bringing a file in order would fail, foreseen for plans.

use std::io::ErrorKind;

use homeostat_engine::host::files::{FileError, Files, Identity};
use homeostat_engine::{AbsPath, Claim, Failure, Host, Obstacle};

use super::Shared;
use super::drift::FileDrift;
use super::put::{missing_dir, no_dir, not_empty};
use super::spec::Want;

impl Shared {
    /// In the order in which the apply would meet them.
    pub(super) fn obstacles(&self, host: &Host, drift: &FileDrift) -> Vec<Obstacle> {
        let files = host.files();
        let mut obstacles = Vec::new();
        if drift.is.is_none() {
            obstacles.extend(in_the_way(files, &self.spec.path));
            if !self.makes_parents() {
                obstacles.extend(missing_dirs(files, &self.spec.path));
            }
        }
        let owners = [(&self.spec.owner, Claim::User as fn(_) -> _), (&self.spec.group, Claim::Group)];
        for (name, claim) in owners {
            let Some(name) = name else { continue };
            let unknown = match claim(name.as_ref().into()) {
                Claim::Group(_) => files.gid(name).err(),
                Claim::User(_) | Claim::Path(_) | Claim::Directory(_) => files.uid(name).err(),
            };
            obstacles.extend(unknown.map(|error| Obstacle {
                failure: Failure::from(error),
                lifted_by: Some(claim(name.as_ref().into())),
            }));
        }
        let forbidden = drift.is.and_then(|is| self.replaces(&is)).map(|want| (want, drift.is));
        if let Some((want, Some(is))) = forbidden
            && let Err(failure) = self.require_force(&is, want)
        {
            obstacles.push(Obstacle { failure, lifted_by: None });
        }
        obstacles.extend(self.entries_in_the_way(files, drift));
        obstacles
    }

    /// A directory that goes must be empty, unless all that is in it goes too.
    fn entries_in_the_way(&self, files: &Files, drift: &FileDrift) -> Option<Obstacle> {
        let removes_all = self.spec.force || self.spec.recurse;
        let goes = matches!(self.spec.want, Want::Absent) && self.spec.is_dir && !removes_all;
        drift.is.filter(|is| goes && is.is_dir())?;
        let entries = files.dir(&self.spec.path).and_then(|dir| dir.entries()).ok()?;
        (!entries.is_empty()).then(|| Obstacle {
            failure: not_empty(&FileError::new(
                "remove the directory",
                self.spec.path.as_str(),
                ErrorKind::DirectoryNotEmpty,
            )),
            lifted_by: Some(Claim::Path(self.spec.path.clone())),
        })
    }

    fn makes_parents(&self) -> bool {
        matches!(self.spec.want, Want::Directory { .. }) && self.spec.recurse
    }

    /// What would take the place of something of another type.
    fn replaces(&self, is: &Identity) -> Option<&'static str> {
        match &self.spec.want {
            Want::File(_) => (!is.is_file()).then_some("file"),
            Want::Link(_) => (!is.is_symlink()).then_some("symbolic link"),
            Want::Directory { .. } => (!is.is_dir()).then_some("directory"),
            Want::Absent if self.spec.is_dir => (!is.is_dir()).then_some("directory"),
            Want::Absent => is.is_dir().then_some("file"),
            Want::Attributes => None,
        }
    }
}

/// What is no directory on the way to a path, until somebody else puts one there.
pub(in crate::kinds) fn in_the_way(files: &Files, path: &AbsPath) -> Option<Obstacle> {
    let (at, is) = files.in_the_way_of(path)?;
    Some(Obstacle { failure: no_dir(&at, &is), lifted_by: Some(Claim::Directory(at)) })
}

/// The directories that are missing above a path, from the top: each is for its own declaration to make.
pub(in crate::kinds) fn missing_dirs(files: &Files, path: &AbsPath) -> Vec<Obstacle> {
    let Some(top) = files.missing_above(path) else { return Vec::new() };
    let above = std::iter::successors(path.parent(), AbsPath::parent);
    let mut missing: Vec<AbsPath> = above.take_while(|dir| *dir == top || top.is_above(dir)).collect();
    missing.reverse();
    let obstacle = |dir| Obstacle { failure: missing_dir(&dir), lifted_by: Some(Claim::Directory(dir)) };
    missing.into_iter().map(obstacle).collect()
}
