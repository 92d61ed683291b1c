//! What operations of programs do. Each form is small; what it builds when it decides something is in [`super::build`].
//!
//! A *control* decides what there is below it and gives its results as inputs to its *join*, which has the value. The control
//! is lower than what it builds, and that is lower than the join; so nothing runs that is about to go, and nobody sees a
//! result that belongs to a former decision.

mod call;
mod check;
mod collect;
mod comprehension;
mod declared;
mod each;
mod edge;
mod except;
mod field;
mod fold;
mod forward;
mod left_out;
mod library;
mod make;
mod params;
mod reconcile;
mod resource;
mod statement;
mod switch;

pub(super) use call::{Closure, Dynamic};
pub(super) use check::{Check, Require};
pub(super) use collect::{Collect, wanted};
pub(super) use comprehension::Comprehension;
pub(super) use each::Each;
pub(super) use edge::EdgeStatement;
pub(super) use except::Except;
pub(super) use field::FieldAccess;
pub(super) use fold::Fold;
pub(super) use forward::Forward;
pub(super) use left_out::LeftOut;
pub(super) use library::LibraryCall;
pub(super) use make::{Form, Make, Part};
pub(super) use resource::ResourceStatement;
pub(super) use statement::{Branch, Loop};
pub(super) use switch::Switch;
