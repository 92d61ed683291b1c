//! Programs that run: what they desire, now and after the world has said something else.

mod generator;
mod independent;
#[path = "../common/kinds.rs"]
mod kinds;
mod oracle;
mod programs;
mod rig;
mod running;
