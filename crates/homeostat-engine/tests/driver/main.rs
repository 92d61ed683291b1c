//! The engine in motion, with scripted kinds and paused time.

#![allow(clippy::unwrap_used)]

mod known;
mod panics;
mod plan;
mod rules;
mod scale;
mod script;
