//! Opening the file, and what its errors mean.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, StorageBackend};

use super::{Access, STORE_FILE};
use crate::durable;
use crate::store::StoreError;

/// What is kept in memory of the file.
const CACHE_BYTES: usize = 8 << 20;
/// A file above this is not copied into memory to be read.
const COPY_BYTES_MAX: u64 = 1 << 30;
/// What a database begins with.
const MARK_BYTES: usize = 9;
/// Copies that are taken if a writer was faster than the copy.
const COPIES_MAX: u32 = 5;

pub(super) fn open(directory: &Path, access: Access) -> Result<Database, StoreError> {
    let path = directory.join(STORE_FILE);
    let opened = match access {
        Access::Write => open_for_writing(&path),
        Access::ReadOnly => open_copy(&path),
    };
    opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => {
            StoreError::Unavailable(format!("another process has `{}` open", path.display()))
        }
        DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() != ErrorKind::InvalidData => {
            StoreError::Unavailable(format!("cannot open `{}`: {error}", path.display()))
        }
        other => StoreError::Damaged(format!("`{}`: {other}", path.display())),
    })
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn open_for_writing(path: &Path) -> Result<Database, DatabaseError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    // Held for as long as the file is open, and before anything is decided by what it holds.
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DatabaseError::DatabaseAlreadyOpen),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let is_new = is_unfinished(&file)?;
    if is_new {
        file.set_len(0)?;
        // Before there is anything in it: whoever is killed in between finds it unfinished, and does this again.
        durable::sync_names_beside(path)?;
    }
    builder().create_file(file)
}

/// Whether the file was never created to its end, so that nothing can have been written to it: the mark of a database
/// comes last.
fn is_unfinished(mut file: &File) -> io::Result<bool> {
    let mut head = [0; MARK_BYTES];
    let mut read = 0;
    while read < MARK_BYTES {
        match file.read(&mut head[read..])? {
            0 => break,
            more => read += more,
        }
    }
    file.rewind()?;
    Ok(head.iter().all(|byte| *byte == 0))
}

/// A writer may change the file while it is copied. The file's checksums tell, and another copy is taken then.
fn open_copy(path: &Path) -> Result<Database, DatabaseError> {
    let mut attempt = 1;
    loop {
        let opened =
            copy(path).map_err(DatabaseError::from).and_then(|copy| builder().create_with_backend(copy));
        match opened {
            Err(DatabaseError::Storage(redb::StorageError::Corrupted(_))) if attempt < COPIES_MAX => {
                attempt += 1
            }
            other => return other,
        }
    }
}

fn copy(path: &Path) -> io::Result<InMemoryBackend> {
    let copy = InMemoryBackend::new();
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > COPY_BYTES_MAX => {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "too large to be read beside its writer"));
        }
        Ok(_) => std::fs::read(path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(copy),
        Err(error) => return Err(error),
    };
    if bytes.iter().take(MARK_BYTES).all(|byte| *byte == 0) {
        return Ok(copy);
    }
    copy.set_len(bytes.len() as u64)?;
    copy.write(0, &bytes)?;
    Ok(copy)
}

/// What an error of the database means to whoever asked.
pub(super) fn error(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        error @ (redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }) => StoreError::Damaged(error.to_string()),
        error => StoreError::Unavailable(error.to_string()),
    }
}
