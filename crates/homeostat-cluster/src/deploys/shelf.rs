//! Releases below a prefix: what a host has taken, so that it starts with it whether the store is there or not.
//!
//! | in `deploys/` | what |
//! |---|---|
//! | `<n>/manifest`, `<n>/files/…` | a release as it was signed, and its files |
//! | `ledger.json` | which one runs, which one ran before, which one did not do |
//! | `seen`, `everywhere` | the greatest number of a release of ours that was ever seen, and seen in order on every host |
//!
//! Beside it, the link `release` leads to the files of the one that runs, for whatever names them by a path.
//!
//! Invariants: closed to others; a release is there whole or not at all; it comes here only after it was verified, and is used only
//! while its files still are what its manifest says.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use homeostat_engine::durable;
use serde::{Deserialize, Serialize};

use super::draft::{Body, Content, Draft};
use super::manifest::{Hash, Manifest};
use super::signed::body;

const MANIFEST_BYTES_MAX: u64 = 2 << 20;
const NEW: &str = ".homeostat-new-release";

/// The releases of a prefix.
#[derive(Debug, Clone)]
pub struct Shelf {
    prefix: PathBuf,
}

/// A release on the shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// What it is.
    pub manifest: Manifest,
    /// Its inputs, in their order.
    pub inputs: Vec<PathBuf>,
}

/// What a host remembers of releases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// The one that runs; 0: none.
    pub runs: u64,
    /// The one that ran before it; 0: none.
    pub before: u64,
    /// The last one that did not do here.
    pub failed: Option<u64>,
    /// It was once in order with the one that runs.
    pub proven: bool,
    /// Something was changed by hand since it came.
    pub tainted: bool,
}

/// What is remembered of release numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The greatest one that was ever seen of a release of ours.
    Seen,
    /// The greatest one that was seen in order on every host that it is for.
    Everywhere,
}

impl Mark {
    fn file(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Everywhere => "everywhere",
        }
    }
}

/// What is wrong with the shelf.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A file that cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A release that is not what it was.
    #[error("release {0} on disk is damaged")]
    Damaged(u64),
}

impl Shelf {
    /// That of a prefix.
    pub fn below(prefix: &Path) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// What was remembered last; nothing where there is nothing.
    pub fn ledger(&self) -> Result<Ledger, ShelfError> {
        let path = self.dir().join("ledger.json");
        let Some(text) = read(&path, MANIFEST_BYTES_MAX).map_err(cannot(&path))? else {
            return Ok(Ledger::default());
        };
        serde_json::from_slice(&text).map_err(|error| cannot(&path)(io::Error::other(error)))
    }

    /// Remembers.
    pub fn save(&self, ledger: &Ledger) -> Result<(), ShelfError> {
        let path = self.dir().join("ledger.json");
        let text = serde_json::to_vec(ledger).expect("a ledger is plain data");
        self.make().and_then(|()| durable::write(&path, &text)).map_err(cannot(&path))
    }

    /// A number that only grows; 0 where there is none.
    pub(super) fn mark(&self, mark: Mark) -> Result<u64, ShelfError> {
        let path = self.dir().join(mark.file());
        let text = read(&path, 64).map_err(cannot(&path))?;
        let number = text.map(|text| String::from_utf8_lossy(&text).trim().parse::<u64>());
        let number = number.transpose().map_err(|error| cannot(&path)(io::Error::other(error)))?;
        Ok(number.unwrap_or_default())
    }

    /// The greatest number of a release that was ever known here; 0: none.
    pub fn greatest(&self) -> Result<u64, ShelfError> {
        let Ledger { runs, before, failed, .. } = self.ledger()?;
        let marks = [self.mark(Mark::Seen)?, self.mark(Mark::Everywhere)?];
        Ok([runs, before].into_iter().chain(failed).chain(marks).max().unwrap_or_default())
    }

    pub(super) fn set_mark(&self, mark: Mark, number: u64) -> Result<(), ShelfError> {
        let path = self.dir().join(mark.file());
        let text = format!("{number}\n");
        self.make().and_then(|()| durable::write(&path, text.as_bytes())).map_err(cannot(&path))
    }

    /// Puts a release here that was verified, with its files.
    pub(super) fn put(
        &self,
        signed: &[u8],
        manifest: &Manifest,
        files: &Draft,
    ) -> Result<Shelved, ShelfError> {
        let (new, place) = (self.dir().join(NEW), self.place(manifest.number));
        let put = || {
            self.make()?;
            durable::remove_dir_lazily(&new)?;
            DirBuilder::new().mode(0o700).create(&new)?;
            create(&new.join("manifest"), 0o600, signed)?;
            let root = new.join("files");
            for (path, content) in files.files() {
                let path = path.below(&root);
                let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
                DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
                bring(content, &path)?;
            }
            rustix::fs::syncfs(File::open(&new)?)?;
            durable::remove_dir_lazily(&place)?;
            durable::rename(&new, &place)
        };
        put().map_err(cannot(&place))?;
        Ok(self.shelved(manifest.clone()))
    }

    /// A release that was put here, as it was signed; none if there is none.
    pub(super) fn signed(&self, number: u64) -> Result<Option<Vec<u8>>, ShelfError> {
        let place = self.place(number);
        read(&place.join("manifest"), MANIFEST_BYTES_MAX).map_err(cannot(&place))
    }

    /// A release that was put here, if it still is what it was.
    pub fn get(&self, number: u64) -> Result<Shelved, ShelfError> {
        let (place, signed) = (self.place(number), self.signed(number)?);
        let damaged = || ShelfError::Damaged(number);
        let manifest = signed.as_deref().and_then(body).and_then(|body| Manifest::parse(body).ok());
        let manifest = manifest.filter(|manifest| manifest.number == number).ok_or_else(damaged)?;
        for file in &manifest.files {
            let path = file.path.below(&place.join("files"));
            let found = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged()),
                opened => opened.and_then(|mut file| Hash::of_file(&mut file)),
            };
            if found.map_err(cannot(&path))? != (file.hash, file.bytes) {
                return Err(damaged());
            }
        }
        Ok(self.shelved(manifest))
    }

    /// What the releases here hold, as far as that can be read.
    pub(super) fn manifests(&self) -> Vec<Manifest> {
        let entries = fs::read_dir(self.dir()).into_iter().flatten().flatten();
        let signed = entries.filter_map(|entry| fs::read(entry.path().join("manifest")).ok());
        signed.filter_map(|signed| Manifest::parse(body(&signed)?).ok()).collect()
    }

    /// Lets the link lead to a release.
    pub fn point_to(&self, number: u64) -> Result<(), ShelfError> {
        let link = self.prefix.join("release");
        let new = self.prefix.join(".homeostat-new-release");
        let target = Path::new("deploys").join(name(number)).join("files");
        let point = || {
            durable::remove_lazily(&new)?;
            symlink(&target, &new)?;
            durable::rename(&new, &link)
        };
        point().map_err(cannot(&link))
    }

    /// Removes releases that are not among these.
    pub fn prune(&self, keep: &[u64]) -> Result<(), ShelfError> {
        let dir = self.dir();
        for entry in fs::read_dir(&dir).map_err(cannot(&dir))? {
            let entry = entry.map_err(cannot(&dir))?;
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            if number.is_some_and(|number| !keep.contains(&number)) {
                durable::remove_dir_lazily(&entry.path()).map_err(cannot(&entry.path()))?;
            }
        }
        Ok(())
    }

    fn shelved(&self, manifest: Manifest) -> Shelved {
        let files = self.place(manifest.number).join("files");
        let inputs = manifest.inputs.iter().map(|path| path.below(&files)).collect();
        Shelved { manifest, inputs }
    }

    fn dir(&self) -> PathBuf {
        self.prefix.join("deploys")
    }

    fn place(&self, number: u64) -> PathBuf {
        self.dir().join(name(number))
    }

    fn make(&self) -> io::Result<()> {
        durable::make_dir(&self.dir())
    }
}

fn name(number: u64) -> String {
    format!("{number:010}")
}

fn cannot(path: &Path) -> impl Fn(io::Error) -> ShelfError {
    let path = path.to_owned();
    move |source| ShelfError::File { path: path.clone(), source }
}

fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(most).read_to_end(&mut bytes).map(|_| Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a file here with its mode. What lies on this disk already is linked, if nobody else has it with another mode.
fn bring(content: &Content, path: &Path) -> io::Result<()> {
    let from = match &content.body {
        Body::Here(bytes) => return create(path, content.mode, bytes),
        Body::At(from) => from,
        Body::Elsewhere => return Err(io::ErrorKind::NotFound.into()),
    };
    let (found, mode) = (fs::metadata(from)?, readable(content.mode));
    if found.nlink() == 1 {
        fs::set_permissions(from, fs::Permissions::from_mode(mode))?;
    } else if found.mode() & 0o7777 != mode {
        create(path, content.mode, &[])?;
        return fs::copy(from, path)
            .and_then(|_| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    }
    fs::hard_link(from, path)
}

fn create(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    // Whatever the umask is.
    file.set_permissions(fs::Permissions::from_mode(readable(mode)))
}

/// It stays readable for us.
fn readable(mode: u32) -> u32 {
    mode | 0o400
}
