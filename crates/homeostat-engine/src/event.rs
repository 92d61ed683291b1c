//! Everything that happens is an event; logs, reports, the API and the page are views of this one stream.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_model::{ResourceId, Span};

use crate::resource::Change;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, by the wall clock.
    pub time: SystemTime,
    /// Since the engine started.
    pub since_start: Duration,
    /// Whom it concerns; none for the run as a whole.
    pub id: Option<ResourceId>,
    /// Where whom it concerns is declared, in the texts of the last load; none for what is no longer declared.
    pub origin: Option<Span>,
    /// Why.
    pub cause: Cause,
    /// How much it matters.
    pub severity: Severity,
    /// How long what ended took.
    pub duration: Option<Duration>,
    /// What.
    pub kind: EventKind,
}

/// Why something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It was declared, or declared differently.
    Declared,
    /// An event source reported a change.
    Wake,
    /// A predecessor changed.
    Predecessor,
    /// A received value changed.
    Received,
    /// It failed before.
    Retry,
    /// Its poll interval passed.
    Poll,
    /// Somebody asked.
    Asked,
    /// It was removed from the catalog.
    Removed,
    /// The engine itself.
    Engine,
}

impl Cause {
    /// The word in logs and in the JSON of an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Wake => "wake",
            Self::Predecessor => "predecessor",
            Self::Received => "received",
            Self::Retry => "retry",
            Self::Poll => "poll",
            Self::Asked => "asked",
            Self::Removed => "removed",
            Self::Engine => "engine",
        }
    }
}

/// How much an event matters to whoever watches over hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it should be.
    Info,
    /// Not as declared, or held up, and nothing was broken by us: what a monitor finds, for one.
    Warning,
    /// An attempt failed.
    Error,
}

impl Severity {
    /// The word in the JSON of an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// A catalog or a delta was loaded.
    Loaded {
        /// Resources in the graph now.
        resources: usize,
        /// Added by this load.
        added: usize,
        /// Declared differently than before.
        changed: usize,
        /// Removed.
        removed: usize,
    },
    /// A resource was changed, to these properties.
    Changed(Vec<Change>),
    /// A resource would be changed, but only reports.
    WouldChange(Vec<Change>),
    /// A resource with `noop` is in order again after so long.
    DriftEnded {
        /// How long it was different.
        lasted: Duration,
    },
    /// A resource was refreshed.
    Refreshed,
    /// A resource would be refreshed, but only reports.
    WouldRefresh,
    /// An attempt failed.
    Failed {
        /// Why.
        error: Arc<str>,
        /// Which attempt it was.
        attempt: u32,
        /// When it is tried again by itself.
        retry_in: Option<Duration>,
    },
    /// A resource that had failed is in order.
    Recovered,
    /// A resource cannot start since others failed.
    Blocked {
        /// Who.
        by: Vec<ResourceId>,
    },
    /// A resource cannot start before something outside happens.
    Waiting {
        /// What.
        on: Arc<str>,
    },
    /// Somebody else keeps changing the same thing; repairs are slowed down.
    Flapping {
        /// Repairs within the window.
        repairs: u32,
        /// The window.
        window: Duration,
    },
    /// Repairs are no longer slowed down.
    Calm,
    /// A resource left the graph.
    Removed,
    /// Nothing is running and nothing could be started.
    Settled(Totals),
    /// Something worth saying that concerns the run as a whole.
    Note(Arc<str>),
}

impl EventKind {
    /// How much it matters. What would change is why a dry run is made, and news only of a resource that only reports.
    pub fn severity(&self, monitors: bool) -> Severity {
        match self {
            Self::Failed { .. } => Severity::Error,
            Self::WouldChange(_) if monitors => Severity::Warning,
            Self::Blocked { .. } | Self::Waiting { .. } | Self::Flapping { .. } => Severity::Warning,
            Self::WouldChange(_)
            | Self::Loaded { .. }
            | Self::Changed(_)
            | Self::DriftEnded { .. }
            | Self::Refreshed
            | Self::WouldRefresh
            | Self::Recovered
            | Self::Calm
            | Self::Removed
            | Self::Settled(_)
            | Self::Note(_) => Severity::Info,
        }
    }

    /// The word in logs and in the JSON of an event.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Loaded { .. } => "loaded",
            Self::Changed(_) => "changed",
            Self::WouldChange(_) => "would_change",
            Self::DriftEnded { .. } => "drift_ended",
            Self::Refreshed => "refreshed",
            Self::WouldRefresh => "would_refresh",
            Self::Failed { .. } => "failed",
            Self::Recovered => "recovered",
            Self::Blocked { .. } => "blocked",
            Self::Waiting { .. } => "waiting",
            Self::Flapping { .. } => "flapping",
            Self::Calm => "calm",
            Self::Removed => "removed",
            Self::Settled(_) => "settled",
            Self::Note(_) => "note",
        }
    }
}

/// How a resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not looked at yet, or something is running.
    Pending,
    /// In order, and never had to be changed.
    Unchanged,
    /// In order after a change.
    Changed,
    /// The last attempt failed.
    Failed,
    /// A predecessor failed.
    Blocked,
    /// Something outside must happen first.
    Waiting,
    /// Different, and only reported.
    WouldChange,
    /// Hidden, or of another host.
    Skipped,
}

/// Resources by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// All of them.
    pub resources: usize,
    /// In order, never changed.
    pub unchanged: usize,
    /// In order after a change.
    pub changed: usize,
    /// Failed.
    pub failed: usize,
    /// Blocked.
    pub blocked: usize,
    /// Waiting.
    pub waiting: usize,
    /// Only reported.
    pub would_change: usize,
    /// Skipped.
    pub skipped: usize,
}

impl Totals {
    /// Counts one resource.
    pub fn count(&mut self, outcome: Outcome) {
        self.resources += 1;
        if let Some(count) = self.of(outcome) {
            *count += 1;
        }
    }

    /// Takes one resource out of the count.
    pub(crate) fn discount(&mut self, outcome: Outcome) {
        self.resources -= 1;
        if let Some(count) = self.of(outcome) {
            *count -= 1;
        }
    }

    fn of(&mut self, outcome: Outcome) -> Option<&mut usize> {
        match outcome {
            Outcome::Pending => None,
            Outcome::Unchanged => Some(&mut self.unchanged),
            Outcome::Changed => Some(&mut self.changed),
            Outcome::Failed => Some(&mut self.failed),
            Outcome::Blocked => Some(&mut self.blocked),
            Outcome::Waiting => Some(&mut self.waiting),
            Outcome::WouldChange => Some(&mut self.would_change),
            Outcome::Skipped => Some(&mut self.skipped),
        }
    }
}
