//! What every other crate speaks about: names, values, schemas, catalogs and their deltas, spans and diagnostics.
//!
//! Invariant: plain data. Nothing here does input or output, starts a task, or knows a clock, an operating system
//! or a terminal. The same bytes in give the same bytes out, in the same order.
#![warn(missing_docs)]

pub mod catalog;
pub mod circle;
pub mod codes;
pub mod collect;
pub mod delta;
pub mod diagnostic;
pub mod digest;
pub mod hosts;

pub mod meta;
pub mod name;
pub mod params;
pub mod schema;
pub mod span;
pub mod suggest;
pub mod value;

pub use catalog::{Catalog, EdgeDecl, ResourceDecl, SendDecl};
pub use delta::CatalogDelta;
pub use diagnostic::{Diagnostic, Label, Severity, Stage};
pub use digest::Digest;
pub use meta::Meta;
pub use name::{KindName, ResourceId};
pub use params::Params;
pub use schema::{KindSchema, ParamSchema, Type};
pub use span::{SourceId, SourceMap, Span};
pub use value::Value;
