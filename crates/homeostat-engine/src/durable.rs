//! What is written durably: files and names of ours that are there whole or not at all, whatever is killed or loses power.
//!
//! Owns the order of it: the bytes are on the disk before the name is theirs, and the name is once its directory is. Whoever promises
//! something to others first writes it here. Everything is closed to other users.
//!
//! What lies on a host because it was declared is not written here: it is looked at again after every start, and a disk
//! that is asked to synchronise after each of ten thousand files does nothing else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What temporary files begin with; they are removed when the next one is written.
const TEMPORARY: &str = ".homeostat-new-";
/// Of the name of a file, so much is in that of its temporary one: a name may have 255 bytes.
const NAME_CHARS_MAX: usize = 40;

/// Writes a file that is closed to others from the beginning.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let temporary = path.with_file_name(format!("{TEMPORARY}{name}"));
    remove_lazily(&temporary)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        rename(&temporary, path)
    };
    write().inspect_err(|_| {
        fs::remove_file(&temporary).ok();
    })
}

/// Makes a directory that is closed to others; one that is there stays.
pub fn make_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_names_beside(path),
    }
}

/// Gives something that is on the disk already its name. It stays in its directory.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_names_beside(to)
}

/// Puts a directory that is on the disk already in the place of another, which goes.
pub fn replace_dir(new: &Path, place: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !place.exists() {
        return rename(new, place);
    }
    renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE)?;
    sync_names_beside(place)?;
    remove_dir_lazily(new)
}

/// Removes a file for good; a missing one is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_names_beside(path),
    }
}

/// Removes a file that may come back when the power goes: whoever finds it then removes it again. A missing one is no error.
pub fn remove_lazily(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The same for a directory with all that is in it.
pub fn remove_dir_lazily(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Names in the directory of a path are on the disk after this.
pub fn sync_names_beside(path: &Path) -> io::Result<()> {
    let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Output};

    use super::*;

    /// Set for the process that is watched.
    const WATCHED: &str = "HOMEOSTAT_WATCHED";

    #[test]
    fn a_file_is_there_whole_closed_and_without_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x".repeat(255));
        fs::write(dir.path().join(format!("{TEMPORARY}{}", "x".repeat(40))), "left by one that was killed")
            .unwrap();
        for text in ["one", "two"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_takes_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let (new, place) = (dir.path().join("new"), dir.path().join("place"));
        for text in ["one", "two"] {
            make_dir(&new).unwrap();
            make_dir(&new).unwrap();
            write(&new.join("x"), text.as_bytes()).unwrap();
            replace_dir(&new, &place).unwrap();
            assert_eq!(fs::read_to_string(place.join("x")).unwrap(), text);
            assert!(!new.exists());
        }
    }

    #[test]
    fn what_is_missing_need_not_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write(&path, b"").unwrap();
        for _ in 0..2 {
            remove(&path).unwrap();
            remove_lazily(&path).unwrap();
            remove_dir_lazily(&path).unwrap();
            assert!(!path.exists());
        }
        assert!(remove(dir.path()).is_err());
    }

    /// What the kernel is asked for is what counts, and a file that is not on the disk looks like one that is.
    #[test]
    fn each_name_is_on_the_disk_before_anybody_relies_on_it() {
        if let Some(dir) = std::env::var_os(WATCHED) {
            let dir = Path::new(&dir);
            make_dir(&dir.join("dir")).unwrap();
            write(&dir.join("dir/file"), b"x").unwrap();
            rename(&dir.join("dir/file"), &dir.join("dir/other")).unwrap();
            remove(&dir.join("dir/other")).unwrap();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let calls = "--trace=mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,fsync";
        let watched = Command::new("strace")
            .args(["-f", "-y", "-qq", calls])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "durable::tests::each_name_is_on_the_disk_before_anybody_relies_on_it"])
            .env(WATCHED, dir.path())
            .output();
        // What was seen, if the test ran to its end.
        let seen = |output: Output| {
            output.status.success().then(|| String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let Some(watched) = watched.ok().and_then(seen).filter(|seen| seen.contains("fsync")) else {
            return skipped("strace is not installed, or may not be used");
        };
        let here = dir.path().to_str().unwrap();
        let line = |text: &str| {
            let name = text.split_whitespace().find(|word| word.contains('(')).unwrap_or_default();
            let name = name.split('(').next().unwrap_or_default().trim_end_matches(['a', 't', '2']);
            (name.to_owned(), text.rsplit(here).next().unwrap_or_default().to_owned())
        };
        let said: Vec<_> = watched.lines().filter(|text| text.contains(here)).map(line).collect();
        let said: Vec<_> = said
            .iter()
            .map(|(name, rest)| format!("{name} {}", rest.split(['"', '>']).next().unwrap_or_default()))
            .collect();
        let want = [
            "mkdir /dir",
            "fsync ",
            "unlink /dir/.homeostat-new-file",
            "fsync /dir/.homeostat-new-file",
            "rename /dir/file",
            "fsync /dir",
            "rename /dir/other",
            "fsync /dir",
            "unlink /dir/other",
            "fsync /dir",
        ];
        assert_eq!(said, want, "{watched}");
    }

    /// Says so where `./dev test` counts what could not run.
    fn skipped(why: &str) {
        eprintln!("skipped: {why}");
        if let Some(file) = std::env::var_os("HOMEOSTAT_SKIPPED") {
            let file = OpenOptions::new().append(true).create(true).open(file);
            // In one piece, since others write too.
            file.and_then(|mut file| file.write_all(format!("{why}\n").as_bytes())).unwrap();
        }
    }
}
