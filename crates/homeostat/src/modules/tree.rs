//! From a commit to files. They are written by us: nothing that a repository says leads elsewhere, or is executed.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::git::{Failure, Repository};
use super::lockfile::Commit;

const FILES_MAX: usize = 20_000;
const BYTES_MAX: u64 = 256 << 20;
/// How many bytes of files are asked for at once.
const PORTION_BYTES: u64 = 8 << 20;

/// Why a commit is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum TreeError {
    #[error(transparent)]
    Git(#[from] Failure),
    #[error("it has more than {FILES_MAX} files or {} MiB", BYTES_MAX >> 20)]
    TooLarge,
    #[error("it has a file that could lie outside of it: `{0}`")]
    Outside(String),
    #[error("git says what is not understood")]
    NotUnderstood,
    #[error("cannot write `{0}`: {1}")]
    Write(String, std::io::Error),
}

/// A file of a commit.
struct Entry {
    path: String,
    object: String,
    bytes: u64,
    is_executable: bool,
}

/// Writes the files of a commit into an empty directory, and says what was left out: links and modules in modules.
pub(super) async fn write(
    repository: &Repository<'_>,
    commit: &Commit,
    dir: &Path,
) -> Result<Vec<String>, TreeError> {
    let listed = repository.ask(&["ls-tree", "-r", "-z", "-l", "--full-tree", commit.as_str()]).await?;
    let (entries, left_out) = entries(&listed)?;
    let mut portion: Vec<&Entry> = Vec::new();
    let mut bytes = 0;
    for entry in &entries {
        if bytes + entry.bytes > PORTION_BYTES && !portion.is_empty() {
            write_portion(repository, &portion, dir).await?;
            portion.clear();
            bytes = 0;
        }
        bytes += entry.bytes;
        portion.push(entry);
    }
    write_portion(repository, &portion, dir).await?;
    Ok(left_out)
}

fn entries(listed: &[u8]) -> Result<(Vec<Entry>, Vec<String>), TreeError> {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    let mut total = 0;
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        let (about, path) = line.split_once('\t').ok_or(TreeError::NotUnderstood)?;
        let [mode, _, object, bytes] = about.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
            return Err(TreeError::NotUnderstood);
        };
        if !is_inside(path) {
            return Err(TreeError::Outside(path.to_owned()));
        }
        if !matches!(mode, "100644" | "100755") {
            left_out.push(path.to_owned());
            continue;
        }
        let bytes: u64 = bytes.parse().map_err(|_| TreeError::NotUnderstood)?;
        total = bytes.saturating_add(total);
        let (path, object) = (path.to_owned(), object.to_owned());
        files.push(Entry { path, object, bytes, is_executable: mode == "100755" });
        if files.len() > FILES_MAX || total > BYTES_MAX {
            return Err(TreeError::TooLarge);
        }
    }
    Ok((files, left_out))
}

fn is_inside(path: &str) -> bool {
    let is_plain = |name: &str| {
        !matches!(name, "" | "." | "..")
            && !name.eq_ignore_ascii_case(".git")
            && !name.contains(char::is_control)
    };
    path.split('/').all(is_plain)
}

async fn write_portion(repository: &Repository<'_>, portion: &[&Entry], dir: &Path) -> Result<(), TreeError> {
    if portion.is_empty() {
        return Ok(());
    }
    let asked: String = portion.iter().map(|entry| format!("{}\n", entry.object)).collect();
    let answer = repository.ask_with(&["cat-file", "--batch"], asked.into_bytes()).await?;
    let contents = contents(&answer, portion)?;
    for entry in portion {
        let bytes = contents.get(entry.object.as_str()).ok_or(TreeError::NotUnderstood)?;
        let path = dir.join(&entry.path);
        let write = || {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mode = if entry.is_executable { 0o755 } else { 0o644 };
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?.write_all(bytes)
        };
        write().map_err(|error| TreeError::Write(entry.path.clone(), error))?;
    }
    Ok(())
}

/// What `cat-file --batch` says, by object.
fn contents<'a>(answer: &'a [u8], portion: &[&'a Entry]) -> Result<HashMap<&'a str, &'a [u8]>, TreeError> {
    let mut rest = answer;
    let mut contents = HashMap::new();
    for entry in portion {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(TreeError::NotUnderstood)?;
        let expected = format!("{} blob {}", entry.object, entry.bytes);
        if rest[..end] != *expected.as_bytes() {
            return Err(TreeError::NotUnderstood);
        }
        let begin = end + 1;
        let length = usize::try_from(entry.bytes).map_err(|_| TreeError::TooLarge)?;
        let bytes = rest.get(begin..begin + length).ok_or(TreeError::NotUnderstood)?;
        contents.insert(entry.object.as_str(), bytes);
        rest = rest.get(begin + length + 1..).unwrap_or_default();
    }
    Ok(contents)
}

/// The files of a commit with their contents, as `git` tells them; none where that is not understood. For tests that take any bytes.
pub(crate) fn told(listed: &[u8], answer: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let (files, _) = entries(listed).ok()?;
    let contents = contents(answer, &files.iter().collect::<Vec<_>>()).ok()?;
    files.iter().map(|file| Some((file.path.clone(), contents.get(file.object.as_str())?.to_vec()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lie_elsewhere_is_refused_and_what_is_no_file_left_out() {
        let object = "0123456789abcdef0123456789abcdef01234567";
        let line = |mode: &str, kind: &str, bytes: &str, path: &str| {
            format!("{mode} {kind} {object} {bytes:>7}\t{path}\0")
        };
        let listed = line("100644", "blob", "3", "a b/c")
            + &line("120000", "blob", "3", "link")
            + &line("160000", "commit", "-", "module");
        let (files, left_out) = entries(listed.as_bytes()).unwrap();
        assert_eq!(files.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["a b/c"]);
        assert_eq!(left_out, ["link", "module"]);
        for path in ["../a", "/a", "a/../../b", ".git/config", "a/.GIT/config", "a\nb"] {
            assert!(entries(line("100644", "blob", "3", path).as_bytes()).is_err(), "{path}");
        }
        let large = line("100644", "blob", &(BYTES_MAX + 1).to_string(), "a");
        assert!(matches!(entries(large.as_bytes()), Err(TreeError::TooLarge)));
        let beyond = line("100644", "blob", "5", "a") + &line("100644", "blob", &u64::MAX.to_string(), "b");
        assert!(matches!(entries(beyond.as_bytes()), Err(TreeError::TooLarge)));
    }

    #[test]
    fn contents_belong_to_the_files_that_were_asked_for_or_are_refused() {
        let object = "0123456789abcdef0123456789abcdef01234567";
        let listed = format!("100644 blob {object} 3\ta\0");
        let answer = |bytes: &str| format!("{object} blob {bytes}\nabc\n");
        let files = told(listed.as_bytes(), answer("3").as_bytes());
        assert_eq!(files, Some(vec![("a".to_owned(), b"abc".to_vec())]));
        for other in [answer("2"), answer("30"), "missing".to_owned(), String::new()] {
            assert_eq!(told(listed.as_bytes(), other.as_bytes()), None, "{other}");
        }
    }
}
