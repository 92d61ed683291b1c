//! What checks found out, kept in a file from one run to the next.
//!
//! A file that was read and is still the same needs one look at its times, not another read. That holds only on the system that found
//! it, as long as it runs, and only if the run that found it ended well: so what is kept names the boot, is taken away by whoever
//! reads it, and is written at a graceful end. Whatever cannot be read counts as not there: then everything is looked at closely.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hashbrown::HashMap;
use homeostat_model::Digest;

const FORM: &str = "homeostat known 1";
/// The halves of a digest and a length, before what is known.
const ENTRY_BYTES: usize = 18;

/// What an earlier run found out, by the digests of declarations.
#[derive(Default)]
pub(super) struct Known {
    bytes: Vec<u8>,
    places: HashMap<Digest, Range<u32>>,
}

impl Known {
    /// Takes what is kept at a path.
    pub(super) fn take(path: &Path) -> Self {
        let Ok(bytes) = fs::read(path) else { return Self::default() };
        if fs::remove_file(path).is_err() {
            return Self::default();
        }
        boot().and_then(|boot| Self::parse(bytes, &boot)).unwrap_or_default()
    }

    fn parse(bytes: Vec<u8>, boot: &str) -> Option<Self> {
        let mut places = HashMap::new();
        let mut reader = Reader { bytes: &bytes, at: 0 };
        if reader.take(header(boot).len())? != header(boot).as_bytes() {
            return None;
        }
        places.reserve(
            u64::from_le_bytes(reader.array()?).try_into().unwrap_or(0).min(bytes.len() / ENTRY_BYTES),
        );
        while reader.at < bytes.len() {
            let halves = (u64::from_le_bytes(reader.array()?), u64::from_le_bytes(reader.array()?));
            let len = u16::from_le_bytes(reader.array()?);
            let from = u32::try_from(reader.at).ok()?;
            reader.take(len.into())?;
            places.insert(Digest::from_halves(halves), from..from + u32::from(len));
        }
        Some(Self { bytes, places })
    }

    /// What is known of what is declared so.
    pub(super) fn of(&self, digest: &Digest) -> Option<&[u8]> {
        let place = self.places.get(digest)?;
        self.bytes.get(place.start as usize..place.end as usize)
    }
}

/// Keeps what was found out for the next run.
pub(super) fn keep(path: &Path, known: &[(Digest, Vec<u8>)]) -> io::Result<()> {
    let Some(boot) = boot() else { return Ok(()) };
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(&form(known, &boot)).and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        fs::remove_file(&temporary).ok();
    })
}

fn form(known: &[(Digest, Vec<u8>)], boot: &str) -> Vec<u8> {
    let header = header(boot);
    let entries = known.iter().map(|(_, known)| ENTRY_BYTES + known.len());
    let mut bytes = Vec::with_capacity(header.len() + size_of::<u64>() + entries.sum::<usize>());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&(known.len() as u64).to_le_bytes());
    for (digest, known) in known {
        // What is longer is not worth keeping.
        let Ok(len) = u16::try_from(known.len()) else { continue };
        let (first, second) = digest.halves();
        bytes.extend_from_slice(&first.to_le_bytes());
        bytes.extend_from_slice(&second.to_le_bytes());
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(known);
    }
    bytes
}

fn header(boot: &str) -> String {
    format!("{FORM} {boot}\n")
}

/// Which start of the kernel this is.
fn boot() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim().to_owned())
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<(Digest, Vec<u8>)> {
        vec![(Digest::of(&1), b"one".to_vec()), (Digest::of(&2), Vec::new()), (Digest::of(&3), vec![3; 300])]
    }

    #[test]
    fn what_is_kept_is_known_to_the_next_run_and_to_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known");
        keep(&path, &some()).unwrap();
        let known = Known::take(&path);
        for (digest, bytes) in some() {
            assert_eq!(known.of(&digest), Some(&*bytes));
        }
        assert_eq!(known.of(&Digest::of(&4)), None);
        assert_eq!(Known::take(&path).of(&Digest::of(&1)), None, "it was taken");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_another_boot_found_or_what_was_cut_is_not_known() {
        let whole = form(&some(), "this");
        assert!(Known::parse(whole.clone(), "this").is_some());
        assert!(Known::parse(whole.clone(), "that").is_none());
        let entries = [0, 18 + 3, 18 + 3 + 18, 18 + 3 + 18 + 18 + 300];
        for len in 0..whole.len() {
            let is_whole = entries.iter().any(|entry| len == header("this").len() + 8 + entry);
            assert_eq!(Known::parse(whole[..len].to_vec(), "this").is_some(), is_whole, "{len}");
        }
    }
}
