//! Who provides what, and who needs it: claims matched by index, paths by a tree of their components.
//!
//! A change marks those vertices whose automatic predecessors may differ now; [`ClaimIndex::take_touched`] says which, and
//! [`ClaimIndex::wanted`] what a vertex's automatic predecessors are. So a directory that is added among 100,000 files
//! costs the files directly below it and nothing else.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::places::Places;
use crate::resource::{Claim, Need};
use crate::source::AbsPath;

/// Vertices in order, each once. Mostly there is one, or none.
pub(crate) type Few = SmallVec<[u32; 2]>;

/// What one vertex provides and needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) provides: SmallVec<[Claim; 1]>,
    pub(crate) needs: SmallVec<[Need; 1]>,
}

impl Claims {
    pub(crate) fn is_empty(&self) -> bool {
        self.provides.is_empty() && self.needs.is_empty()
    }

    /// In one order, each once.
    fn sorted(mut self) -> Self {
        self.provides.sort_unstable();
        self.provides.dedup();
        self.needs.sort_unstable();
        self.needs.dedup();
        self
    }
}

/// What a vertex is to something that can be claimed: any of these together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Role(u8);

impl Role {
    const PROVIDES: Self = Self(1);
    /// Needs exactly this.
    const NEEDS: Self = Self(2);
    /// Needs the nearest provider above.
    const BELOW: Self = Self(4);
    /// Provides a directory, for those that lie below.
    const HOLDS: Self = Self(8);

    fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }
}

#[derive(Debug, Clone, Copy)]
struct Claimant {
    vertex: u32,
    role: Role,
}

/// The vertices that claim one thing, in order.
#[derive(Debug, Default)]
pub(super) struct Claimants(SmallVec<[Claimant; 2]>);

impl Claimants {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, role: Role) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().filter(move |claimant| claimant.role.has(role)).map(|claimant| claimant.vertex)
    }

    fn are_any(&self, role: Role) -> bool {
        self.of(role).next().is_some()
    }

    fn role_of(&self, vertex: u32) -> Role {
        self.position(vertex).map_or(Role(0), |at| self.0[at].role)
    }

    fn position(&self, vertex: u32) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.vertex < vertex => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&vertex, |claimant| claimant.vertex),
        }
    }

    /// Whether the vertex claims it for the first time.
    fn add(&mut self, vertex: u32, role: Role) -> bool {
        match self.position(vertex) {
            Ok(at) => {
                self.0[at].role.0 |= role.0;
                false
            }
            Err(at) => {
                self.0.insert(at, Claimant { vertex, role });
                true
            }
        }
    }

    /// What the vertex was to it.
    fn remove(&mut self, vertex: u32) -> Role {
        self.position(vertex).map_or(Role(0), |at| self.0.remove(at).role)
    }
}

/// The claims of a vertex: paths by their places, others by name.
#[derive(Debug, Default)]
struct Held {
    places: SmallVec<[u32; 4]>,
    /// Boxed, since most vertices claim paths only.
    #[allow(clippy::box_collection)]
    named: Option<Box<Vec<Claim>>>,
}

impl Held {
    fn named(&self) -> impl Iterator<Item = &Claim> {
        self.named.iter().flat_map(|named| named.iter())
    }
}

/// The index of all claims.
#[derive(Debug, Default)]
pub(crate) struct ClaimIndex {
    places: Places,
    named: HashMap<Claim, Claimants>,
    /// By the index of the vertex.
    by_vertex: Vec<Held>,
    touched: Vec<u32>,
}

impl ClaimIndex {
    /// Replaces the claims of a vertex.
    pub(crate) fn set(&mut self, vertex: u32, claims: Claims) {
        let before = self.of(vertex);
        if !before.is_empty() {
            if before.sorted() == claims.clone().sorted() {
                return;
            }
            self.clear(vertex);
        }
        if claims.is_empty() {
            return;
        }
        if !claims.needs.is_empty() {
            self.touched.push(vertex);
        }
        let mut held = Held::default();
        for claim in claims.provides {
            self.claim(vertex, claim, Role::PROVIDES, &mut held);
        }
        for need in claims.needs {
            match need {
                Need::Claim(claim) => self.claim(vertex, claim, Role::NEEDS, &mut held),
                Need::Ancestor(path) => self.claim(vertex, Claim::Path(path), Role::BELOW, &mut held),
            }
        }
        let index = vertex as usize;
        if self.by_vertex.len() <= index {
            self.by_vertex.resize_with(index + 1, Held::default);
        }
        self.by_vertex[index] = held;
    }

    fn claim(&mut self, vertex: u32, claim: Claim, role: Role, held: &mut Held) {
        match claim {
            Claim::Path(path) => {
                let at = self.places.make(&path);
                if self.places.claimants_mut(at).add(vertex, role) {
                    held.places.push(at);
                }
                self.touch_around(at, role);
            }
            // It is never needed by itself: those below ask for the nearest.
            Claim::Directory(path) => {
                let role = if role == Role::PROVIDES { Role::HOLDS } else { Role::BELOW };
                self.claim(vertex, Claim::Path(path), role, held);
            }
            Claim::User(_) | Claim::Group(_) => {
                let claimants = self.named.entry_ref(&claim).or_default();
                let is_new = claimants.add(vertex, role);
                if role == Role::PROVIDES {
                    self.touched.extend(claimants.of(Role::NEEDS));
                }
                if is_new {
                    held.named.get_or_insert_default().push(claim);
                }
            }
        }
    }

    /// The claims of a vertex.
    pub(crate) fn of(&self, vertex: u32) -> Claims {
        let mut claims = Claims::default();
        let Some(held) = self.by_vertex.get(vertex as usize) else { return claims };
        for at in &held.places {
            let role = self.places.claimants(*at).role_of(vertex);
            let path = self.places.path(*at);
            if role.has(Role::BELOW) {
                claims.needs.push(Need::Ancestor(path.clone()));
            }
            if role.has(Role::HOLDS) {
                claims.provides.push(Claim::Directory(path.clone()));
            }
            claims.put(role, Claim::Path(path));
        }
        for claim in held.named() {
            claims.put(self.role_in(claim, vertex), claim.clone());
        }
        claims
    }

    fn role_in(&self, claim: &Claim, vertex: u32) -> Role {
        self.named.get(claim).map_or(Role(0), |claimants| claimants.role_of(vertex))
    }

    /// Removes the claims of a vertex.
    pub(crate) fn clear(&mut self, vertex: u32) {
        let Some(held) = self.by_vertex.get_mut(vertex as usize).map(std::mem::take) else { return };
        if held.places.is_empty() && held.named.is_none() {
            return;
        }
        for at in &held.places {
            let role = self.places.claimants_mut(*at).remove(vertex);
            self.touch_around(*at, role);
            self.places.prune(*at);
        }
        for claim in held.named() {
            let Some(claimants) = self.named.get_mut(claim) else { continue };
            if claimants.remove(vertex).has(Role::PROVIDES) {
                self.touched.extend(claimants.of(Role::NEEDS));
            }
            if claimants.is_empty() {
                self.named.remove(claim);
            }
        }
        self.touched.push(vertex);
    }

    /// The vertices whose automatic predecessors may have changed since the last time, in order, each once.
    pub(crate) fn take_touched(&mut self) -> Vec<u32> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Who should come before a vertex because of claims.
    pub(crate) fn wanted(&self, vertex: u32) -> Few {
        let mut wanted = Few::new();
        let Some(held) = self.by_vertex.get(vertex as usize) else { return wanted };
        for at in &held.places {
            let claimants = self.places.claimants(*at);
            let role = claimants.role_of(vertex);
            if role.has(Role::NEEDS) {
                wanted.extend(claimants.of(Role::PROVIDES));
            }
            if role.has(Role::BELOW) {
                wanted.extend(self.nearest_above(*at));
            }
        }
        for claimants in held.named().filter_map(|claim| self.named.get(claim)) {
            if claimants.role_of(vertex).has(Role::NEEDS) {
                wanted.extend(claimants.of(Role::PROVIDES));
            }
        }
        wanted.retain(|other| *other != vertex);
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Who provides the nearest of the directories that a path lies below.
    pub(crate) fn providers_above(&self, path: &AbsPath) -> Vec<u32> {
        let mut nearest = path.parent();
        while let Some(directory) = nearest {
            if let Some(at) = self.places.find(&directory) {
                let own = self.places.claimants(at);
                let above = || self.nearest_above(at).collect();
                return if own.are_any(Role::HOLDS) { own.of(Role::HOLDS).collect() } else { above() };
            }
            nearest = directory.parent();
        }
        Vec::new()
    }

    fn nearest_above(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let above = std::iter::successors(self.places.parent(at), |at| self.places.parent(*at));
        let mut claimants = above.map(|at| self.places.claimants(at));
        let found = claimants.find(|claimants| claimants.are_any(Role::HOLDS));
        found.into_iter().flat_map(|claimants| claimants.of(Role::HOLDS))
    }

    /// Marks who may find another provider because somebody came to a place, or went, in this role: whoever needs the place,
    /// and whoever lies below it with no directory in between.
    fn touch_around(&mut self, at: u32, role: Role) {
        if role.has(Role::PROVIDES) {
            self.touched.extend(self.places.claimants(at).of(Role::NEEDS));
        }
        if !role.has(Role::HOLDS) {
            return;
        }
        let mut todo: SmallVec<[u32; 8]> = self.places.children(at).collect();
        while let Some(at) = todo.pop() {
            let claimants = self.places.claimants(at);
            self.touched.extend(claimants.of(Role::BELOW));
            if !claimants.are_any(Role::HOLDS) {
                todo.extend(self.places.children(at));
            }
        }
    }
}

impl Claims {
    fn put(&mut self, role: Role, claim: Claim) {
        if role.has(Role::NEEDS) {
            self.needs.push(Need::Claim(claim.clone()));
        }
        if role.has(Role::PROVIDES) {
            self.provides.push(claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use smallvec::smallvec;

    use super::*;

    fn path(text: &str) -> AbsPath {
        AbsPath::parse(text).unwrap()
    }

    fn file(text: &str) -> Claims {
        Claims { provides: smallvec![Claim::Path(path(text))], needs: smallvec![Need::Ancestor(path(text))] }
    }

    fn directory(text: &str) -> Claims {
        let mut claims = file(text);
        claims.provides.push(Claim::Directory(path(text)));
        claims
    }

    #[test]
    fn a_file_needs_its_nearest_declared_directory() {
        let mut index = ClaimIndex::default();
        index.set(0, directory("/a"));
        index.set(1, file("/a/b/c"));
        assert_eq!(*index.wanted(1), [0]);
        index.set(2, directory("/a/b"));
        assert!(index.take_touched().contains(&1));
        assert_eq!(*index.wanted(1), [2]);
        index.clear(2);
        assert_eq!(index.take_touched(), [1, 2]);
        assert_eq!(*index.wanted(1), [0]);
    }

    #[test]
    fn a_plain_file_is_nobodys_directory() {
        let mut index = ClaimIndex::default();
        index.set(0, directory("/a"));
        index.set(1, file("/a/b"));
        index.set(2, file("/a/b/c"));
        assert_eq!(*index.wanted(2), [0]);
        index.take_touched();
        index.clear(1);
        assert_eq!(index.take_touched(), [1], "who lies below has the same directory");
        assert_eq!(index.providers_above(&path("/a/b/c")), [0]);
    }

    #[test]
    fn a_new_directory_touches_only_what_lies_directly_below_it() {
        let mut index = ClaimIndex::default();
        index.set(0, directory("/a/deep"));
        index.set(1, file("/a/deep/one"));
        index.set(2, file("/a/two"));
        index.take_touched();
        index.set(3, directory("/a"));
        assert_eq!(index.take_touched(), [0, 2, 3]);
    }

    fn small_path() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
            .prop_map(|parts| format!("/{}", parts.join("/")))
    }

    proptest! {
        /// The oracle looks at everybody.
        #[test]
        fn following_changes_gives_what_looking_at_everybody_gives(steps in prop::collection::vec((0u32..8, prop::option::of(small_path()), 0..3), 0..40)) {
            let mut index = ClaimIndex::default();
            let mut have: BTreeMap<u32, Claims> = BTreeMap::new();
            let mut followed: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (vertex, text, form) in steps {
                match text {
                    Some(text) => {
                        let claims = match form {
                            0 => file(&text),
                            1 => directory(&text),
                            _ => Claims { provides: smallvec![], needs: smallvec![Need::Claim(Claim::Path(path(&text)))] },
                        };
                        have.insert(vertex, claims.clone());
                        index.set(vertex, claims);
                    }
                    None => {
                        have.remove(&vertex);
                        index.clear(vertex);
                    }
                }
                for touched in index.take_touched() {
                    followed.insert(touched, index.wanted(touched).into_iter().collect());
                }
            }
            for (vertex, claims) in &have {
                prop_assert_eq!(followed.get(vertex).cloned().unwrap_or_default(), oracle(&have, *vertex, claims));
            }
            for vertex in have.keys().copied().collect::<Vec<_>>() {
                index.clear(vertex);
            }
            prop_assert_eq!(index.places.count(), 1);
        }
    }

    fn oracle(have: &BTreeMap<u32, Claims>, vertex: u32, claims: &Claims) -> BTreeSet<u32> {
        let providers = |wanted: Claim| -> BTreeSet<u32> {
            let provides = |claims: &Claims| claims.provides.contains(&wanted);
            have.iter()
                .filter(|(other, claims)| **other != vertex && provides(claims))
                .map(|(other, _)| *other)
                .collect()
        };
        claims
            .needs
            .iter()
            .flat_map(|need| match need {
                Need::Claim(claim) => providers(claim.clone()),
                Need::Ancestor(path) => {
                    let mut at = path.parent();
                    while let Some(above) = at {
                        let found = providers(Claim::Directory(above.clone()));
                        if !found.is_empty() {
                            return found;
                        }
                        at = above.parent();
                    }
                    BTreeSet::new()
                }
            })
            .collect()
    }
}
