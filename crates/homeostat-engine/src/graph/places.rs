//! Paths as a tree of their components: each name stands once, and a place in the tree is a number.
//!
//! One table leads from a place and a name to the place below; the places of one directory form a list. So a path among
//! 100,000 costs its own name and some numbers.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::claims::Claimants;
use crate::source::AbsPath;

/// The place of `/`, and as a link: none.
const ROOT: u32 = 0;

#[derive(Debug, Default)]
struct Place {
    parent: u32,
    first_child: u32,
    next: u32,
    previous: u32,
    name: Box<str>,
    claimants: Claimants,
}

/// All paths that somebody mentions, and those above them.
#[derive(Debug)]
pub(super) struct Places {
    all: Vec<Place>,
    free: Vec<u32>,
    below: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// A directory that was made last, with its path and a slash: what is made next mostly lies in the same.
    last: Option<(Box<str>, u32)>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: vec![Place::default()],
            free: Vec::new(),
            below: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: None,
        }
    }
}

impl Places {
    /// The place of a path, if there is one.
    pub(super) fn find(&self, path: &AbsPath) -> Option<u32> {
        path.components().try_fold(ROOT, |at, name| self.child(at, name))
    }

    /// The place of a path, made if there is none.
    pub(super) fn make(&mut self, path: &AbsPath) -> u32 {
        let text = path.as_str();
        let (directory, name) = text.split_at(text.rfind('/').map_or(0, |slash| slash + 1));
        let within = match &self.last {
            Some((last, at)) if **last == *directory => *at,
            _ => {
                let names = directory.split('/').filter(|name| !name.is_empty());
                let at = names.fold(ROOT, |at, name| self.child_or_new(at, name));
                self.last = Some((directory.into(), at));
                at
            }
        };
        if name.is_empty() { within } else { self.child_or_new(within, name) }
    }

    fn child_or_new(&mut self, parent: u32, name: &str) -> u32 {
        self.child(parent, name).unwrap_or_else(|| self.make_child(parent, name))
    }

    fn child(&self, parent: u32, name: &str) -> Option<u32> {
        let same =
            |at: &u32| self.all[*at as usize].parent == parent && *self.all[*at as usize].name == *name;
        self.below.find(self.hasher.hash_one((parent, name)), same).copied()
    }

    fn make_child(&mut self, parent: u32, name: &str) -> u32 {
        let next = self.all[parent as usize].first_child;
        let place = Place { parent, next, name: name.into(), ..Place::default() };
        let at = match self.free.pop() {
            Some(at) => {
                self.all[at as usize] = place;
                at
            }
            None => {
                self.all.push(place);
                u32::try_from(self.all.len() - 1).expect("places fit 32 bits")
            }
        };
        self.all[parent as usize].first_child = at;
        if next != ROOT {
            self.all[next as usize].previous = at;
        }
        let (all, hasher) = (&self.all, &self.hasher);
        let hash = |at: &u32| hasher.hash_one((all[*at as usize].parent, &*all[*at as usize].name));
        self.below.insert_unique(hash(&at), at, hash);
        at
    }

    /// The path of a place.
    pub(super) fn path(&self, at: u32) -> AbsPath {
        let mut names = Vec::new();
        let mut above = at;
        while above != ROOT {
            let place = &self.all[above as usize];
            names.push(&*place.name);
            above = place.parent;
        }
        names.reverse();
        AbsPath::parse(&format!("/{}", names.join("/"))).expect("every name came out of such a path")
    }

    /// The directory of a place; none for `/`.
    pub(super) fn parent(&self, at: u32) -> Option<u32> {
        (at != ROOT).then(|| self.all[at as usize].parent)
    }

    pub(super) fn children(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |at: u32| (at != ROOT).then_some(at);
        std::iter::successors(some(self.all[at as usize].first_child), move |at| {
            some(self.all[*at as usize].next)
        })
    }

    pub(super) fn claimants(&self, at: u32) -> &Claimants {
        &self.all[at as usize].claimants
    }

    pub(super) fn claimants_mut(&mut self, at: u32) -> &mut Claimants {
        &mut self.all[at as usize].claimants
    }

    /// Removes a place that nobody mentions any more, and those above that were there only for it.
    pub(super) fn prune(&mut self, mut at: u32) {
        while at != ROOT {
            let place = &self.all[at as usize];
            if place.first_child != ROOT || !place.claimants.is_empty() {
                return;
            }
            let hash = self.hasher.hash_one((place.parent, &*place.name));
            if let Ok(entry) = self.below.find_entry(hash, |have| *have == at) {
                entry.remove();
            }
            let Place { parent, next, previous, .. } = std::mem::take(&mut self.all[at as usize]);
            match previous {
                ROOT => self.all[parent as usize].first_child = next,
                previous => self.all[previous as usize].next = next,
            }
            if next != ROOT {
                self.all[next as usize].previous = previous;
            }
            self.free.push(at);
            self.last.take_if(|(_, last)| *last == at);
            at = parent;
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.all.len() - self.free.len()
    }
}
