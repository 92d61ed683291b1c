//! Programs that run: what they desire, now and after the world has said something else.

#[path = "../common/kinds.rs"]
mod kinds;
mod generator;
mod oracle;
mod programs;
mod rig;
