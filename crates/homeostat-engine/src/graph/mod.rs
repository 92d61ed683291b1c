//! The graph: vertices with edges, an order that is kept up to date, and the claims that make automatic edges.
//!
//! Invariants: no cycle, ever; every edge goes up in rank; a change costs what it touches. Nothing here recurses, so the depth of a
//! graph is bounded by memory alone.

mod claims;
mod conflict;
mod edges;
mod order;
mod places;

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use homeostat_model::ResourceId;

pub(crate) use claims::{ClaimIndex, Claims};
use conflict::Dropped;
pub(crate) use edges::{EdgeKinds, Links};
pub(crate) use order::Cycle;

use crate::source::VertexKey;

/// One vertex with what the owner of the graph keeps about it.
#[derive(Debug)]
pub(crate) struct Vertex<T> {
    pub(crate) id: ResourceId,
    pub(crate) generation: u32,
    /// Who comes before, and how.
    pub(crate) preds: Links,
    /// Who comes after, and how.
    pub(crate) succs: Links,
    rank: u64,
    pub(crate) data: T,
}

#[derive(Debug)]
enum Slot<T> {
    Used(Vertex<T>),
    Free { generation: u32 },
}

fn id_in<T>(slots: &[Slot<T>], at: u32) -> &ResourceId {
    match &slots[at as usize] {
        Slot::Used(vertex) => &vertex.id,
        Slot::Free { .. } => panic!("the slot {at} is free"),
    }
}

/// A directed acyclic graph of resources.
#[derive(Debug)]
pub(crate) struct Graph<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// By the hash of their ids, which stand in the slots.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    next_rank: u64,
    claims: ClaimIndex,
    dropped: Dropped,
    /// Edges as they were before the change that is being tried.
    undo: Vec<(u32, u32, EdgeKinds)>,
}

impl<T> Graph<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            next_rank: 0,
            claims: ClaimIndex::default(),
            dropped: Dropped::default(),
            undo: Vec::new(),
        }
    }

    /// How many vertices there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, additional: usize) {
        self.slots.reserve(additional);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.reserve(additional, |at| hasher.hash_one(id_in(slots, *at)));
    }

    /// The index of a resource.
    pub(crate) fn find(&self, id: &ResourceId) -> Option<u32> {
        if self.index.is_empty() {
            return None;
        }
        self.index.find(self.hasher.hash_one(id), |at| id_in(&self.slots, *at) == id).copied()
    }

    /// The vertex at an index that is known to be used.
    pub(crate) fn at(&self, at: u32) -> &Vertex<T> {
        match &self.slots[at as usize] {
            Slot::Used(vertex) => vertex,
            Slot::Free { .. } => panic!("the slot {at} is free"),
        }
    }

    /// The vertex at an index that is known to be used.
    pub(crate) fn at_mut(&mut self, at: u32) -> &mut Vertex<T> {
        match &mut self.slots[at as usize] {
            Slot::Used(vertex) => vertex,
            Slot::Free { .. } => panic!("the slot {at} is free"),
        }
    }

    /// Whether there is a vertex at an index.
    pub(crate) fn is_used(&self, at: u32) -> bool {
        matches!(self.slots.get(at as usize), Some(Slot::Used(_)))
    }

    /// The index of a key, unless its vertex is gone.
    pub(crate) fn resolve(&self, key: VertexKey) -> Option<u32> {
        match self.slots.get(key.index as usize) {
            Some(Slot::Used(vertex)) if vertex.generation == key.generation => Some(key.index),
            _ => None,
        }
    }

    /// The key of an index.
    pub(crate) fn key(&self, at: u32) -> VertexKey {
        VertexKey { index: at, generation: self.at(at).generation }
    }

    /// The indices of all vertices, in order.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let used = self.slots.iter().enumerate().filter(|(_, slot)| matches!(slot, Slot::Used(_)));
        used.map(|(at, _)| u32::try_from(at).expect("indices fit 32 bits"))
    }

    /// All vertices, in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Vertex<T>)> {
        self.indices().map(|at| (at, self.at(at)))
    }

    /// Adds a vertex without edges, last in order.
    pub(crate) fn insert(&mut self, id: ResourceId, data: T) -> u32 {
        let rank = self.next_rank;
        self.next_rank += 1;
        let hash = self.hasher.hash_one(&id);
        let vertex = |generation| Vertex {
            id,
            generation,
            preds: Links::default(),
            succs: Links::default(),
            rank,
            data,
        };
        let at = match self.free.pop() {
            Some(at) => {
                let slot = &mut self.slots[at as usize];
                let generation = match slot {
                    Slot::Free { generation } => *generation,
                    Slot::Used(_) => panic!("a free slot is not used"),
                };
                *slot = Slot::Used(vertex(generation));
                at
            }
            None => {
                self.slots.push(Slot::Used(vertex(0)));
                u32::try_from(self.slots.len() - 1).expect("indices fit 32 bits")
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, at, |at| hasher.hash_one(id_in(slots, *at)));
        at
    }

    /// Removes a vertex with its edges and claims; says what its owner kept.
    pub(crate) fn remove(&mut self, at: u32) -> T {
        self.isolate(at);
        self.claims.clear(at);
        self.dropped.forget(at);
        let generation = self.at(at).generation.wrapping_add(1);
        let slot = std::mem::replace(&mut self.slots[at as usize], Slot::Free { generation });
        self.free.push(at);
        let Slot::Used(vertex) = slot else { panic!("the slot {at} is free") };
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(&vertex.id), |have| *have == at) {
            entry.remove();
        }
        vertex.data
    }

    /// Removes all edges of a vertex.
    pub(crate) fn isolate(&mut self, at: u32) {
        let preds: Vec<u32> = self.at(at).preds.iter().map(|link| link.at).collect();
        let succs: Vec<u32> = self.at(at).succs.iter().map(|link| link.at).collect();
        for pred in preds {
            self.put_edge(pred, at, EdgeKinds::NONE);
        }
        for succ in succs {
            self.put_edge(at, succ, EdgeKinds::NONE);
        }
    }

    /// What is between two vertices.
    pub(crate) fn edge(&self, from: u32, to: u32) -> EdgeKinds {
        self.at(from).succs.get(to)
    }

    /// Replaces what is between two vertices, without looking at the order. The change can be undone until it is kept.
    fn put_edge(&mut self, from: u32, to: u32, kinds: EdgeKinds) {
        let before = self.at_mut(from).succs.set(to, kinds);
        self.at_mut(to).preds.set(from, kinds);
        if before != kinds {
            self.undo.push((from, to, before));
        }
    }

    /// How many slots there are, used or not: one more than the highest index.
    pub(crate) fn slots_len(&self) -> usize {
        self.slots.len()
    }

    /// The edges that differ from what was kept last, as they were then; the last change of each comes last.
    pub(crate) fn changed_edges(&self) -> Vec<(u32, u32, EdgeKinds)> {
        self.undo.clone()
    }

    /// Keeps all changes of edges since the last time.
    pub(crate) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Takes back all changes of edges since the last time. The vertices must still be there.
    pub(crate) fn undo(&mut self) {
        let mut gone = Vec::new();
        for (from, to, before) in std::mem::take(&mut self.undo).into_iter().rev() {
            if self.edge(from, to).is_none() {
                gone.push((from, to));
            }
            self.put_edge(from, to, before);
        }
        // Ordering one edge takes it for granted that the others are: those that come back come one after the other.
        let back: Vec<_> = gone
            .into_iter()
            .map(|(from, to)| (from, to, self.edge(from, to)))
            .filter(|(_, _, kinds)| !kinds.is_none())
            .collect();
        for (from, to, _) in &back {
            self.put_edge(*from, *to, EdgeKinds::NONE);
        }
        for (from, to, kinds) in back {
            self.add_edge(from, to, kinds, EdgeKinds::ALL).expect("what was there before had no cycle");
        }
        self.undo.clear();
    }
}
