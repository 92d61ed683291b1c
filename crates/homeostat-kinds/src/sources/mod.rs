//! The event sources of this operating system.
