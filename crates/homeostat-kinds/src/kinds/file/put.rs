//! Bringing in order what the look found different.

use homeostat_engine::host::files::{
    Attributes, Body as Bytes, Content, Dir, Expect, FileError, Files, Identity,
};
use homeostat_engine::{AbsPath, Failure, Host};

use super::drift::FileDrift;
use super::spec::{Body, Want};
use super::{Shared, tree};

impl Shared {
    pub(super) fn put(&self, host: &Host, drift: &FileDrift) -> Result<(), Failure> {
        let files = host.files();
        self.forget();
        match &self.spec.want {
            Want::Absent => self.remove(files, drift),
            Want::Attributes => self.put_attributes(files, drift),
            Want::File(body) => self.put_file(files, body, drift),
            Want::Link(target) => self.put_link(files, target, drift),
            Want::Directory { source } => {
                self.put_dir(files, drift)?;
                tree::apply(host, &self.spec, source.as_ref(), &drift.steps)
            }
        }
    }

    /// The directory of the path and the name in it.
    fn parent<'f>(&self, files: &'f Files) -> Result<(Dir<'f>, &str), Failure> {
        let path = &self.spec.path;
        let name = match path.file_name() {
            "" => ".",
            name => name,
        };
        Ok((parent_of(files, path)?, name))
    }

    /// Names become numbers only now: whoever makes the user ran before.
    fn resolve(&self, files: &Files, base_mode: u32, is_dir: bool) -> Result<Attributes<'_>, Failure> {
        let spec = &self.spec;
        Ok(Attributes {
            mode: spec.mode.as_ref().map(|mode| mode.of(base_mode, is_dir)),
            uid: spec.owner.as_ref().map(|owner| files.uid(owner)).transpose()?,
            gid: spec.group.as_ref().map(|group| files.gid(group)).transpose()?,
            selinux: spec.selinux.as_deref(),
        })
    }

    fn put_attributes(&self, files: &Files, drift: &FileDrift) -> Result<(), Failure> {
        let (parent, name) = self.parent(files)?;
        let Some(is) = parent.stat(name)? else {
            return Ok(());
        };
        let attributes = self.resolve(files, is.permissions(), is.is_dir())?;
        parent.set_attributes(name, &attributes)?;
        self.remember_found(files, &parent, name, drift)
    }

    fn put_file(&self, files: &Files, body: &Body, drift: &FileDrift) -> Result<(), Failure> {
        let (parent, name) = self.parent(files)?;
        let old = drift.is.filter(Identity::is_file);
        if old.is_some() && drift.content.is_none() {
            return self.put_attributes(files, drift);
        }
        let base = old.map_or(0o666 & !files.umask(), |old| old.permissions());
        let attributes = self.resolve(files, base, false)?;
        let wanted = self.open_body(files, body)?;
        let bytes = match wanted.content() {
            None => Bytes::Bytes(b""),
            Some(Content::Bytes(bytes)) => Bytes::Bytes(bytes),
            Some(Content::File(file)) => Bytes::File(file),
        };
        let place = |expect| parent.replace(name, expect, bytes, &attributes);
        let placed = match drift.is {
            None => place(Expect::Missing),
            Some(is) if is.is_file() => place(Expect::Anything),
            Some(is) => {
                self.require_force(&is, "file")?;
                if is.is_dir() {
                    parent.displace(name, || place(Expect::Missing))
                } else {
                    place(Expect::Anything)
                }
            }
        }?;
        if let Some(identity) = placed {
            self.remember(files, &identity, wanted.source());
        }
        Ok(())
    }

    fn put_link(&self, files: &Files, target: &str, drift: &FileDrift) -> Result<(), Failure> {
        let (parent, name) = self.parent(files)?;
        let attributes = self.resolve(files, 0o777, false)?;
        if drift.target.is_some() {
            let make = || parent.symlink(name, target);
            match drift.is {
                Some(is) if !is.is_symlink() => {
                    self.require_force(&is, "symbolic link")?;
                    if is.is_dir() { parent.displace(name, make) } else { make() }
                }
                Some(_) | None => make(),
            }?;
        }
        if attributes != Attributes::default() {
            parent.set_attributes(name, &attributes)?;
        }
        self.remember_found(files, &parent, name, drift)
    }

    fn put_dir(&self, files: &Files, drift: &FileDrift) -> Result<(), Failure> {
        if drift.is.is_none() && drift.kind.is_some() && self.spec.recurse {
            make_parents(files, &self.spec.path)?;
        }
        let (parent, name) = self.parent(files)?;
        match drift.is.filter(|_| drift.kind.is_some()) {
            None if drift.kind.is_some() => {
                let attributes = self.resolve(files, 0o777 & !files.umask(), true)?;
                parent.make_dir(name, &attributes)?;
            }
            None => {
                let base = drift.is.map_or(0, |is| is.permissions());
                let attributes = self.resolve(files, base, true)?;
                if attributes != Attributes::default() {
                    parent.set_attributes(name, &attributes)?;
                }
            }
            Some(is) => {
                self.require_force(&is, "directory")?;
                let attributes = self.resolve(files, 0o777 & !files.umask(), true)?;
                parent.displace(name, || parent.make_dir(name, &attributes))?;
            }
        }
        self.remember_found(files, &parent, name, drift)
    }

    fn remove(&self, files: &Files, drift: &FileDrift) -> Result<(), Failure> {
        let Some(is) = drift.is else {
            return Ok(());
        };
        let (parent, name) = match files.parent(&self.spec.path) {
            Ok(parent) => (parent, self.spec.path.file_name()),
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if !is.is_dir() {
            if self.spec.is_dir {
                self.require_force(&is, "directory")?;
            }
            return Ok(parent.remove_file(name.as_ref())?);
        }
        if self.spec.force {
            return Ok(parent.remove_all(name.as_ref())?);
        }
        if !self.spec.is_dir {
            self.require_force(&is, "file")?;
        }
        if self.spec.recurse {
            return Ok(parent.remove_all(name.as_ref())?);
        }
        parent.remove_dir(name.as_ref()).map_err(|error| {
            if error.source().kind() == std::io::ErrorKind::DirectoryNotEmpty {
                not_empty(&error)
            } else {
                error.into()
            }
        })
    }

    pub(super) fn require_force(&self, is: &Identity, want: &str) -> Result<(), Failure> {
        if self.spec.force {
            return Ok(());
        }
        let (path, is) = (self.spec.path.as_str(), is.describe());
        Err(Failure::permanent(format!("`{path}` is a {is}, not a {want}; set `force: true` to replace it")))
    }

    /// Remembers what is there after only its attributes were set. What a file holds was compared at the look, and is the
    /// same still if the time of its content is.
    fn remember_found(
        &self,
        files: &Files,
        parent: &Dir<'_>,
        name: &str,
        drift: &FileDrift,
    ) -> Result<(), Failure> {
        let Some(identity) = parent.stat(name)? else {
            return Ok(());
        };
        let unchanged = drift.is.is_some_and(|is| {
            is.is_same_file(&identity)
                && (is.mtime, is.size) == (identity.mtime, identity.size)
                && files.trusts(&is)
        });
        let in_order = match &self.spec.want {
            Want::File(Body::Any) | Want::Attributes | Want::Directory { .. } => true,
            Want::File(Body::Text(_)) => unchanged,
            Want::Link(target) => identity.is_symlink() && parent.read_link(name)? == target.as_bytes(),
            Want::File(Body::Source(_) | Body::Fragments(_)) | Want::Absent => false,
        };
        if in_order {
            self.remember(files, &identity, None);
        }
        Ok(())
    }
}

/// A directory cannot be removed with what is in it.
pub(super) fn not_empty(error: &FileError) -> Failure {
    Failure::permanent(format!("{error}: it is not empty; with `recurse` what is in it is removed, too"))
}

/// The directory of a path. A missing one is not made: who should own it, and with which permissions, is for its own declaration
/// to say.
pub(in crate::kinds) fn parent_of<'f>(files: &'f Files, path: &AbsPath) -> Result<Dir<'f>, Failure> {
    files.parent(path).map_err(|error| {
        if !error.is_missing() {
            return error.into();
        }
        match (files.in_the_way_of(path), files.missing_above(path)) {
            (Some((at, is)), _) => no_dir(&at, &is),
            (None, Some(missing)) => missing_dir(&missing),
            (None, None) => error.into(),
        }
    })
}

/// Something on the way to a path that is no directory.
pub(super) fn no_dir(at: &AbsPath, is: &Identity) -> Failure {
    let (at, is) = (at.as_str(), is.describe());
    Failure::permanent(format!(
        "`{at}` is a {is} and leads to no directory, so there can be nothing below it"
    ))
}

/// A directory that is missing on the way to a path.
pub(super) fn missing_dir(missing: &AbsPath) -> Failure {
    Failure::permanent(format!(
        "the directory `{missing}` does not exist; declare `file[{missing}/]` too, and that its `state` is `exists`",
        missing = missing.as_str()
    ))
}

/// Makes the directories above a path, with the permissions of the system's default.
pub(in crate::kinds) fn make_parents(files: &Files, path: &AbsPath) -> Result<(), Failure> {
    while let Some(missing) = files.missing_above(path) {
        let made = parent_of(files, &missing)?.make_dir(missing.file_name(), &Attributes::default());
        match made {
            Err(error) if error.source().kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error.into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
