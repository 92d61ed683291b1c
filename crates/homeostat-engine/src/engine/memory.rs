//! Giving memory back.

/// Resources above which it is worth it.
const LARGE: usize = 10_000;

/// After a large load: gives back what only the loading needed. The allocator would keep it for itself, next to what stays.
pub(super) fn give_back(loaded: usize) {
    if loaded >= LARGE {
        trim();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn trim() {
    // SAFETY: the call takes no pointers, may be made at any time, and only returns free pages to the system.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
