//! Edges: between two vertices there is one, which may have several reasons.

use smallvec::SmallVec;

/// The reasons for an edge, and what it does besides ordering. No reason: no edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct EdgeKinds(u8);

impl EdgeKinds {
    pub(crate) const NONE: Self = Self(0);
    /// Declared.
    pub(crate) const DECLARED: Self = Self(1);
    /// A change refreshes; only with `DECLARED`.
    pub(crate) const NOTIFY: Self = Self(2);
    /// A value is sent.
    pub(crate) const SEND: Self = Self(4);
    /// Follows from claims.
    pub(crate) const AUTO: Self = Self(8);
    pub(crate) const ALL: Self = Self(15);
    /// Those that a user can be blamed for.
    pub(crate) const EXPLICIT: Self = Self(7);

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// One end of an edge, as the other end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) at: u32,
    pub(crate) kinds: EdgeKinds,
}

/// The edges of a vertex in one direction, in the order of the indices at their other ends.
#[derive(Debug, Default)]
pub(crate) struct Links(SmallVec<[Link; 1]>);

impl Links {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Link> + ExactSizeIterator {
        self.0.iter().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The link at a position, for whoever goes through them in several steps.
    pub(crate) fn nth(&self, position: usize) -> Option<Link> {
        self.0.get(position).copied()
    }

    pub(crate) fn get(&self, at: u32) -> EdgeKinds {
        match self.find(at) {
            Ok(position) => self.0[position].kinds,
            Err(_) => EdgeKinds::NONE,
        }
    }

    /// Says what was there before.
    pub(super) fn set(&mut self, at: u32, kinds: EdgeKinds) -> EdgeKinds {
        match self.find(at) {
            Ok(position) if kinds.is_none() => self.0.remove(position).kinds,
            Ok(position) => std::mem::replace(&mut self.0[position].kinds, kinds),
            Err(_) if kinds.is_none() => EdgeKinds::NONE,
            Err(position) => {
                self.0.insert(position, Link { at, kinds });
                EdgeKinds::NONE
            }
        }
    }

    fn find(&self, at: u32) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.at < at => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&at, |link| link.at),
        }
    }
}
