//! Large files of releases: they travel from host to host, not through the store.
//!
//! Owns where they lie below a prefix ([`Depot`]), what hosts tell each other of that ([`Holder`]), and how a host gets what it
//! lacks ([`Gatherer`]). How bytes come from another host is for others to say ([`Courier`]).
//!
//! Invariants: nothing is taken in that no verified release names, nor more of it than that says; a file is there under its hash
//! whole and verified, or not at all; whoever lies, stalls, stops or dies costs an attempt, and the next one is asked; what somebody
//! gives unasked never holds up what this host fetches.

mod coming;
mod depot;
mod gather;
mod holder;
pub mod part;
mod pieces;
mod reception;

pub(super) use depot::Named;
pub use depot::{Depot, DepotError, Wanted};
pub use gather::{Courier, Peers};
pub(super) use gather::{GatherError, Gatherer};
pub use holder::{Holder, holders};
pub use pieces::Pieces;
pub use reception::{Patience, Reception, ReceptionError};

#[cfg(test)]
mod tests;
