//! Who is interested in what: a tree of the directories on the way to every watched path, shared by all watches.
//!
//! A watched file is only a name in the table of its directory, so the hundred-thousandth in one directory costs two
//! insertions and no call of the system.

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use homeostat_engine::{AbsPath, VertexKey};
use rustix::fs::inotify::WatchFlags;

/// Names a directory of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DirId(u32);

pub(super) const ROOT: DirId = DirId(0);

/// A directory that is watched, or on the way to one.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) parent: Option<DirId>,
    pub(super) name: Arc<str>,
    /// Directories below that are in the table.
    pub(super) dirs: HashMap<Arc<str>, DirId>,
    /// Names in it that somebody watches.
    pub(super) entries: HashMap<Arc<str>, Vertices>,
    /// Who watches every name in it.
    pub(super) children: Vec<VertexKey>,
    /// Who watches everything below it.
    pub(super) tree: Vec<VertexKey>,
    /// It is in the table because of a tree above it.
    pub(super) implicit: bool,
    /// Where it leads, if it is a symbolic link: the way there is watched as well.
    pub(super) link: Option<DirId>,
    /// The links that lead to it.
    pub(super) linked_from: Vec<DirId>,
    /// How many of `dirs` may appear, vanish or point elsewhere without an event of their own: missing ones and links.
    pub(super) loose: u32,
    pub(super) at: At,
}

/// What is known of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Nothing yet.
    Unresolved,
    /// It is not there.
    Missing,
    /// It is there and reports changes.
    Watched { wd: i32, mask: WatchFlags, inode: Inode },
    /// It is there, or may be, and does not report changes: it is looked at from time to time.
    Polled { inode: Option<Inode> },
}

/// Device and inode.
pub(super) type Inode = (u64, u64);

/// One vertex mostly.
#[derive(Debug)]
pub(super) enum Vertices {
    One(VertexKey),
    /// Boxed, so that the usual entry stays small.
    #[allow(clippy::box_collection, reason = "a watched file has to stay below 200 bytes")]
    Many(Box<Vec<VertexKey>>),
}

impl Vertices {
    pub(super) fn as_slice(&self) -> &[VertexKey] {
        match self {
            Self::One(vertex) => std::slice::from_ref(vertex),
            Self::Many(vertices) => vertices,
        }
    }

    fn push(&mut self, vertex: VertexKey) {
        match self {
            Self::One(first) => *self = Self::Many(Box::new(vec![*first, vertex])),
            Self::Many(vertices) => vertices.push(vertex),
        }
    }

    /// Whether any is left.
    fn remove(&mut self, vertex: VertexKey) -> bool {
        match self {
            Self::One(one) => *one != vertex,
            Self::Many(vertices) => {
                remove_one(vertices, vertex);
                !vertices.is_empty()
            }
        }
    }
}

fn remove_one(vertices: &mut Vec<VertexKey>, vertex: VertexKey) {
    if let Some(at) = vertices.iter().position(|have| *have == vertex) {
        vertices.swap_remove(at);
    }
}

/// A watch of a vertex, so that it can be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Interest {
    Entry(DirId, Arc<str>),
    Children(DirId),
    Tree(DirId),
}

/// A vertex mostly has one watch.
#[derive(Debug)]
enum Interests {
    One(Interest),
    Many(Vec<Interest>),
}

#[derive(Debug)]
pub(super) struct Table {
    dirs: Vec<Option<Dir>>,
    free: Vec<DirId>,
    vertices: HashMap<VertexKey, Interests>,
    /// The directory that was asked for last, by its path: the next watch is mostly in the same.
    recent: Option<(Box<str>, DirId)>,
}

impl Table {
    pub(super) fn new() -> Self {
        let root = Dir::new(None, "".into());
        Self { dirs: vec![Some(root)], free: Vec::new(), vertices: HashMap::new(), recent: None }
    }

    pub(super) fn dir(&self, id: DirId) -> &Dir {
        self.dirs[id.0 as usize].as_ref().expect("whoever holds an id holds the directory in the table")
    }

    pub(super) fn dir_mut(&mut self, id: DirId) -> &mut Dir {
        self.dirs[id.0 as usize].as_mut().expect("whoever holds an id holds the directory in the table")
    }

    pub(super) fn get(&self, id: DirId) -> Option<&Dir> {
        self.dirs[id.0 as usize].as_ref()
    }

    /// All vertices that watch anything.
    pub(super) fn vertices(&self) -> impl Iterator<Item = VertexKey> {
        self.vertices.keys().copied()
    }

    /// The directory of a path, put into the table with those above it if it is not there.
    pub(super) fn dir_of(&mut self, path: &str) -> DirId {
        if let Some((_, id)) = self.recent.as_ref().filter(|(recent, _)| **recent == *path) {
            return *id;
        }
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = match self.dir(at).dirs.get(name) {
                Some(id) => *id,
                None => self.add_dir(at, name),
            };
        }
        self.recent = Some((path.into(), at));
        at
    }

    /// The directory of a path, if it is in the table.
    pub(super) fn find(&self, path: &str) -> Option<DirId> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(ROOT, |at, name| self.dir(at).dirs.get(name).copied())
    }

    pub(super) fn add_dir(&mut self, parent: DirId, name: &str) -> DirId {
        let name: Arc<str> = name.into();
        let dir = Dir::new(Some(parent), name.clone());
        let id = match self.free.pop() {
            Some(id) => {
                self.dirs[id.0 as usize] = Some(dir);
                id
            }
            None => {
                let id = DirId(
                    u32::try_from(self.dirs.len()).expect("fewer directories than that fit into memory"),
                );
                self.dirs.push(Some(dir));
                id
            }
        };
        self.dir_mut(parent).dirs.insert(name, id);
        id
    }

    /// Takes a directory out; there is nothing left in it.
    pub(super) fn remove_dir(&mut self, id: DirId) {
        let Some(dir) = self.dirs[id.0 as usize].take() else {
            return;
        };
        if let Some(parent) = dir.parent {
            self.dir_mut(parent).dirs.remove(&dir.name);
        }
        self.recent.take_if(|(_, recent)| *recent == id);
        self.free.push(id);
    }

    /// The path of a directory.
    pub(super) fn path(&self, id: DirId) -> AbsPath {
        let mut names = Vec::new();
        let mut at = id;
        while let Some(parent) = self.dir(at).parent {
            names.push(&*self.dir(at).name);
            at = parent;
        }
        names.reverse();
        AbsPath::parse(&format!("/{}", names.join("/"))).expect("every name came out of such a path")
    }

    pub(super) fn add(&mut self, vertex: VertexKey, interest: Interest) {
        match &interest {
            Interest::Entry(dir, name) => match self.dir_mut(*dir).entries.entry(name.clone()) {
                Entry::Occupied(mut vertices) => vertices.get_mut().push(vertex),
                Entry::Vacant(slot) => {
                    slot.insert(Vertices::One(vertex));
                }
            },
            Interest::Children(dir) => self.dir_mut(*dir).children.push(vertex),
            Interest::Tree(dir) => self.dir_mut(*dir).tree.push(vertex),
        }
        match self.vertices.entry(vertex) {
            Entry::Vacant(slot) => {
                slot.insert(Interests::One(interest));
            }
            Entry::Occupied(mut slot) => match slot.get_mut() {
                Interests::Many(many) => many.push(interest),
                one @ Interests::One(_) => {
                    let Interests::One(first) = std::mem::replace(one, Interests::Many(Vec::new())) else {
                        unreachable!("it was matched as one");
                    };
                    *one = Interests::Many(vec![first, interest]);
                }
            },
        }
    }

    /// Takes all watches of a vertex out; says what they were.
    pub(super) fn remove(&mut self, vertex: VertexKey) -> Vec<Interest> {
        let interests = match self.vertices.remove(&vertex) {
            None => return Vec::new(),
            Some(Interests::One(one)) => vec![one],
            Some(Interests::Many(many)) => many,
        };
        for interest in &interests {
            self.forget(vertex, interest);
        }
        interests
    }

    /// Takes one watch of a vertex out that has others.
    pub(super) fn remove_one(&mut self, vertex: VertexKey, interest: &Interest) {
        if let Some(Interests::Many(many)) = self.vertices.get_mut(&vertex)
            && let Some(at) = many.iter().position(|have| have == interest)
        {
            many.remove(at);
            self.forget(vertex, interest);
        }
    }

    fn forget(&mut self, vertex: VertexKey, interest: &Interest) {
        match interest {
            Interest::Entry(dir, name) => {
                let entries = &mut self.dir_mut(*dir).entries;
                if entries.get_mut(name).is_some_and(|vertices| !vertices.remove(vertex)) {
                    entries.remove(name);
                }
            }
            Interest::Children(dir) => remove_one(&mut self.dir_mut(*dir).children, vertex),
            Interest::Tree(dir) => remove_one(&mut self.dir_mut(*dir).tree, vertex),
        }
    }

    /// Whether a tree that somebody watches begins at a directory or above it.
    pub(super) fn in_tree(&self, id: DirId) -> bool {
        self.above(id).any(|dir| !dir.tree.is_empty())
    }

    /// A directory and those above it.
    pub(super) fn above(&self, id: DirId) -> impl Iterator<Item = &Dir> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let dir = self.dir(next?);
            next = dir.parent;
            Some(dir)
        })
    }

    /// A directory and those below it, parents first; with those that lead here over links if asked.
    pub(super) fn below(&self, id: DirId, over_links: bool) -> Vec<DirId> {
        let mut seen = std::collections::HashSet::from([id]);
        let mut found = vec![id];
        let mut at = 0;
        while let Some(id) = found.get(at).copied() {
            let dir = self.dir(id);
            let links = dir.linked_from.iter().filter(|_| over_links);
            found.extend(dir.dirs.values().chain(links).copied().filter(|id| seen.insert(*id)));
            at += 1;
        }
        found
    }

    /// What the kernel has to report of a directory.
    pub(super) fn needed(&self, id: DirId) -> WatchFlags {
        let dir = self.dir(id);
        let own = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        if !dir.entries.is_empty() || !dir.children.is_empty() || self.in_tree(id) {
            own | NAMES | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB
        } else if dir.loose > 0 {
            own | NAMES
        } else {
            // Other people's files here are none of our business.
            own
        }
    }

    /// Whether nobody needs a directory any more.
    pub(super) fn is_unused(&self, id: DirId) -> bool {
        let dir = self.dir(id);
        id != ROOT
            && dir.entries.is_empty()
            && dir.children.is_empty()
            && dir.tree.is_empty()
            && dir.dirs.is_empty()
            && dir.linked_from.is_empty()
            && !(dir.implicit && self.in_tree(id))
    }

    /// Sets what is known of a directory.
    pub(super) fn set_at(&mut self, id: DirId, at: At, link: Option<DirId>) {
        let was_loose = self.dir(id).is_loose();
        let dir = self.dir_mut(id);
        dir.at = at;
        let old = std::mem::replace(&mut dir.link, link);
        let (is_loose, parent) = (dir.is_loose(), dir.parent);
        if let Some(parent) = parent.filter(|_| was_loose != is_loose) {
            let loose = &mut self.dir_mut(parent).loose;
            *loose = if is_loose { *loose + 1 } else { *loose - 1 };
        }
        if old != link {
            if let Some(old) = old.filter(|old| self.get(*old).is_some()) {
                self.dir_mut(old).linked_from.retain(|from| *from != id);
            }
            if let Some(link) = link {
                self.dir_mut(link).linked_from.push(id);
            }
        }
    }
}

/// Names coming and going.
const NAMES: WatchFlags =
    WatchFlags::CREATE.union(WatchFlags::DELETE).union(WatchFlags::MOVED_FROM).union(WatchFlags::MOVED_TO);

impl Dir {
    fn new(parent: Option<DirId>, name: Arc<str>) -> Self {
        Self {
            parent,
            name,
            dirs: HashMap::new(),
            entries: HashMap::new(),
            children: Vec::new(),
            tree: Vec::new(),
            implicit: false,
            link: None,
            linked_from: Vec::new(),
            loose: 0,
            at: At::Unresolved,
        }
    }

    pub(super) fn is_loose(&self) -> bool {
        self.at == At::Missing || self.link.is_some()
    }

    /// Everybody who watches this directory itself or names in it.
    pub(super) fn watchers(&self) -> impl Iterator<Item = VertexKey> {
        let entries = self.entries.values().flat_map(Vertices::as_slice);
        entries.chain(&self.children).chain(&self.tree).copied()
    }
}
