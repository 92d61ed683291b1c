//! What hosts share: the store in etcd, the members that run it, and what hosts tell each other through it.
//!
//! Owns everything that speaks to etcd, the exchange of resources, releases, the summaries of hosts, and what they say of their
//! vertices. It knows the traits of the engine
//! and nothing of kinds, front ends, command lines or terminals; nobody else names etcd. What hosts tell each other works with any
//! store.
//!
//! Start reading at [`etcd`], [`members`], [`exchange`] and [`deploys`].
#![warn(missing_docs)]

pub mod deploys;
pub mod etcd;
pub mod exchange;
pub mod identity;
pub mod join;
pub mod members;
#[cfg(test)]
mod overheard;
mod pace;
mod past;
pub mod presence;
#[cfg(test)]
mod rewound;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
pub mod vertices;

pub use etcd::{EtcdOptions, EtcdStore, Identity, OptionsError, Times};
