//! Who provides what, and who needs it: claims matched by index, paths by a tree of their components.
//!
//! A change marks those vertices whose automatic predecessors may differ now; [`ClaimIndex::take_touched`] says which, and
//! [`ClaimIndex::wanted`] what a vertex's automatic predecessors are. So a directory that is added among 100,000 files
//! costs the files directly below it and nothing else.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use smallvec::SmallVec;

use crate::resource::{Claim, Need};
use crate::source::AbsPath;

type Few = SmallVec<[u32; 2]>;

/// What one vertex provides and needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) provides: SmallVec<[Claim; 1]>,
    pub(crate) needs: SmallVec<[Need; 1]>,
}

/// One component of a path.
#[derive(Debug, Default)]
struct Place {
    parent: u32,
    name: Box<str>,
    providers: Few,
    /// Those that need exactly this.
    needers: Few,
    /// Those that need the nearest provider above.
    below: Few,
    /// Boxed, since most places are leaves and there may be very many.
    #[allow(clippy::box_collection)]
    children: Option<Box<HashMap<Box<str>, u32>>>,
}

#[derive(Debug, Default)]
struct Named {
    providers: Few,
    needers: Few,
}

/// The index of all claims.
#[derive(Debug)]
pub(crate) struct ClaimIndex {
    places: Vec<Place>,
    free: Vec<u32>,
    named: HashMap<Claim, Named>,
    /// By the index of the vertex.
    by_vertex: Vec<Claims>,
    touched: BTreeSet<u32>,
}

impl Default for ClaimIndex {
    fn default() -> Self {
        Self {
            places: vec![Place::default()],
            free: Vec::new(),
            named: HashMap::new(),
            by_vertex: Vec::new(),
            touched: BTreeSet::new(),
        }
    }
}

impl ClaimIndex {
    /// Replaces the claims of a vertex.
    pub(crate) fn set(&mut self, vertex: u32, claims: Claims) {
        if *self.by_vertex(vertex) == claims {
            return;
        }
        self.clear(vertex);
        if claims.provides.is_empty() && claims.needs.is_empty() {
            return;
        }
        for claim in &claims.provides {
            self.add_provider(claim, vertex);
        }
        for need in &claims.needs {
            self.add_need(need, vertex);
        }
        if !claims.needs.is_empty() {
            self.touched.insert(vertex);
        }
        let index = vertex as usize;
        if self.by_vertex.len() <= index {
            self.by_vertex.resize_with(index + 1, Claims::default);
        }
        self.by_vertex[index] = claims;
    }

    fn by_vertex(&self, vertex: u32) -> &Claims {
        static NONE: LazyLock<Claims> = LazyLock::new(Claims::default);
        self.by_vertex.get(vertex as usize).unwrap_or(&NONE)
    }

    /// The claims of a vertex.
    pub(crate) fn of(&self, vertex: u32) -> Claims {
        self.by_vertex(vertex).clone()
    }

    /// Removes the claims of a vertex.
    pub(crate) fn clear(&mut self, vertex: u32) {
        let Some(claims) = self.by_vertex.get_mut(vertex as usize).map(std::mem::take) else { return };
        if claims == Claims::default() {
            return;
        }
        for claim in &claims.provides {
            self.remove_provider(claim, vertex);
        }
        for need in &claims.needs {
            self.remove_need(need, vertex);
        }
        self.touched.insert(vertex);
    }

    /// The vertices whose automatic predecessors may have changed since the last time, in order.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.touched)
    }

    /// Who should come before a vertex because of claims.
    pub(crate) fn wanted(&self, vertex: u32) -> BTreeSet<u32> {
        let mut wanted = BTreeSet::new();
        for need in &self.by_vertex(vertex).needs {
            match need {
                Need::Claim(Claim::Path(path)) => {
                    wanted.extend(self.find(path).iter().flat_map(|at| &self.places[*at as usize].providers));
                }
                Need::Claim(claim) => {
                    wanted.extend(self.named.get(claim).into_iter().flat_map(|named| &named.providers))
                }
                Need::Ancestor(path) => {
                    wanted.extend(self.find(path).into_iter().flat_map(|at| self.nearest_above(at)));
                }
            }
        }
        wanted.remove(&vertex);
        wanted
    }

    /// Who provides the nearest of the directories that a path lies below.
    pub(crate) fn providers_above(&self, path: &AbsPath) -> Vec<u32> {
        let mut at = 0;
        let mut nearest = None;
        for component in path.components() {
            if !self.places[at as usize].providers.is_empty() {
                nearest = Some(at);
            }
            let child =
                self.places[at as usize].children.as_ref().and_then(|children| children.get(component));
            match child {
                Some(child) => at = *child,
                None => break,
            }
        }
        nearest.map(|at| self.places[at as usize].providers.to_vec()).unwrap_or_default()
    }

    fn nearest_above(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = at;
        let found = loop {
            if at == 0 {
                break None;
            }
            at = self.places[at as usize].parent;
            if !self.places[at as usize].providers.is_empty() {
                break Some(at);
            }
        };
        found.into_iter().flat_map(|at| self.places[at as usize].providers.iter().copied())
    }

    fn add_provider(&mut self, claim: &Claim, vertex: u32) {
        if let Claim::Path(path) = claim {
            let at = self.make(path);
            add(&mut self.places[at as usize].providers, vertex);
            self.touch_around(at);
        } else {
            let named = self.named.entry(claim.clone()).or_default();
            add(&mut named.providers, vertex);
            self.touched.extend(&named.needers);
        }
    }

    fn remove_provider(&mut self, claim: &Claim, vertex: u32) {
        if let Claim::Path(path) = claim {
            let Some(at) = self.find(path) else { return };
            remove(&mut self.places[at as usize].providers, vertex);
            self.touch_around(at);
            self.prune(at);
        } else if let Some(named) = self.named.get_mut(claim) {
            remove(&mut named.providers, vertex);
            self.touched.extend(&named.needers);
            self.prune_named(claim);
        }
    }

    fn add_need(&mut self, need: &Need, vertex: u32) {
        match need {
            Need::Claim(Claim::Path(path)) => {
                let at = self.make(path);
                add(&mut self.places[at as usize].needers, vertex);
            }
            Need::Claim(claim) => add(&mut self.named.entry(claim.clone()).or_default().needers, vertex),
            Need::Ancestor(path) => {
                let at = self.make(path);
                add(&mut self.places[at as usize].below, vertex);
            }
        }
    }

    fn remove_need(&mut self, need: &Need, vertex: u32) {
        match need {
            Need::Claim(Claim::Path(path)) => {
                let Some(at) = self.find(path) else { return };
                remove(&mut self.places[at as usize].needers, vertex);
                self.prune(at);
            }
            Need::Claim(claim) => {
                if let Some(named) = self.named.get_mut(claim) {
                    remove(&mut named.needers, vertex);
                    self.prune_named(claim);
                }
            }
            Need::Ancestor(path) => {
                let Some(at) = self.find(path) else { return };
                remove(&mut self.places[at as usize].below, vertex);
                self.prune(at);
            }
        }
    }

    /// Marks who may find another provider because those at a place changed: whoever needs the place, and whoever lies below it
    /// with no provider in between.
    fn touch_around(&mut self, at: u32) {
        let place = &self.places[at as usize];
        self.touched.extend(&place.needers);
        let mut todo: Vec<u32> = children(place).collect();
        while let Some(at) = todo.pop() {
            let place = &self.places[at as usize];
            self.touched.extend(&place.below);
            if place.providers.is_empty() {
                todo.extend(children(place));
            }
        }
    }

    fn find(&self, path: &AbsPath) -> Option<u32> {
        let mut at = 0;
        for component in path.components() {
            at = *self.places[at as usize].children.as_ref()?.get(component)?;
        }
        Some(at)
    }

    fn make(&mut self, path: &AbsPath) -> u32 {
        let mut at = 0;
        for component in path.components() {
            let known =
                self.places[at as usize].children.as_ref().and_then(|children| children.get(component));
            at = match known {
                Some(child) => *child,
                None => self.make_child(at, component),
            };
        }
        at
    }

    fn make_child(&mut self, parent: u32, name: &str) -> u32 {
        let place = Place { parent, name: name.into(), ..Place::default() };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = place;
                at
            }
            None => {
                self.places.push(place);
                u32::try_from(self.places.len() - 1).expect("places fit 32 bits")
            }
        };
        self.places[parent as usize].children.get_or_insert_default().insert(name.into(), at);
        at
    }

    /// Removes a place that nobody mentions any more, and those above that were there only for it.
    fn prune(&mut self, at: u32) {
        let mut at = at;
        while at != 0 {
            let place = &mut self.places[at as usize];
            let mentioned =
                !place.providers.is_empty() || !place.needers.is_empty() || !place.below.is_empty();
            if mentioned || place.children.as_ref().is_some_and(|children| !children.is_empty()) {
                return;
            }
            let (parent, name) = (place.parent, std::mem::take(&mut place.name));
            place.children = None;
            self.free.push(at);
            if let Some(siblings) = &mut self.places[parent as usize].children {
                siblings.remove(&name);
            }
            at = parent;
        }
    }

    fn prune_named(&mut self, claim: &Claim) {
        if self.named.get(claim).is_some_and(|named| named.providers.is_empty() && named.needers.is_empty()) {
            self.named.remove(claim);
        }
    }
}

fn children(place: &Place) -> impl Iterator<Item = u32> + '_ {
    place.children.iter().flat_map(|children| children.values().copied())
}

fn add(few: &mut Few, vertex: u32) {
    if !few.contains(&vertex) {
        few.push(vertex);
    }
}

fn remove(few: &mut Few, vertex: u32) {
    few.retain(|have| *have != vertex);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use smallvec::smallvec;

    use super::*;

    fn path(text: &str) -> AbsPath {
        AbsPath::parse(text).unwrap()
    }

    fn file(text: &str) -> Claims {
        Claims { provides: smallvec![Claim::Path(path(text))], needs: smallvec![Need::Ancestor(path(text))] }
    }

    #[test]
    fn a_file_needs_its_nearest_declared_directory() {
        let mut index = ClaimIndex::default();
        index.set(0, file("/a"));
        index.set(1, file("/a/b/c"));
        assert_eq!(index.wanted(1), [0].into());
        index.set(2, file("/a/b"));
        assert!(index.take_touched().contains(&1));
        assert_eq!(index.wanted(1), [2].into());
        index.clear(2);
        assert_eq!(index.take_touched(), [1, 2].into());
        assert_eq!(index.wanted(1), [0].into());
    }

    #[test]
    fn a_new_directory_touches_only_what_lies_directly_below_it() {
        let mut index = ClaimIndex::default();
        index.set(0, file("/a/deep"));
        index.set(1, file("/a/deep/one"));
        index.set(2, file("/a/two"));
        index.take_touched();
        index.set(3, file("/a"));
        assert_eq!(index.take_touched(), [0, 2, 3].into());
    }

    fn small_path() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
            .prop_map(|parts| format!("/{}", parts.join("/")))
    }

    proptest! {
        /// The oracle looks at everybody.
        #[test]
        fn following_changes_gives_what_looking_at_everybody_gives(steps in prop::collection::vec((0u32..8, prop::option::of(small_path()), any::<bool>()), 0..40)) {
            let mut index = ClaimIndex::default();
            let mut have: BTreeMap<u32, Claims> = BTreeMap::new();
            let mut followed: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (vertex, text, exact) in steps {
                match text {
                    Some(text) => {
                        let mut claims = file(&text);
                        if exact {
                            claims = Claims { provides: smallvec![], needs: smallvec![Need::Claim(Claim::Path(path(&text)))] };
                        }
                        have.insert(vertex, claims.clone());
                        index.set(vertex, claims);
                    }
                    None => {
                        have.remove(&vertex);
                        index.clear(vertex);
                    }
                }
                for touched in index.take_touched() {
                    followed.insert(touched, index.wanted(touched));
                }
            }
            for (vertex, claims) in &have {
                prop_assert_eq!(followed.get(vertex).cloned().unwrap_or_default(), oracle(&have, *vertex, claims));
            }
            for vertex in have.keys().copied().collect::<Vec<_>>() {
                index.clear(vertex);
            }
            prop_assert_eq!(index.places.len() - index.free.len(), 1);
        }
    }

    fn oracle(have: &BTreeMap<u32, Claims>, vertex: u32, claims: &Claims) -> BTreeSet<u32> {
        let providers = |wanted: &AbsPath| -> BTreeSet<u32> {
            let provides = |claims: &Claims| claims.provides.contains(&Claim::Path(wanted.clone()));
            have.iter()
                .filter(|(other, claims)| **other != vertex && provides(claims))
                .map(|(other, _)| *other)
                .collect()
        };
        claims
            .needs
            .iter()
            .flat_map(|need| match need {
                Need::Claim(Claim::Path(path)) => providers(path),
                Need::Claim(_) => BTreeSet::new(),
                Need::Ancestor(path) => {
                    let mut at = path.parent();
                    while let Some(above) = at {
                        let found = providers(&above);
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
