//! How a file differs from what is declared, and how that is told.

use std::io;
use std::sync::Arc;

use homeostat_engine::host::files::{Identity, OpenFile};
use homeostat_engine::{Change, Description, Drift};
use similar::TextDiff;

use super::tree::Step;

/// Text above this is told as its hash and size.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Files above this are told as their size alone: reading them only to tell would hold everything up.
const HASHED_BYTES_MAX: u64 = 64 << 20;
/// A diff is cut there.
const DIFF_BYTES_MAX: usize = 4 << 10;
/// Entries of a tree that are told one by one.
const ENTRIES_MAX: usize = 20;
const OTHERS_READ: u32 = 0o004;

/// The difference, with all that the apply needs.
#[derive(Debug, Default, Clone)]
pub(crate) struct FileDrift {
    /// What is there.
    pub(super) is: Option<Identity>,
    /// What it should be instead: a file, a directory, a link, nothing.
    pub(super) kind: Option<&'static str>,
    pub(super) content: Option<Arc<ContentDrift>>,
    /// The target that a link has and should have.
    pub(super) target: Option<(String, String)>,
    pub(super) mode: Option<(u32, u32)>,
    pub(super) owner: Option<(String, String)>,
    pub(super) group: Option<(String, String)>,
    pub(super) selinux: Option<(String, String)>,
    /// What to do below a directory.
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) struct ContentDrift {
    /// The parameter that it comes from.
    pub(super) param: &'static str,
    pub(super) is: Side,
    pub(super) want: Side,
}

/// One side of a difference in content, small enough to be kept until somebody asks.
#[derive(Debug)]
pub(super) enum Side {
    Nothing,
    Text(Arc<str>),
    /// Binary, large, or not for everybody.
    Summary(String),
}

impl Side {
    pub(super) fn of_text(text: &Arc<str>, mode: u32) -> Self {
        if is_shown(text.as_bytes(), mode) {
            Self::Text(text.clone())
        } else {
            Self::Summary(summary(text.as_bytes()))
        }
    }

    pub(super) fn of_bytes(bytes: &[u8], mode: u32) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if is_shown(bytes, mode) => Self::Text(text.into()),
            _ => Self::Summary(summary(bytes)),
        }
    }

    /// `mode` are the permissions that the content has, or will have.
    pub(super) fn of_file(file: &OpenFile, mode: u32) -> io::Result<Self> {
        let bytes = file.identity().size;
        if bytes <= TEXT_BYTES_MAX as u64 {
            return Ok(Self::of_bytes(&file.read(2 * TEXT_BYTES_MAX)?, mode));
        }
        if bytes > HASHED_BYTES_MAX {
            return Ok(Self::Summary(counted(bytes)));
        }
        let mut hasher = blake3::Hasher::new();
        file.for_each_chunk(|chunk| {
            hasher.update(chunk);
            Ok(())
        })?;
        Ok(Self::Summary(hashed(bytes, hasher.finalize())))
    }

    fn describe(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Text(text) => summary(text.as_bytes()),
            Self::Summary(text) => text.clone(),
        }
    }
}

/// Text that everybody may read anyway.
fn is_shown(bytes: &[u8], mode: u32) -> bool {
    mode & OTHERS_READ != 0 && bytes.len() <= TEXT_BYTES_MAX && !bytes.contains(&0)
}

fn summary(bytes: &[u8]) -> String {
    hashed(bytes.len() as u64, blake3::hash(bytes))
}

fn counted(bytes: u64) -> String {
    /// Enough for a hash besides.
    const LENGTH: usize = 72;
    let mut text = String::with_capacity(LENGTH);
    text.push_str(&bytes.to_string());
    text.push_str(if bytes == 1 { " byte" } else { " bytes" });
    text
}

fn hashed(bytes: u64, hash: blake3::Hash) -> String {
    // The library's way to hexadecimal digits shows where thousands of files are made.
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = counted(bytes);
    text.push_str(", blake3 ");
    let (shown, _) = hash.as_bytes().split_at(16);
    let digits = shown.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
    text
}

impl FileDrift {
    pub(super) fn is_empty(&self) -> bool {
        self.kind.is_none()
            && self.content.is_none()
            && self.target.is_none()
            && self.mode.is_none()
            && self.owner.is_none()
            && self.group.is_none()
            && self.selinux.is_none()
            && self.steps.is_empty()
    }
}

impl Drift for FileDrift {
    fn description(&self) -> Description {
        let drift = self.clone();
        Box::new(move || drift.changes())
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(kind) = self.kind {
            let is = self.is.as_ref().map_or("absent", Identity::describe);
            let (is, want) = match (is, kind) {
                ("absent", _) => ("absent", "exists"),
                (is, kind) => (is, kind),
            };
            changes.push(Change::new("state", is, want));
        }
        if let Some(content) = &self.content {
            changes.push(content.change());
        }
        if let Some((is, want)) = &self.target {
            changes.push(Change::new("source", is, want));
        }
        if let Some((is, want)) = self.mode {
            changes.push(Change::new("mode", octal(is), octal(want)));
        }
        for (property, pair) in [("owner", &self.owner), ("group", &self.group), ("selinux", &self.selinux)] {
            if let Some((is, want)) = pair {
                changes.push(Change::new(property, is, want));
            }
        }
        changes.extend(self.steps.iter().take(ENTRIES_MAX).map(Step::change));
        if let Some(more) = self.steps.len().checked_sub(ENTRIES_MAX).filter(|more| *more > 0) {
            changes.push(Change::new("recurse", format!("{more} more entries differ"), "as declared"));
        }
        changes
    }
}

pub(super) fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

impl ContentDrift {
    fn change(&self) -> Change {
        let mut change = Change::new(self.param, self.is.describe(), self.want.describe());
        change.diff = match (&self.is, &self.want) {
            (Side::Text(is), Side::Text(want)) => Some(unified(is, want)),
            (Side::Nothing, Side::Text(want)) if want.is_empty() => None,
            (Side::Nothing, Side::Text(want)) => Some(all_added(want)),
            (Side::Summary(_), _) | (_, Side::Summary(_) | Side::Nothing) => None,
        };
        change
    }
}

fn unified(is: &str, want: &str) -> String {
    let diff = TextDiff::from_lines(is, want);
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        text.push_str(&hunk.to_string());
        if text.len() > DIFF_BYTES_MAX {
            break;
        }
    }
    cut(text)
}

/// What the general way would find out with more work.
fn all_added(want: &str) -> String {
    let added = match want.lines().count() {
        1 => "1".to_owned(),
        lines => format!("1,{lines}"),
    };
    let mut text = format!("@@ -0,0 +{added} @@\n");
    for line in want.split_inclusive('\n') {
        text.push('+');
        text.push_str(line);
        if text.len() > DIFF_BYTES_MAX {
            break;
        }
    }
    if !text.ends_with('\n') {
        text.push_str("\n\\ No newline at end of file\n");
    }
    cut(text)
}

fn cut(mut text: String) -> String {
    if text.len() > DIFF_BYTES_MAX {
        let mut end = DIFF_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("\n… (cut)\n");
    }
    text
}
