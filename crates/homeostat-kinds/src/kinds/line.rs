//! One line of a file: present or not. All other lines stay as they are.
//!
//! A missing line is added at the end; of a line that should be absent every occurrence goes. The file is replaced as a
//! whole, so nobody ever sees half of it. Many lines of one file are looked up in one reading and changed in one writing.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   file:
//!   - name: /tmp/example/
//!     state: exists
//!   line:
//!   - name: greeting
//!     file: /tmp/example/motd
//!     content: Welcome.
//!     state: exists
//! ```
//!
//! ## Watches
//!
//! The file, whether it exists or not.
//!
//! ## Automatic edges
//!
//! After the `file` that is declared for its file, and after the nearest declared directory above it.
//!
//! ## Sends and receives
//!
//! Receives any parameter; sends nothing.
//!
//! ## Limits
//!
//! - Lines end with a newline; a last line without one is a line too, and gets its newline when another follows.
//! - A missing file is created for a line that should exist, with the permissions of the system's default.
//! - A `file` that declares the `content` of the same file and a `line` that is not in it undo each other.
//! - Files above 64 MiB are refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use homeostat_engine::host::files::{Attributes, Body, Expect, Files, Identity};
use homeostat_engine::resource::{Looks, Need, Reach};
use homeostat_engine::{
    AbsPath, Applied, Change, Check, Claim, Context, Depth, Drift, Failure, Host, Obstacle, ParamError,
    Resource, Watch,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{in_the_way, missing_dirs, parent_of};

/// What is declared of a `line`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// The file. `~` at its beginning is the home directory of whom the agent runs as.
    file: String,
    /// Whether the line should be there.
    state: State,
    /// The line, without a newline.
    #[serde(default)]
    content: String,
    /// Whether white space at both ends does not matter when lines are compared.
    #[serde(default)]
    trim: bool,
}

/// Whether a line should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It should.
    Exists,
    /// It should not.
    Absent,
}

pub(super) struct Line {
    path: AbsPath,
    state: State,
    content: Box<str>,
    trim: bool,
}

/// The file holds the line and should not, or the other way round.
#[derive(Debug)]
pub(super) struct LineDrift {
    content: Box<str>,
    wanted: State,
    /// Not everybody may read the file.
    is_private: bool,
}

impl Drift for LineDrift {
    fn changes(&self) -> Vec<Change> {
        let line = if self.is_private {
            format!("a line, blake3 {}", &blake3::hash(self.content.as_bytes()).to_hex()[..32])
        } else {
            format!("the line `{}`", self.content)
        };
        let (is, want) = match self.wanted {
            State::Exists => ("absent".to_owned(), line),
            State::Absent => (line, "absent".to_owned()),
        };
        vec![Change::new("content", is, want)]
    }
}

/// What a file held when it was looked at; none if it is not there.
pub(super) struct Text(Option<(String, Identity)>);

const FILE_BYTES_MAX: usize = 64 << 20;

impl Resource for Line {
    const KIND: &'static str = "line";
    const DOC: &'static str = super::doc_of!("line");

    type Params = Params;
    type Drift = LineDrift;
    type Prefetched = Text;

    fn new(_name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        if params.file.ends_with('/') {
            let message = format!("the file `{}` must not end with a slash", params.file);
            errors.push(ParamError::of("file", message));
        }
        if params.content.contains('\n') {
            let message = "the content is one line, so it must not hold a newline";
            errors.push(ParamError::of("content", message).help("declare one `line` for each"));
        }
        match path_of(&params.file) {
            Ok(path) if errors.is_empty() => {
                Ok(Self { path, state: params.state, content: params.content.into(), trim: params.trim })
            }
            Ok(_) => Err(errors),
            Err(error) => {
                errors.push(error);
                Err(errors)
            }
        }
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Path { path: self.path.clone(), depth: Depth::Entry }]
    }

    fn needs(&self) -> Vec<Need> {
        vec![Need::Claim(Claim::Path(self.path.clone())), Need::Ancestor(self.path.clone())]
    }

    fn looks(&self) -> Looks {
        Looks::Paths(vec![self.path.clone()])
    }

    fn reach(&self) -> Reach {
        Reach::Declared(vec![Claim::Path(self.path.clone())])
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<LineDrift>, Failure> {
        let text = self.prefetch(cx).await?;
        Ok(self.look(&text))
    }

    async fn apply(&self, cx: &Context<'_>, _drift: LineDrift) -> Result<Applied, Failure> {
        edit(cx.host, self.path.clone(), vec![Edit::of(self)]).await?;
        Ok(Applied::done())
    }

    async fn obstacles(&self, cx: &Context<'_>, _drift: &LineDrift) -> Vec<Obstacle> {
        let files = cx.host.files();
        in_the_way(files, &self.path).into_iter().chain(missing_dirs(files, &self.path)).collect()
    }

    fn batch_key(&self) -> Option<String> {
        Some(self.path.as_str().to_owned())
    }

    async fn apply_batch(
        cx: &Context<'_>,
        batch: Vec<(Arc<Self>, LineDrift)>,
    ) -> Result<Vec<Applied>, Failure> {
        let count = batch.len();
        if let Some((first, _)) = batch.first() {
            let edits = batch.iter().map(|(line, _)| Edit::of(line)).collect();
            edit(cx.host, first.path.clone(), edits).await?;
        }
        Ok(vec![Applied::done(); count])
    }

    fn prefetch_key(&self) -> Option<String> {
        self.batch_key()
    }

    async fn prefetch(&self, cx: &Context<'_>) -> Result<Text, Failure> {
        let path = self.path.clone();
        cx.host
            .run_on(&self.path, move |host| {
                host.files().tidy(&path);
                read(host.files(), &path)
            })
            .await
    }

    async fn check_prefetched(&self, _cx: &Context<'_>, look: &Text) -> Result<Check<LineDrift>, Failure> {
        Ok(self.look(look))
    }
}

impl Line {
    fn look(&self, text: &Text) -> Check<LineDrift> {
        let (held, identity) = match &text.0 {
            Some((held, identity)) => (held.as_str(), Some(identity)),
            None => ("", None),
        };
        let is = if held.lines().any(|line| same(line, &self.content, self.trim)) {
            State::Exists
        } else {
            State::Absent
        };
        if is == self.state {
            return Check::converged();
        }
        Check::Drifted(LineDrift {
            content: self.content.clone(),
            wanted: self.state,
            is_private: identity.is_some_and(|identity| identity.permissions() & 0o004 == 0),
        })
    }
}

fn path_of(text: &str) -> Result<AbsPath, ParamError> {
    let whole = match text.strip_prefix('~') {
        Some(rest) if rest.starts_with('/') => {
            let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
            format!("{home}{rest}")
        }
        _ => text.to_owned(),
    };
    AbsPath::parse(&whole).map_err(|error| ParamError::of("file", format!("the file `{text}` {error}")))
}

fn same(line: &str, content: &str, trim: bool) -> bool {
    if trim { line.trim() == content.trim() } else { line == content }
}

fn read(files: &Files, path: &AbsPath) -> Result<Text, Failure> {
    let open = match files.open_file(path) {
        Ok(open) => open,
        Err(error) if error.is_missing() => return Ok(Text(None)),
        Err(error) => return Err(error.into()),
    };
    let path = path.as_str();
    if !open.identity().is_file() {
        return Err(Failure::permanent(format!("`{path}` is a {}, not a file", open.identity().describe())));
    }
    let bytes = open
        .read(FILE_BYTES_MAX)
        .map_err(|error| Failure::transient(format!("cannot read `{path}`: {error}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::permanent(format!("`{path}` is not UTF-8 text")))?;
    Ok(Text(Some((text, *open.identity()))))
}

/// One line to add or remove.
struct Edit {
    state: State,
    content: Box<str>,
    trim: bool,
}

impl Edit {
    fn of(line: &Line) -> Self {
        Self { state: line.state, content: line.content.clone(), trim: line.trim }
    }

    /// The text after it, if it makes a difference.
    fn of_text(&self, text: &str) -> Option<String> {
        let matches = |line: &str| same(line.strip_suffix('\n').unwrap_or(line), &self.content, self.trim);
        let is_there = text.split_inclusive('\n').any(matches);
        match self.state {
            State::Exists if !is_there => {
                let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                Some(format!("{text}{newline}{}\n", self.content))
            }
            State::Absent if is_there => {
                Some(text.split_inclusive('\n').filter(|line| !matches(line)).collect())
            }
            State::Exists | State::Absent => None,
        }
    }
}

/// Lines of one file may be applied at the same moment: each edit reads what the one before wrote.
async fn edit(host: &Host, path: AbsPath, edits: Vec<Edit>) -> Result<(), Failure> {
    let turn = turn_of(host, &path);
    let _turn = turn.lock().await;
    let below = path.clone();
    host.run_on(&below, move |host| edit_file(host.files(), &path, &edits)).await
}

fn edit_file(files: &Files, path: &AbsPath, edits: &[Edit]) -> Result<(), Failure> {
    /// Somebody else may replace the file between our reading and our writing.
    const TRIES_MAX: usize = 5;
    for _ in 0..TRIES_MAX {
        let Text(found) = read(files, path)?;
        let (mut text, identity) = match found {
            Some((text, identity)) => (text, Some(identity)),
            None => (String::new(), None),
        };
        let before = text.len();
        let mut changed = false;
        for edit in edits {
            if let Some(edited) = edit.of_text(&text) {
                text = edited;
                changed = true;
            }
        }
        if !changed {
            return Ok(());
        }
        let parent = parent_of(files, path)?;
        let name = path.file_name();
        // The time between this look and the rename is all that another program's write can fall into.
        if parent.stat(name)? != identity {
            continue;
        }
        debug_assert!(identity.is_none_or(|identity| identity.size == before as u64));
        let expect = if identity.is_some() { Expect::Anything } else { Expect::Missing };
        let _now: Option<Identity> =
            parent.replace(name, expect, Body::Bytes(text.as_bytes()), &Attributes::default())?;
        return Ok(());
    }
    Err(Failure::transient(format!("`{}` changes faster than it can be edited", path.as_str())))
}

type Turn = tokio::sync::Mutex<()>;
/// By root and path.
type Turns = HashMap<(String, AbsPath), Weak<Turn>>;

/// The turn of a file: whoever holds it may edit.
fn turn_of(host: &Host, path: &AbsPath) -> Arc<Turn> {
    static TURNS: Mutex<Option<Turns>> = Mutex::new(None);
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let turns = turns.get_or_insert_default();
    let key = (host.files().root().as_str().to_owned(), path.clone());
    if let Some(turn) = turns.get(&key).and_then(Weak::upgrade) {
        return turn;
    }
    turns.retain(|_, turn| turn.strong_count() > 0);
    let turn = Arc::new(Turn::default());
    turns.insert(key, Arc::downgrade(&turn));
    turn
}

#[cfg(test)]
mod tests {
    use std::fs;

    use homeostat_engine::Causes;
    use serde_json::json;

    use super::*;
    use crate::test_host::whole_host;

    fn line(params: serde_json::Value) -> Line {
        Line::new(&"l".into(), serde_json::from_value(params).unwrap())
            .unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    /// What a file holds after a line was brought in order, and whether that changed anything.
    fn after(before: &str, state: &str, content: &str, trim: bool) -> (String, bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, before).unwrap();
        let line = line(json!({"file": path, "state": state, "content": content, "trim": trim}));
        let host = whole_host();
        let cx = Context { host: &host, causes: Causes::DECLARED };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let changed = match line.check(&cx).await.unwrap() {
                Check::Converged(_) => false,
                Check::Drifted(drift) => {
                    assert_eq!(drift.changes().len(), 1);
                    line.apply(&cx, drift).await.unwrap();
                    assert!(matches!(line.check(&cx).await.unwrap(), Check::Converged(_)));
                    true
                }
            };
            (fs::read_to_string(&path).unwrap(), changed)
        })
    }

    #[test]
    fn a_line_is_added_or_removed_and_the_rest_stays() {
        for (before, state, content, trim, then) in [
            ("a\n", "exists", "b", false, "a\nb\n"),
            ("a", "exists", "b", false, "a\nb\n"),
            ("", "exists", "b", false, "b\n"),
            ("a\nb\n", "exists", "b", false, "a\nb\n"),
            ("a\n b \n", "exists", "b", true, "a\n b \n"),
            ("a\n b \n", "exists", "b", false, "a\n b \nb\n"),
            ("a\nb\nc\nb", "absent", "b", false, "a\nc\n"),
            ("a\n\tb\nc", "absent", "b", true, "a\nc"),
            ("a\n", "absent", "b", false, "a\n"),
        ] {
            let (now, changed) = after(before, state, content, trim);
            assert_eq!((now.as_str(), changed), (then, before != then), "{before:?} {state} {content}");
        }
    }

    #[tokio::test]
    async fn lines_of_one_file_applied_at_once_are_all_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let host = whole_host();
        let lines: Vec<_> = (0..20)
            .map(|n| line(json!({"file": path, "state": "exists", "content": format!("line {n}")})))
            .collect();
        let mut tasks = tokio::task::JoinSet::new();
        for line in lines {
            let host = host.clone();
            tasks.spawn(async move {
                let cx = Context { host: &host, causes: Causes::DECLARED };
                let Ok(Check::Drifted(drift)) = line.check(&cx).await else {
                    panic!("the line is not there yet");
                };
                line.apply(&cx, drift).await.unwrap();
            });
        }
        tasks.join_all().await;
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 20);
    }

    #[tokio::test]
    async fn a_batch_changes_the_file_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "old\nkeep\n").unwrap();
        let host = whole_host();
        let cx = Context { host: &host, causes: Causes::DECLARED };
        let mut batch = Vec::new();
        for (state, content) in [("exists", "one"), ("absent", "old"), ("exists", "two")] {
            let line = Arc::new(line(json!({"file": path, "state": state, "content": content})));
            let look = line.prefetch(&cx).await.unwrap();
            let Ok(Check::Drifted(drift)) = line.check_prefetched(&cx, &look).await else {
                panic!("it is different");
            };
            batch.push((line, drift));
        }
        assert_eq!(Line::apply_batch(&cx, batch).await.unwrap().len(), 3);
        assert_eq!(fs::read_to_string(&path).unwrap(), "keep\none\ntwo\n");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (file, content, about) in [
            ("relative", "x", "must be absolute"),
            ("~other/x", "x", "must be absolute"),
            ("/f/", "x", "end with a slash"),
            ("/f", "a\nb", "one line"),
        ] {
            let params = json!({"file": file, "content": content, "state": "exists"});
            let Err(errors) = Line::new(&"l".into(), serde_json::from_value(params).unwrap()) else {
                panic!("{file} was taken");
            };
            assert!(errors.iter().any(|error| error.message.contains(about)), "{errors:?}");
        }
        assert!(serde_json::from_value::<Params>(json!({"file": "/f", "content": "x"})).is_err());
    }
}
