//! `golang`: what Go's standard library offers to programs.
//!
//! Text is always UTF-8: what would give other bytes is an error.

pub(super) mod format;
pub(super) mod html;
pub(super) mod math;
pub(super) mod os;
pub(super) mod path;
pub(crate) mod quote;
pub(super) mod rand;
pub(super) mod runtime;
pub(super) mod strconv;
pub(super) mod strings;
pub(super) mod template;
