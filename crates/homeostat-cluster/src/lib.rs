//! What hosts share: the store in etcd.
//!
//! Owns everything that speaks to etcd. It knows the traits of the engine and nothing of kinds, front ends, command lines or
//! terminals; nobody else names etcd.
//!
//! Start reading at [`etcd`].
#![warn(missing_docs)]

pub mod etcd;
pub mod identity;
pub mod join;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;

pub use etcd::{EtcdOptions, EtcdStore, Identity, OptionsError, Times};
