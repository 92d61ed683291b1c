//! From the kernel's events to wakes.

use std::collections::BTreeSet;

use homeostat_engine::VertexKey;
use homeostat_engine::host::Files;
use rustix::fs::inotify::{Event, ReadFlags};

use super::armed::Armed;
use super::table::{DirId, Vertices};

/// The directory itself moved, went, or is out of reach.
const SELF_GONE: ReadFlags =
    ReadFlags::MOVE_SELF.union(ReadFlags::DELETE_SELF).union(ReadFlags::UNMOUNT).union(ReadFlags::IGNORED);
const NAMES: ReadFlags =
    ReadFlags::CREATE.union(ReadFlags::DELETE).union(ReadFlags::MOVED_FROM).union(ReadFlags::MOVED_TO);

impl Armed {
    pub(super) fn handle(&mut self, event: &Event<'_>, woken: &mut BTreeSet<VertexKey>) {
        let flags = event.events();
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return self.handle_overflow(woken);
        }
        // Mostly one path leads to a directory, and no list of them has to be copied.
        let mut dirs = self.dirs_of(event.wd());
        let Some(first) = dirs.next() else {
            return;
        };
        let others: Vec<DirId> = dirs.collect();
        self.handle_at(first, event, woken);
        for dir in others {
            // What was done for one path may have ended the watch of another.
            if self.table.get(dir).is_some() {
                self.handle_at(dir, event, woken);
            }
        }
    }

    fn handle_at(&mut self, dir: DirId, event: &Event<'_>, woken: &mut BTreeSet<VertexKey>) {
        let flags = event.events();
        if flags.intersects(SELF_GONE) {
            self.refresh(dir, woken);
        } else if let Some(name) = event.file_name() {
            // No declared path has a name that is not UTF-8, but those who watch all names want to know.
            self.handle_name(dir, &name.to_string_lossy(), flags, woken);
        }
    }

    /// Events were lost, so anything may have happened to anybody.
    pub(super) fn handle_overflow(&mut self, woken: &mut BTreeSet<VertexKey>) {
        self.verify_all(woken);
        let trees: Vec<DirId> = self
            .table
            .below(super::table::ROOT, false)
            .into_iter()
            .filter(|id| !self.table.dir(*id).tree.is_empty())
            .collect();
        for tree in trees {
            self.scan(tree);
        }
        woken.extend(self.table.vertices());
    }

    /// Something was mounted on, or unmounted from, what may be an entry that somebody watches.
    pub(super) fn wake_mount_point(&self, path: &str, woken: &mut BTreeSet<VertexKey>) {
        let below = match self.root.path().as_str() {
            "/" => path,
            root => path.strip_prefix(root).unwrap_or_default(),
        };
        let Some((parent, name)) = below.rsplit_once('/') else {
            return;
        };
        let Some(dir) = self.table.find(parent).map(|id| self.table.dir(id)) else {
            return;
        };
        if let Some(vertices) = dir.entries.get(name) {
            woken.extend(vertices.as_slice());
        }
        woken.extend(&dir.children);
    }

    fn handle_name(&mut self, id: DirId, name: &str, flags: ReadFlags, woken: &mut BTreeSet<VertexKey>) {
        let Some(dir) = self.table.get(id) else {
            return;
        };
        if let Some(vertices) = dir.entries.get(name) {
            woken.extend(Vertices::as_slice(vertices));
            if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                self.suspects.insert(id);
            }
        }
        let dir = self.table.dir(id);
        let child = dir.dirs.get(name).copied();
        // Our own temporary files are not what anybody waits for.
        if !Files::is_temporary(name.as_bytes()) {
            woken.extend(&dir.children);
            woken.extend(self.table.above(id).flat_map(|dir| dir.tree.iter().copied()));
        }
        if !flags.intersects(NAMES) {
            return;
        }
        if let Some(child) = child {
            self.verify(child, woken);
        } else if flags.contains(ReadFlags::ISDIR)
            && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO)
            && self.table.in_tree(id)
        {
            let child = self.table.add_dir(id, name);
            self.table.dir_mut(child).implicit = true;
            self.refresh(child, woken);
        }
    }
}
