//! Comparing what is there with what is declared. Nothing here changes anything.

use std::io;
use std::sync::{Arc, PoisonError};

use homeostat_engine::host::files::{Content, FileError, Files, Identity, OpenFile};
use homeostat_engine::{AbsPath, Causes, Check, Failure, Host};

use super::drift::{ContentDrift, FileDrift, Side};
use super::spec::{Body, Fragment, Want};
use super::{Known, Shared, tree};

/// What fragments add up to is held in memory.
const FRAGMENTS_BYTES_MAX: usize = 64 << 20;
const SELINUX: &str = "security.selinux";

/// What happened since it was last known to be in order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// Nothing.
    Same,
    /// There is nothing any more.
    Gone,
    /// Something, or it was not known.
    Unknown,
}

/// What can be compared without reading: a missing file has no attributes to compare.
pub(super) struct Found {
    pub(super) identity: Identity,
    pub(super) label: Option<String>,
}

impl Shared {
    pub(super) fn look(&self, host: &Host, causes: Causes) -> Result<Check<FileDrift>, Failure> {
        let files = host.files();
        let since = self.since_known(files, causes)?;
        if since == Since::Same {
            return Ok(Check::converged());
        }
        files.tidy(&self.spec.path);
        let drift = match &self.spec.want {
            Want::Absent => self.look_absent(files)?,
            Want::Attributes => self.look_attributes(files)?,
            // Looking once more for what is gone costs most where many are made.
            Want::File(body) if since == Since::Gone => {
                self.drift_of_missing(None, &self.open_body(files, body)?)?
            }
            Want::File(body) => return self.look_file(files, body),
            Want::Link(target) => self.look_link(files, target)?,
            Want::Directory { source } => self.look_dir(host, source.as_ref())?,
        };
        Ok(if drift.is_empty() { Check::converged() } else { Check::Drifted(drift) })
    }

    /// One stat without waiting for other hosts: what is copied from elsewhere needs two.
    pub(super) fn is_unchanged(&self, host: &Host) -> bool {
        let files = host.files();
        self.known().is_some_and(|known| known.source.is_none())
            && !files.is_remote(&self.spec.path)
            && matches!(self.since_known(files, Causes::WAKE), Ok(Since::Same))
    }

    /// One stat tells what happened since it was found or put in order. Names of owners may have got other numbers meanwhile, which no
    /// stat of the file shows.
    fn since_known(&self, files: &Files, causes: Causes) -> Result<Since, FileError> {
        let names_may_differ = (self.spec.owner.is_some() || self.spec.group.is_some())
            && causes.any(Causes::PREDECESSOR.and(Causes::ASKED).and(Causes::DECLARED));
        let Some(known) = self.known().filter(|_| !names_may_differ) else {
            return Ok(Since::Unknown);
        };
        let is = files.stat(&self.spec.path)?;
        if is != Some(known.identity) {
            return Ok(if is.is_none() { Since::Gone } else { Since::Unknown });
        }
        let same = match (&self.spec.want, known.source) {
            (Want::File(Body::Source(path)), Some(source)) => files.stat_source(path)? == Some(*source),
            _ => true,
        };
        Ok(if same { Since::Same } else { Since::Unknown })
    }

    /// Remembers what is in order, if a later look can rely on it.
    pub(super) fn remember(&self, files: &Files, identity: &Identity, source: Option<&OpenFile>) {
        let is_complete = match &self.spec.want {
            Want::File(Body::Source(_)) => source.is_some_and(|source| files.trusts(source.identity())),
            Want::File(Body::Fragments(_)) | Want::Absent => false,
            Want::Directory { .. } => !self.spec.is_tree(),
            Want::File(Body::Any | Body::Text(_)) | Want::Attributes | Want::Link(_) => true,
        };
        let known = (is_complete && files.trusts(identity)).then(|| Known {
            identity: *identity,
            source: source.map(|source| Box::new(*source.identity())),
        });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn look_absent(&self, files: &Files) -> Result<FileDrift, Failure> {
        let is = files.stat(&self.spec.path)?;
        Ok(FileDrift { kind: is.map(|_| "absent"), is, ..FileDrift::default() })
    }

    fn look_attributes(&self, files: &Files) -> Result<FileDrift, Failure> {
        let Some(identity) = files.stat(&self.spec.path)? else {
            return Ok(FileDrift::default());
        };
        if self.spec.is_dir && !identity.is_dir() {
            let message =
                format!("`{}` is a {}, not a directory", self.spec.path.as_str(), identity.describe());
            return Err(Failure::permanent(message));
        }
        let label = self.label_of(files)?;
        let drift = self.attributes(files, Some(&Found { identity, label }));
        if drift.is_empty() {
            self.remember(files, &identity, None);
        }
        Ok(drift)
    }

    fn look_link(&self, files: &Files, target: &str) -> Result<FileDrift, Failure> {
        let is = files.stat(&self.spec.path)?;
        let Some(identity) = is.filter(Identity::is_symlink) else {
            return Ok(FileDrift {
                kind: Some("symbolic link"),
                target: Some(("none".to_owned(), target.to_owned())),
                ..self.attributes_of_new(is)
            });
        };
        let found = files.parent(&self.spec.path)?.read_link(self.spec.path.file_name())?;
        let mut drift = self.attributes(files, Some(&Found { identity, label: None }));
        if found != target.as_bytes() {
            drift.target = Some((String::from_utf8_lossy(&found).into_owned(), target.to_owned()));
        }
        if drift.is_empty() {
            self.remember(files, &identity, None);
        }
        Ok(drift)
    }

    fn look_dir(&self, host: &Host, source: Option<&AbsPath>) -> Result<FileDrift, Failure> {
        let files = host.files();
        let is = files.stat(&self.spec.path)?;
        let found = match is {
            Some(identity) if identity.is_dir() => Some(Found { identity, label: self.label_of(files)? }),
            Some(_) | None => None,
        };
        let mut drift = match &found {
            Some(found) => self.attributes(files, Some(found)),
            None => FileDrift { kind: Some("directory"), ..self.attributes_of_new(is) },
        };
        if self.spec.is_tree() {
            drift.steps = tree::compare(host, &self.spec, source, found.is_some())?;
        }
        if let Some(found) = found.filter(|_| drift.is_empty()) {
            self.remember(files, &found.identity, None);
        }
        Ok(drift)
    }

    fn look_file(&self, files: &Files, body: &Body) -> Result<Check<FileDrift>, Failure> {
        let wanted = self.open_body(files, body)?;
        let path = &self.spec.path;
        let open = match files.open_file(path) {
            Ok(open) if open.identity().is_file() => open,
            Ok(open) => {
                return Ok(Check::Drifted(self.drift_of_missing(Some(*open.identity()), &wanted)?));
            }
            Err(error) if error.is_missing() => {
                return Ok(Check::Drifted(self.drift_of_missing(None, &wanted)?));
            }
            Err(error) => {
                let is = files.stat(path)?;
                if is.is_some_and(|is| is.is_file()) {
                    return Err(error.into());
                }
                return Ok(Check::Drifted(self.drift_of_missing(is, &wanted)?));
            }
        };
        let read = |error: io::Error| FileError::new("read", path.as_str(), error);
        let same = wanted.content().map_or(Ok(true), |content| open.holds(content)).map_err(read)?;
        let label = match &self.spec.selinux {
            Some(_) => open.xattr(SELINUX).map_err(read)?.map(label_text),
            None => None,
        };
        let found = Found { identity: *open.identity(), label };
        let mut drift = self.attributes(files, Some(&found));
        if !same {
            let is_mode = found.identity.permissions();
            let want_mode = drift.mode.map_or(is_mode, |(_, want)| want);
            drift.content = Some(Arc::new(ContentDrift {
                param: wanted.param(),
                is: Side::of_file(&open, is_mode & want_mode).map_err(read)?,
                want: wanted.side(is_mode & want_mode).map_err(read)?,
            }));
        }
        if !drift.is_empty() {
            drift.is = Some(found.identity);
            return Ok(Check::Drifted(drift));
        }
        self.remember(files, &found.identity, wanted.source());
        Ok(Check::converged())
    }

    /// The drift where there is no file: nothing, or something else.
    fn drift_of_missing(&self, is: Option<Identity>, wanted: &Wanted<'_>) -> Result<FileDrift, Failure> {
        let drift = self.attributes_of_new(is);
        let mode = match drift.mode {
            Some((_, mode)) => mode,
            None => 0o644,
        };
        let want =
            wanted.side(mode).map_err(|error| FileError::new("read", self.spec.path.as_str(), error))?;
        let content = wanted
            .content()
            .map(|_| Arc::new(ContentDrift { param: wanted.param(), is: Side::Nothing, want }));
        Ok(FileDrift { kind: Some("file"), content, mode: None, ..drift })
    }

    /// What a new entry will get; only its mode is told, and only to decide what may be shown.
    fn attributes_of_new(&self, is: Option<Identity>) -> FileDrift {
        let mode = self.spec.mode.as_ref().map(|mode| (0, mode.of(0o644, self.spec.is_dir)));
        FileDrift {
            is,
            mode: mode.filter(|_| matches!(self.spec.want, Want::File(_))),
            ..FileDrift::default()
        }
    }

    /// How the attributes of what is there differ.
    fn attributes(&self, files: &Files, found: Option<&Found>) -> FileDrift {
        let Some(Found { identity, label }) = found else {
            return FileDrift::default();
        };
        let mut drift = FileDrift { is: Some(*identity), ..FileDrift::default() };
        if let Some(mode) = &self.spec.mode {
            let is = identity.permissions();
            let want = mode.of(is, identity.is_dir());
            drift.mode = (is != want).then_some((is, want));
        }
        // A name that is not known yet differs: whoever makes that user may only run before the apply.
        if let Some(owner) = &self.spec.owner {
            let same = files.uid(owner).is_ok_and(|uid| uid == identity.uid);
            drift.owner = (!same).then(|| (files.user_name(identity.uid), owner.to_string()));
        }
        if let Some(group) = &self.spec.group {
            let same = files.gid(group).is_ok_and(|gid| gid == identity.gid);
            drift.group = (!same).then(|| (files.group_name(identity.gid), group.to_string()));
        }
        if let Some(want) = &self.spec.selinux {
            let is = label.clone().unwrap_or_default();
            drift.selinux = (*is != **want).then(|| (is, want.to_string()));
        }
        drift
    }

    fn label_of(&self, files: &Files) -> Result<Option<String>, FileError> {
        if self.spec.selinux.is_none() {
            return Ok(None);
        }
        let open = files.open_file(&self.spec.path)?;
        let label = open
            .xattr(SELINUX)
            .map_err(|error| FileError::new("read the SELinux label of", self.spec.path.as_str(), error))?;
        Ok(label.map(label_text))
    }

    pub(super) fn open_body<'b>(&self, files: &Files, body: &'b Body) -> Result<Wanted<'b>, Failure> {
        Ok(match body {
            Body::Any => Wanted::Any,
            Body::Text(text) => Wanted::Text(text),
            Body::Source(path) => {
                let source = files.open_source(path)?;
                if source.identity().is_dir() {
                    let message = format!("the source `{}` is a directory, not a file", path.as_str());
                    return Err(Failure::permanent(message));
                }
                Wanted::Source(source)
            }
            Body::Fragments(fragments) => Wanted::Joined(join(files, fragments)?),
        })
    }
}

/// What a file should hold, at hand.
pub(super) enum Wanted<'b> {
    Any,
    Text(&'b Arc<str>),
    Source(OpenFile),
    Joined(Vec<u8>),
}

impl Wanted<'_> {
    pub(super) fn content(&self) -> Option<Content<'_>> {
        match self {
            Self::Any => None,
            Self::Text(text) => Some(Content::Bytes(text.as_bytes())),
            Self::Source(file) => Some(Content::File(file)),
            Self::Joined(bytes) => Some(Content::Bytes(bytes)),
        }
    }

    pub(super) fn source(&self) -> Option<&OpenFile> {
        match self {
            Self::Source(file) => Some(file),
            Self::Any | Self::Text(_) | Self::Joined(_) => None,
        }
    }

    fn param(&self) -> &'static str {
        match self {
            Self::Any | Self::Text(_) => "content",
            Self::Source(_) => "source",
            Self::Joined(_) => "fragments",
        }
    }

    fn side(&self, mode: u32) -> io::Result<Side> {
        Ok(match self {
            Self::Any => Side::Nothing,
            Self::Text(text) => Side::of_text(text, mode),
            Self::Source(file) => Side::of_file(file, mode & file.identity().permissions())?,
            Self::Joined(bytes) => Side::of_bytes(bytes, mode),
        })
    }
}

/// All fragments, one after the other; of a directory the files in it, by name.
fn join(files: &Files, fragments: &[Fragment]) -> Result<Vec<u8>, Failure> {
    let mut joined = Vec::new();
    let mut add = |path: &str, file: OpenFile| -> Result<(), Failure> {
        let left = FRAGMENTS_BYTES_MAX - joined.len();
        let bytes = file.read(left).map_err(|error| FileError::new("read the fragment", path, error))?;
        joined.extend_from_slice(&bytes);
        Ok(())
    };
    for fragment in fragments {
        if !fragment.is_dir {
            add(fragment.path.as_str(), files.open_source(&fragment.path)?)?;
            continue;
        }
        let dir = files.dir(&fragment.path)?;
        for entry in dir.entries()? {
            let name = tree::utf8(&dir, &entry.name)?;
            if entry.is_dir || Files::is_temporary(name.as_bytes()) {
                continue;
            }
            let path = fragment.path.join(name).map_err(|error| Failure::permanent(error.to_string()))?;
            add(path.as_str(), files.open_source(&path)?)?;
        }
    }
    Ok(joined)
}

fn label_text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}
