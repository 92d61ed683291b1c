//! Why something could not be done with a file.

use std::io;

use rustix::io::Errno;

use crate::resource::Failure;

/// What was to be done, to what, and what the operating system answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{path}`")]
pub struct FileError {
    action: &'static str,
    path: Box<str>,
    #[source]
    source: io::Error,
}

impl FileError {
    /// An error while doing `action`, a verb with its particles, to a path.
    pub fn new(action: &'static str, path: &str, source: impl Into<io::Error>) -> Self {
        Self { action, path: path.into(), source: source.into() }
    }

    /// What the operating system answered.
    pub fn source(&self) -> &io::Error {
        &self.source
    }

    /// Whether there is nothing at that path, or no directory on the way to it.
    pub fn is_missing(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }

    /// Whether the operating system answered this.
    pub fn is(&self, errno: Errno) -> bool {
        self.source.raw_os_error() == Some(errno.raw_os_error())
    }
}

/// Missing rights and a file system that cannot be written stay until somebody changes them; all else may pass.
impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let Failure::Transient(text) = Failure::from_error(&error) else {
            unreachable!("an error is transient until its source is looked at");
        };
        let unsupported = [Errno::OPNOTSUPP, Errno::NOSYS];
        match error.source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Failure::Permanent(text),
            _ if unsupported.iter().any(|errno| error.is(*errno)) => Failure::Unsupported(text),
            _ if error.is(Errno::BUSY) => {
                Failure::Permanent(format!("{text}; something is mounted there or uses it"))
            }
            _ => Failure::Transient(text),
        }
    }
}
