//! From the tree to operations.
//!
//! What is built is what is needed: a variable becomes an operation when the first expression that is built uses it. What is
//! decided while the program runs (which branch, which elements, which function) is built by the operations that decide it.
//! The depth of what is built is bounded by nothing but the program, so every expression makes sure that there is stack left.

mod call;
mod expr;
mod statement;

pub(super) use call::{argument_exprs, call};
pub(super) use expr::{arm, expr, switch, too_large};
pub(super) use statement::{Body, branch};
