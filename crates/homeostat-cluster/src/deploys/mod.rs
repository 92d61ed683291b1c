//! Releases: what an operator signs, and how each host takes it without anybody in charge.
//!
//! Owns the form of a release (its manifest, its signature, its files), where it lies in the store and below a prefix, and the
//! decision of a host whether it may take it now. It knows nothing of catalogs: what is in the files is for others to read.
//!
//! Invariants: nothing of a release is read before its signature, its cluster and its number are checked, and no file of it is used
//! before its hash is; what does not check changes nothing. Numbers only grow on a host. A number is given once, as
//! long as somebody who knows it is seen; a host tells one that was given twice by what it took.
//!
//! The way of a release: files → [`Draft`] → [`publish`] (a number, a signature, the store) → [`Follower`] (checked,
//! decided by [`rollout`], its large files brought by [`blobs`], put on the [`Shelf`]) → whoever runs it.

mod aside;
pub mod blobs;
mod chain;
mod draft;
mod follow;
mod guide;
mod lead;
mod manifest;
mod numbers;
mod operators;
mod others;
mod path;
pub mod rollout;
mod shelf;
mod signed;
mod stock;
mod store;
mod watcher;

pub use draft::{Body, Content, Draft, DraftError};
pub use follow::{Follower, Offer, Party};
#[cfg(feature = "testing")]
pub(crate) use lead::lead_written_again;
pub use manifest::{
    Amount, FILES_MAX, FileEntry, Hash, Manifest, ManifestError, RELEASE_BYTES_MAX, Rollout, STORE_BYTES_MAX,
};
pub use operators::{Roster, RosterError, current_roster, publish_roster};
pub use path::{BundlePath, NotABundlePath};
pub use shelf::{Ledger, Shelf, ShelfError, Shelved};
pub use signed::{OperatorKey, Untrusted};
#[cfg(feature = "testing")]
pub(crate) use store::piece_written_again;
pub use store::{
    FetchError, KEPT, Large, PublishError, ReleaseError, Stored, Terms, fetch, prune, publish, releases,
};

#[cfg(test)]
mod tests;
