//! The event sources of this operating system.

mod custom;
mod inotify;
mod store;
#[cfg(test)]
mod testing;
mod timer;

pub use custom::Customs;
pub use inotify::{Inotify, InotifyOptions};
pub use store::StoreSource;
pub use timer::Timers;
