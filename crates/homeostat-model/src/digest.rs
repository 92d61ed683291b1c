//! Telling changed from unchanged, quickly.

use std::fmt;
use std::hash::Hash;

use siphasher::sip128::{Hasher128, SipHasher13};

/// 128 bits over everything that makes a declared resource what it is. Equal declarations have equal digests, in every
/// process; it is no defence against somebody who constructs collisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u64; 2]);

impl Digest {
    /// The digest of anything hashable.
    pub fn of(value: &impl Hash) -> Self {
        let mut hasher = SipHasher13::new();
        value.hash(&mut hasher);
        let hash = hasher.finish128();
        Self([hash.h1, hash.h2])
    }

    /// Its two halves, for keeping it; [`Self::from_halves`] puts them together again.
    pub fn halves(self) -> (u64, u64) {
        (self.0[0], self.0[1])
    }

    /// The digest of these halves.
    pub fn from_halves((first, second): (u64, u64)) -> Self {
        Self([first, second])
    }
}

impl fmt::LowerHex for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:016x}{low:016x}")
    }
}
