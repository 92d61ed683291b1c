//! The allocator of the program.
//!
//! Jobs are made on one thread and end on another, thousands at once, for which the system's allocator takes locks. Large pages are
//! left to the system: to ask for them costs an agent with little to do ten megabytes, and brings one with much to do nothing.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Gives back to the system what only something large needed that is over.
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: the call takes no pointers, may be made at any time, and only returns free pages to the system.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
