//! What the binary asks of the engine, in one place.

use std::io;
use std::sync::Arc;

use homeostat_engine::Source;
use homeostat_kinds::sources::{Customs, Inotify, InotifyOptions, StoreSource, Timers};

pub(crate) use homeostat_engine::{
    EdgeView, Engine, EngineHandle, EngineOptions, EventSink, GraphView, Mode, Plan, Planned, Progress, Stop,
    VertexStatus, plan,
};

/// The event sources of this operating system.
pub(crate) fn sources() -> io::Result<Vec<Arc<dyn Source>>> {
    Ok(vec![
        Arc::new(Inotify::new(InotifyOptions::default())?),
        Arc::new(Timers::default()),
        Arc::new(StoreSource::default()),
        Arc::new(Customs::default()),
    ])
}
