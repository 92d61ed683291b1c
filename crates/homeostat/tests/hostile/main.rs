//! The real binary where the world is against it: it is killed, disks are full, others fight over the same files.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod clock;
mod commands;
mod demos;
mod denied;
mod editors;
mod fights;
mod full;
mod kills;
mod overflow;
mod rig;
mod vectors;
mod watches;
