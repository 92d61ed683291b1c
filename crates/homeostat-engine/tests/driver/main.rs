//! The engine in motion, with scripted kinds and paused time.

mod plan;
mod rules;
mod scale;
mod script;
