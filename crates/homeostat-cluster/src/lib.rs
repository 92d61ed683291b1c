//! What hosts share: the store in etcd, and the members that run it.
//!
//! Owns everything that speaks to etcd. It knows the traits of the engine and nothing of kinds, front ends, command lines or
//! terminals; nobody else names etcd.
//!
//! Start reading at [`etcd`], then [`members`].
#![warn(missing_docs)]

pub mod etcd;
pub mod members;
mod pace;
#[cfg(feature = "testing")]
pub mod testing;

pub use etcd::{EtcdOptions, EtcdStore, Identity, OptionsError, Times};
