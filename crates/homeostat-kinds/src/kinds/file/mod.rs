//! A file, a directory or a symbolic link: whether it exists, what it holds, whose it is.
//!
//! A file is written as a whole: a new one gets its name when it is complete, one that is replaced gives its place to a
//! temporary file beside it, so nobody ever sees half of it. What is not declared, such as the owner, the permissions,
//! extended attributes and access lists, stays as it was. Programs that watch the directory are told of a new file by its
//! creation (`IN_CREATE`), with nothing after it, and of a replaced one by a move (`IN_MOVED_TO`).
//!
//! A path that ends with a slash means a directory. `state` need not be given where `content`, `source`, `fragments`,
//! `symlink` or `purge` say what should be there. Where nothing does, only `mode`, `owner`, `group` and `selinux` of what is
//! there are kept in order, and if nothing is there, that is in order too.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   file:
//!   - name: /tmp/example/
//!     state: exists
//!     mode: u=rwx,go=rx
//!   - name: /tmp/example/motd
//!     content: |
//!       Welcome.
//!     mode: 0644
//!   - name: /tmp/example/latest
//!     symlink: true
//!     source: motd
//! ```
//!
//! ## Watches
//!
//! The path, whether it exists or not, and what `source` and `fragments` name or lead to; everything below a directory that
//! has a `source` or is purged.
//!
//! ## Automatic edges
//!
//! After the nearest declared directory above it, which has a trailing slash or is a symbolic link; after `file` resources
//! that make its fragments or its source; after the `user` and `group` that own it.
//!
//! ## Sends and receives
//!
//! Receives any parameter; sends nothing.
//!
//! ## Limits
//!
//! - Missing directories above a file are not made: declare them. A directory with `recurse` makes those above it.
//! - Links on the way to the path are followed only if they belong to root, or to whom the agent runs as, in directories
//!   where nobody else could have put them.
//! - What the kernel itself shows below `/proc` and `/sys` cannot be replaced as files are.
//! - A file that something is mounted on, as in some containers, cannot be replaced.
//! - Replacing a file ends its hard links, and drops capabilities (`security.capability`), which describe the old content.
//! - A change made through another hard link of the file is noticed at the next look only.
//! - Content that not everybody may read is told as its size and hash, never as text.

mod drift;
mod look;
mod mode;
mod obstacles;
mod put;
mod spec;
mod tree;

use std::sync::{Arc, Mutex, PoisonError};

use homeostat_engine::host::files::Identity;
use homeostat_engine::resource::{Looks, Need, Reach};
use homeostat_engine::{
    AbsPath, Applied, Check, Claim, Context, Depth, Failure, Host, Obstacle, ParamError, Resource, Watch,
};
use homeostat_model::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use drift::FileDrift;
pub(super) use obstacles::{in_the_way, missing_dirs};
pub(super) use put::{make_parents, parent_of};
use spec::{Body, Spec, Want};

/// What is declared of a `file`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// Where it is. The name if not given. It ends with a slash for a directory.
    path: String,
    /// Takes the place of the directory part of `path`. It ends with a slash.
    dirname: String,
    /// Takes the place of the last part of `path`.
    basename: String,
    /// Whether it should be there.
    state: State,
    /// What the file holds.
    content: Option<Arc<str>>,
    /// Where the content is copied from: a file, or with a slash at the end a directory. For a symbolic link its target, which
    /// need not exist.
    source: String,
    /// Files whose contents make up this one, in this order. A name with a slash at the end stands for all files in that
    /// directory, by their names.
    fragments: Vec<String>,
    /// Its user: a name or a number.
    owner: String,
    /// Its group: a name or a number.
    group: String,
    /// Its permissions: in octal as in `0644`, or as changes as in `u=rw,go=r`, `u+x` or `a-w,+X`, which are relative to what
    /// is there, or to the system's default for what is new.
    mode: String,
    /// Whether to go into directories: what `source` has below is copied, what is absent is removed with all that is in it, and
    /// missing directories above a declared one are made.
    recurse: bool,
    /// Whether something of another type may be replaced, such as a directory by a file, with all that is in it.
    force: bool,
    /// Whether entries of the directory are removed that neither `source` has nor another resource declares. Needs `recurse`.
    purge: bool,
    /// Whether it is a symbolic link to `source`.
    symlink: bool,
    /// Its SELinux label.
    selinux: Option<String>,
}

/// Whether a file should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As the other parameters say.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// It should.
    Exists,
    /// It should not.
    Absent,
}

pub(super) struct File {
    shared: Arc<Shared>,
}

struct Shared {
    spec: Spec,
    /// What it was when it was last found or put in order.
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    identity: Identity,
    /// What the source was then.
    source: Option<Box<Identity>>,
}

impl Known {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Identity::BYTES * (1 + usize::from(self.source.is_some())));
        bytes.extend_from_slice(&self.identity.to_bytes());
        if let Some(source) = &self.source {
            bytes.extend_from_slice(&source.to_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (identity, source) = bytes.split_first_chunk()?;
        let source = match source {
            [] => None,
            source => Some(Box::new(Identity::from_bytes(source.try_into().ok()?))),
        };
        Some(Self { identity: Identity::from_bytes(identity), source })
    }
}

/// What is larger is read and written on a thread of its own.
const INLINE_BYTES_MAX: u64 = 8 << 20;
/// What `capture` keeps of a file is stored with the catalog.
const CAPTURED_BYTES_MAX: usize = 1 << 20;

impl Resource for File {
    const KIND: &'static str = "file";
    const DOC: &'static str = super::doc_of!("file");

    type Params = Params;
    type Drift = FileDrift;
    type Prefetched = ();

    fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let spec = Spec::new(name, params)?;
        Ok(Self { shared: Arc::new(Shared { spec, known: Mutex::default() }) })
    }

    fn watches(&self) -> Vec<Watch> {
        let spec = &self.shared.spec;
        let watch = |path: &AbsPath, depth| Watch::Path { path: path.clone(), depth };
        let depth = if spec.is_tree() { Depth::Tree } else { Depth::Entry };
        let mut watches = vec![watch(&spec.path, depth)];
        match &spec.want {
            Want::File(Body::Source(source)) => watches.push(watch(source, Depth::Target)),
            Want::File(Body::Fragments(fragments)) => watches.extend(fragments.iter().map(|fragment| {
                watch(&fragment.path, if fragment.is_dir { Depth::Children } else { Depth::Target })
            })),
            Want::Directory { source: Some(source) } => watches.push(watch(source, Depth::Tree)),
            Want::File(Body::Any | Body::Text(_))
            | Want::Directory { source: None }
            | Want::Absent
            | Want::Attributes
            | Want::Link(_) => {}
        }
        watches
    }

    fn provides(&self) -> Vec<Claim> {
        let spec = &self.shared.spec;
        let mut provides = vec![Claim::Path(spec.path.clone())];
        // Below a link lies what is below the directory that it leads to.
        if spec.is_dir || matches!(spec.want, Want::Link(_)) {
            provides.push(Claim::Directory(spec.path.clone()));
        }
        provides
    }

    fn needs(&self) -> Vec<Need> {
        let spec = &self.shared.spec;
        if matches!(spec.want, Want::Absent) {
            return Vec::new();
        }
        let mut needs = vec![Need::Ancestor(spec.path.clone())];
        needs.extend(self.inputs().map(|path| Need::Claim(Claim::Path(path.clone()))));
        let named = |name: &&str| name.parse::<u32>().is_err();
        if let Some(owner) = spec.owner.as_deref().filter(named) {
            needs.push(Need::Claim(Claim::User(owner.into())));
        }
        if let Some(group) = spec.group.as_deref().filter(named) {
            needs.push(Need::Claim(Claim::Group(group.into())));
        }
        needs
    }

    fn is_unchanged(&self, host: &Host) -> bool {
        self.shared.is_unchanged(host)
    }

    fn looks(&self) -> Looks {
        let own = std::iter::once(&self.shared.spec.path);
        Looks::Paths(own.chain(self.inputs()).cloned().collect())
    }

    fn reach(&self) -> Reach {
        let spec = &self.shared.spec;
        let removes_trees = matches!(spec.want, Want::Absent) && (spec.is_dir || spec.force);
        if spec.is_tree() || removes_trees || spec.force {
            Reach::Trees(vec![spec.path.clone()])
        } else {
            Reach::Declared(self.provides())
        }
    }

    fn known(&self) -> Option<Vec<u8>> {
        self.shared.known().map(|known| known.to_bytes())
    }

    fn recall(&self, known: &[u8]) {
        *self.shared.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::from_bytes(known);
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<FileDrift>, Failure> {
        let (shared, causes) = (self.shared.clone(), cx.causes);
        self.run(cx.host, move |host| shared.look(host, causes)).await
    }

    async fn apply(&self, cx: &Context<'_>, drift: FileDrift) -> Result<Applied, Failure> {
        let shared = self.shared.clone();
        self.run(cx.host, move |host| shared.put(host, &drift)).await?;
        Ok(Applied::done())
    }

    async fn obstacles(&self, cx: &Context<'_>, drift: &FileDrift) -> Vec<Obstacle> {
        self.shared.obstacles(cx.host, drift)
    }

    async fn capture(&self, cx: &Context<'_>) -> Result<Option<homeostat_model::Params>, Failure> {
        let shared = self.shared.clone();
        self.run(cx.host, move |host| shared.capture(host)).await
    }
}

impl File {
    /// Does `work` here, unless that could hold up this thread: what is small and local takes microseconds.
    async fn run<T: Send + 'static>(&self, host: &Host, work: impl FnOnce(&Host) -> T + Send + 'static) -> T {
        let spec = &self.shared.spec;
        let is_large = match &spec.want {
            Want::File(Body::Text(text)) => text.len() as u64 > INLINE_BYTES_MAX,
            Want::File(Body::Source(source)) => {
                let is = host.files().is_remote(source).then_some(None);
                let is = is.unwrap_or_else(|| host.files().stat(source).ok().flatten());
                is.is_none_or(|is| is.size > INLINE_BYTES_MAX)
            }
            Want::File(Body::Fragments(fragments)) => {
                fragments.iter().any(|fragment| host.files().is_remote(&fragment.path))
            }
            Want::Directory { .. } => spec.is_tree(),
            Want::Absent => spec.recurse || spec.force,
            Want::File(Body::Any) | Want::Attributes | Want::Link(_) => false,
        };
        if is_large { host.run_apart(work).await } else { host.run_on(&spec.path, work).await }
    }

    /// What it reads besides its own path.
    fn inputs(&self) -> impl Iterator<Item = &AbsPath> {
        let (source, fragments): (Option<&AbsPath>, &[spec::Fragment]) = match &self.shared.spec.want {
            Want::File(Body::Source(source)) => (Some(source), &[]),
            Want::Directory { source } => (source.as_ref(), &[]),
            Want::File(Body::Fragments(fragments)) => (None, fragments),
            Want::File(Body::Any | Body::Text(_)) | Want::Absent | Want::Attributes | Want::Link(_) => {
                (None, &[])
            }
        };
        source.into_iter().chain(fragments.iter().map(|fragment| &fragment.path))
    }
}

impl Shared {
    fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn capture(&self, host: &Host) -> Result<Option<homeostat_model::Params>, Failure> {
        let files = host.files();
        let path = self.spec.path.as_str();
        let Some(is) = files.stat(&self.spec.path)? else {
            let path = if self.spec.is_dir { format!("{path}/") } else { path.to_owned() };
            let params = [("path", Value::str(path)), ("state", Value::str("absent"))];
            return Ok(Some(params.into_iter().collect()));
        };
        if !is.is_file() || is.size > CAPTURED_BYTES_MAX as u64 {
            return Ok(None);
        }
        let Ok(bytes) = files.open_file(&self.spec.path)?.read(CAPTURED_BYTES_MAX) else {
            return Ok(None);
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(None);
        };
        let params = [
            ("path", Value::str(path)),
            ("state", Value::str("exists")),
            ("content", Value::str(text)),
            ("mode", Value::str(drift::octal(is.permissions()))),
            ("owner", Value::str(is.uid.to_string())),
            ("group", Value::str(is.gid.to_string())),
        ];
        Ok(Some(params.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests;
