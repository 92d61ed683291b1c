//! The clock, so that tests can make it jump.

use std::time::SystemTime;

/// Tells the time of day. Whatever waits uses monotonic time and does not care.
pub trait Clock: Send + Sync + 'static {
    /// Now, by the wall clock, which may jump.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
