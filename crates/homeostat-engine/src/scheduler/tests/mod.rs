//! The scheduler against a scripted world: random schedules that check the invariants at every step, and small stories.

mod begins;
mod elsewhere;
mod ends;
mod random;
mod rest;
mod stories;
mod text;
mod world;
