//! Writing a file of the user's again, so that it stays whose it was.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Puts other bytes into a file: all of them, or none. Mode and owner stay; of a link, what it leads to is written.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let found = fs::metadata(&path)?;
    let temporary = path.with_file_name(format!(".homeostat-{}-fmt", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        // Who may write a file of somebody else's may not always give one away; then it becomes his.
        fchown(&file, Some(found.uid()), Some(found.gid())).ok();
        file.set_permissions(found.permissions())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().inspect_err(|_| {
        fs::remove_file(&temporary).ok();
    })
}
