//! The kinds, one file each, and the event sources of this operating system.
//!
//! Adding a kind touches its own file, its `mod` line and its line in [`KINDS`]; nothing else.

pub mod kinds;
pub mod sources;
#[cfg(test)]
mod testing;

pub use kinds::KINDS;

#[cfg(test)]
mod test_host;
