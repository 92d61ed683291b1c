//! The event sources of this operating system.

mod inotify;

pub use inotify::{Inotify, InotifyOptions};
