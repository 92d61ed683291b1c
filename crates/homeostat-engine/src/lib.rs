//! The engine: takes catalogs and deltas, and makes a host what they say, in parallel and for as long as it runs.
//!
//! Owns the traits that kinds, sources and stores implement; the graph; the scheduler; the embedded store; and [`Host`],
//! the one door to the operating system. It knows no kind, no front end, no etcd, no terminal.
//!
//! Start reading at [`scheduler`]: a state machine without input or output that decides everything. [`Engine`] drives it.
#![warn(missing_docs)]

pub mod durable;
mod engine;
pub mod event;
mod graph;
pub mod host;
pub mod journal;
pub mod registry;
pub mod resource;
mod scheduler;
pub mod source;
pub mod store;

pub use engine::{
    EdgeView, Engine, EngineHandle, EngineOptions, EventSink, GraphView, LoadSummary, Mode, Plan, Planned,
    Progress, Stands, Stop, VertexStatus, plan,
};
pub use event::{Cause, Event, EventKind, Outcome};
pub use host::Host;
pub use journal::{Former, Intent, Journal, Record, Recorded, Undo};
pub use registry::{Kind, Registry};
pub use resource::{
    Applied, Causes, Change, Check, Claim, Context, Description, Drift, Failure, Looks, Need, NoDrift,
    Obstacle, Outputs, ParamError, Reach, Resource,
};
pub use source::{AbsPath, Depth, Source, VertexKey, Wakes, Watch};
pub use store::{EmbeddedStore, Store};
