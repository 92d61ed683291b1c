//! Keeping the kernel's watches in step with the table.
//!
//! Every level is looked at again after it was armed, so a change in between is never lost: either the second look sees it
//! or an event comes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use homeostat_engine::{AbsPath, Depth, VertexKey, Wakes};
use rustix::fs::inotify::{self, WatchFlags};
use rustix::io::Errno;

use super::look::{Root, Seen, SeenDir};
use super::table::{At, DirId, Interest, ROOT, Table};
use super::targets::Targets;

/// Looks at one level before it is taken for one that changes too fast to be followed, and is polled.
pub(super) const TRIES_MAX: usize = 20;
/// Links on the way to a directory, and links on the way to where they lead.
pub(super) const LINKS_MAX: usize = 16;

/// What happens under no name, as to a file that is still being made or was removed, wakes nobody.
const NAMED_IN_DIRS: WatchFlags = WatchFlags::ONLYDIR.union(WatchFlags::EXCL_UNLINK);

/// Everything behind the lock of the source.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) table: Table,
    inotify: Arc<OwnedFd>,
    pub(super) root: Root,
    pub(super) wakes: Wakes,
    /// Several paths may lead to one directory.
    wds: HashMap<i32, Vec<DirId>>,
    pub(super) polled: BTreeSet<DirId>,
    /// Directories in which something was deleted, and which may be deleted themselves without telling while somebody holds
    /// them open.
    pub(super) suspects: BTreeSet<DirId>,
    watches_max: usize,
    /// What people were told already.
    told: HashSet<String>,
    links: usize,
    /// Links at the end of a path, whose way on is watched as well.
    pub(super) targets: Targets,
    /// Where links led that lead elsewhere now: perhaps nobody needs to watch the way there any more.
    left: Vec<DirId>,
}

impl Armed {
    pub(super) fn new(inotify: Arc<OwnedFd>, root: Root, wakes: Wakes, watches_max: usize) -> Self {
        Self {
            table: Table::new(),
            inotify,
            root,
            wakes,
            wds: HashMap::new(),
            polled: BTreeSet::new(),
            suspects: BTreeSet::new(),
            watches_max,
            told: HashSet::new(),
            links: 0,
            targets: Targets::default(),
            left: Vec::new(),
        }
    }

    /// The paths in the table that lead to a watched directory.
    pub(super) fn dirs_of(&self, wd: i32) -> impl Iterator<Item = DirId> {
        self.wds.get(&wd).into_iter().flatten().copied()
    }

    pub(super) fn arm(&mut self, path: &AbsPath, depth: Depth, vertex: VertexKey) {
        self.arm_entry(path, vertex);
        let (interest, is_tree): (fn(DirId) -> Interest, _) = match depth {
            Depth::Entry => return,
            Depth::Target => {
                self.targets.add(vertex, path);
                return self.follow_targets(vertex);
            }
            Depth::Children => (Interest::Children, false),
            Depth::Tree => (Interest::Tree, true),
        };
        let dir = self.table.dir_of(path.as_str());
        self.table.add(vertex, interest(dir));
        self.ensure(dir);
        if is_tree {
            for id in self.table.below(dir, false) {
                self.ensure(id);
            }
            self.scan(dir);
        }
    }

    pub(super) fn arm_entry(&mut self, path: &AbsPath, vertex: VertexKey) -> Interest {
        let path = path.as_str();
        let (dir, interest) = match path.rfind('/') {
            Some(at) if path.len() > 1 => {
                let dir = self.table.dir_of(&path[..at]);
                (dir, Interest::Entry(dir, path[at + 1..].into()))
            }
            _ => (ROOT, Interest::Children(ROOT)),
        };
        self.table.add(vertex, interest.clone());
        self.ensure(dir);
        interest
    }

    /// Ends one watch of a vertex that has others.
    pub(super) fn disarm_one(&mut self, vertex: VertexKey, interest: &Interest) {
        self.table.remove_one(vertex, interest);
        match interest {
            Interest::Entry(dir, _) | Interest::Children(dir) | Interest::Tree(dir) => self.prune(*dir),
        }
    }

    pub(super) fn disarm(&mut self, vertex: VertexKey) {
        self.targets.remove(vertex);
        for interest in self.table.remove(vertex) {
            match interest {
                Interest::Entry(dir, _) | Interest::Children(dir) => self.prune(dir),
                Interest::Tree(dir) => {
                    let mut below = self.table.below(dir, false);
                    below.reverse();
                    for id in below {
                        if self.table.get(id).is_some() {
                            self.prune(id);
                        }
                    }
                }
            }
        }
    }

    /// Makes sure that a directory is watched for all that is needed of it. No call of the system if it is.
    fn ensure(&mut self, id: DirId) {
        match self.table.dir(id).at {
            At::Unresolved => self.resolve(id),
            At::Watched { mask, .. } if !mask.contains(self.table.needed(id)) => self.update_mask(id),
            At::Watched { .. } | At::Missing | At::Polled { .. } => {}
        }
    }

    /// Finds out what is at the path of a directory, and watches it or its parent so that a change is noticed.
    fn resolve(&mut self, id: DirId) {
        let parent = self.table.dir(id).parent;
        if let Some(parent) = parent {
            if self.table.dir(parent).at == At::Unresolved {
                self.resolve(parent);
            }
            if self.table.dir(parent).at == At::Missing {
                self.unwatch(id);
                self.table.set_at(id, At::Missing, None);
                return;
            }
        }
        let path = self.table.path(id);
        for _ in 0..TRIES_MAX {
            let seen = self.root.look(&path);
            let led_to = self.table.dir(id).link;
            self.take(id, &seen);
            if led_to != self.table.dir(id).link {
                self.left.extend(led_to);
            }
            if let Some(parent) = parent {
                self.update_mask(parent);
            }
            if self.is_as_seen(&seen, &path) {
                return;
            }
        }
        self.unwatch(id);
        self.poll(id, None);
    }

    fn is_as_seen(&self, seen: &Seen, path: &AbsPath) -> bool {
        match (seen, self.root.look(path)) {
            (Seen::Missing, Seen::Missing)
            | (Seen::Unreachable, Seen::Unreachable)
            | (Seen::Remote { .. }, Seen::Remote { .. }) => true,
            (Seen::Dir(before), Seen::Dir(now)) => before.inode == now.inode && before.link == now.link,
            (Seen::Dangling(before), Seen::Dangling(now)) => *before == now,
            _ => false,
        }
    }

    /// Makes what was seen the state of a directory.
    fn take(&mut self, id: DirId, seen: &Seen) {
        match seen {
            Seen::Missing => {
                self.unwatch(id);
                self.table.set_at(id, At::Missing, None);
            }
            Seen::Unreachable => {
                self.unwatch(id);
                self.poll(id, None);
            }
            Seen::Remote { point } => {
                self.unwatch(id);
                self.tell_silent(id, point);
                self.poll(id, None);
            }
            Seen::Dangling(target) => {
                self.unwatch(id);
                let link = self.follow(id, target);
                self.table.set_at(id, At::Missing, link);
            }
            Seen::Dir(dir) => {
                let link = dir.link.as_ref().and_then(|target| self.follow(id, target));
                self.table.set_at(id, self.table.dir(id).at, link);
                self.watch(id, dir);
            }
        }
    }

    /// Watches the way to where a link points.
    fn follow(&mut self, id: DirId, target: &AbsPath) -> Option<DirId> {
        let own = self.table.path(id);
        if self.links >= LINKS_MAX || *target == own || own.is_above(target) {
            return None;
        }
        let dir = self.table.dir_of(target.as_str());
        // Held before it is resolved, so that nothing prunes it meanwhile.
        self.table.set_at(id, self.table.dir(id).at, Some(dir));
        self.links += 1;
        self.ensure(dir);
        self.links -= 1;
        Some(dir)
    }

    fn watch(&mut self, id: DirId, seen: &SeenDir) {
        if !seen.reports() {
            self.unwatch(id);
            self.tell_silent(id, &seen.inode.0.to_string());
            return self.poll(id, Some(seen.inode));
        }
        let old = match self.table.dir(id).at {
            At::Watched { wd, inode, .. } if inode == seen.inode => Some(wd),
            _ => {
                self.unwatch(id);
                None
            }
        };
        if old.is_none() && self.wds.len() >= self.watches_max {
            return self.cannot_watch(id, seen, Errno::NOSPC);
        }
        let mask = self.table.needed(id);
        let flags = mask | NAMED_IN_DIRS | WatchFlags::MASK_ADD;
        match inotify::add_watch(&*self.inotify, seen.path(), flags) {
            Ok(wd) => {
                let dirs = self.wds.entry(wd).or_default();
                if !dirs.contains(&id) {
                    dirs.push(id);
                }
                self.polled.remove(&id);
                let inode = seen.inode;
                let link = self.table.dir(id).link;
                self.table.set_at(id, At::Watched { wd, mask, inode }, link);
            }
            Err(errno) => self.cannot_watch(id, seen, errno),
        }
    }

    fn cannot_watch(&mut self, id: DirId, seen: &SeenDir, errno: Errno) {
        self.unwatch(id);
        let path = self.table.path(id);
        let why = match errno {
            Errno::NOSPC => "no watches are left (fs.inotify.max_user_watches)".to_owned(),
            errno => errno.to_string(),
        };
        self.tell(
            format!(
                "cannot watch `{}`: {why}; it, and others alike, are looked at from time to time instead",
                path.as_str()
            ),
            &why,
        );
        self.poll(id, Some(seen.inode));
    }

    fn poll(&mut self, id: DirId, inode: Option<super::table::Inode>) {
        let link = self.table.dir(id).link;
        self.table.set_at(id, At::Polled { inode }, link);
        self.polled.insert(id);
    }

    /// Once for each that is mounted.
    fn tell_silent(&mut self, id: DirId, mount: &str) {
        let path = self.table.path(id);
        let text = format!(
            "changes below `{}` are not reported by its file system; it is looked at from time to time instead",
            path.as_str()
        );
        self.tell(text, &format!("silent: {mount}"));
    }

    /// Says the same thing only once.
    fn tell(&mut self, text: String, key: &str) {
        if self.told.insert(key.to_owned()) {
            self.wakes.note(text);
        }
    }

    /// Ends the kernel's watch of a directory unless another path leads to it too.
    fn unwatch(&mut self, id: DirId) {
        self.polled.remove(&id);
        let At::Watched { wd, .. } = self.table.dir(id).at else {
            return;
        };
        let link = self.table.dir(id).link;
        self.table.set_at(id, At::Unresolved, link);
        let Some(dirs) = self.wds.get_mut(&wd) else {
            return;
        };
        dirs.retain(|dir| *dir != id);
        if dirs.is_empty() {
            self.wds.remove(&wd);
            // It is gone already if the directory is.
            let _gone: Result<(), Errno> = inotify::remove_watch(&*self.inotify, wd);
        }
    }

    /// Makes the kernel report what is needed of a directory, no more and no less.
    fn update_mask(&mut self, id: DirId) {
        let At::Watched { wd, mask, inode } = self.table.dir(id).at else {
            return;
        };
        let needed = self.table.needed(id);
        if needed == mask {
            return;
        }
        let Seen::Dir(seen) = self.root.look(&self.table.path(id)) else {
            return;
        };
        if seen.inode != inode {
            // Its event is on the way.
            return;
        }
        let others = self.wds.get(&wd).into_iter().flatten().filter(|other| **other != id);
        let all = others.fold(needed, |all, other| all | self.table.needed(*other));
        match inotify::add_watch(&*self.inotify, seen.path(), all | NAMED_IN_DIRS) {
            Ok(same) if same == wd => {
                let link = self.table.dir(id).link;
                self.table.set_at(id, At::Watched { wd, mask: needed, inode }, link);
            }
            // The watch went with the directory and came back with another number.
            Ok(_) => self.watch(id, &seen),
            Err(errno) => self.cannot_watch(id, &seen, errno),
        }
    }

    /// Watches all directories below one, which are found by looking: new ones come as events.
    pub(super) fn scan(&mut self, top: DirId) {
        let mut todo = vec![top];
        while let Some(id) = todo.pop() {
            let dir = self.table.dir(id);
            // What a link leads to is not below.
            if dir.at == At::Missing || dir.link.is_some() && id != top {
                continue;
            }
            let Seen::Dir(seen) = self.root.look(&self.table.path(id)) else {
                continue;
            };
            for name in seen.subdirs() {
                let child = match self.table.dir(id).dirs.get(&*name) {
                    Some(child) => *child,
                    None => self.table.add_dir(id, &name),
                };
                self.table.dir_mut(child).implicit = true;
                self.ensure(child);
                todo.push(child);
            }
        }
    }

    /// A directory may be another one now, or gone, or back. Says who has to look again.
    pub(super) fn refresh(&mut self, id: DirId, woken: &mut BTreeSet<VertexKey>) {
        let below = self.table.below(id, true);
        for id in &below {
            woken.extend(self.table.dir(*id).watchers());
        }
        woken.extend(self.table.above(id).flat_map(|dir| dir.tree.iter().copied()));
        for id in &below {
            self.unwatch(*id);
            let link = self.table.dir(*id).link;
            self.table.set_at(*id, At::Unresolved, link);
        }
        for id in &below {
            if self.table.get(*id).is_some_and(|dir| dir.at == At::Unresolved) {
                self.resolve(*id);
            }
        }
        for id in below {
            if self.table.get(id).is_some() {
                self.settle(id);
            }
        }
        for id in std::mem::take(&mut self.left) {
            if self.table.get(id).is_some() {
                self.prune(id);
            }
        }
    }

    /// After a directory was resolved: trees are gone through again, and what vanished from them leaves the table.
    fn settle(&mut self, id: DirId) {
        if self.table.in_tree(id) {
            match self.table.dir(id).at {
                At::Missing => self.table.dir_mut(id).implicit = false,
                At::Watched { .. } | At::Polled { .. } | At::Unresolved => self.scan(id),
            }
        }
        self.prune(id);
    }

    /// Refreshes a directory only if it is not what it was.
    pub(super) fn verify(&mut self, id: DirId, woken: &mut BTreeSet<VertexKey>) -> bool {
        let seen = self.root.look(&self.table.path(id));
        let is_same = match (&seen, self.table.dir(id).at) {
            (Seen::Missing, At::Missing) => self.table.dir(id).link.is_none(),
            (Seen::Unreachable | Seen::Remote { .. }, At::Polled { inode: None }) => true,
            (Seen::Dir(seen), At::Watched { inode, .. } | At::Polled { inode: Some(inode) }) => {
                let target = seen.link.as_ref().map(|target| target.as_str().to_owned());
                let known = self.table.dir(id).link.map(|link| self.table.path(link).as_str().to_owned());
                seen.inode == inode && target == known
            }
            _ => false,
        };
        if !is_same {
            self.refresh(id, woken);
        }
        is_same
    }

    /// Looks at every directory again: something was mounted, or events were lost.
    pub(super) fn verify_all(&mut self, woken: &mut BTreeSet<VertexKey>) {
        let mut todo = vec![ROOT];
        while let Some(id) = todo.pop() {
            let is_same = self.table.get(id).is_some() && self.verify(id, woken);
            // What was refreshed is new down to the leaves.
            if is_same && self.table.dir(id).at != At::Missing {
                todo.extend(self.table.dir(id).dirs.values());
            }
        }
    }

    /// Takes out what nobody needs, upwards.
    fn prune(&mut self, id: DirId) {
        let mut at = Some(id);
        while let Some(id) = at {
            if !self.table.is_unused(id) {
                return self.update_mask(id);
            }
            self.unwatch(id);
            self.suspects.remove(&id);
            let (parent, link) = (self.table.dir(id).parent, self.table.dir(id).link);
            self.table.set_at(id, At::Unresolved, None);
            self.table.remove_dir(id);
            if let Some(link) = link.filter(|link| self.table.get(*link).is_some()) {
                self.prune(link);
            }
            at = parent.filter(|parent| self.table.get(*parent).is_some());
        }
    }

    /// How many directories the kernel watches for us.
    #[cfg(test)]
    pub(super) fn watches(&self) -> usize {
        self.wds.len()
    }
}
