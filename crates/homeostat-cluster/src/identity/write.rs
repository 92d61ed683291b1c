//! Files that others must never see, and that are there whole or not at all, whatever is killed or loses power.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What temporary files begin with; they are removed when the next one is written.
const TEMPORARY: &str = ".homeostat-new-";

/// Makes a directory that is closed to others.
pub(crate) fn closed_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Writes a file that is closed to others from the beginning.
pub(crate) fn closed_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = dir.join(format!("{TEMPORARY}{name}"));
    remove(&temporary)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(dir)?.sync_all()
    };
    write().inspect_err(|_| {
        fs::remove_file(&temporary).ok();
    })
}

/// Removes a file; a missing one is no error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it; a missing one is no error.
pub(crate) fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Puts a directory in the place of another, which goes.
pub(crate) fn swap_dir(new: &Path, place: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if place.exists() {
        renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE)?;
        remove_dir(new)?;
    } else {
        fs::rename(new, place)?;
    }
    let dir = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    File::open(dir)?.sync_all()
}
