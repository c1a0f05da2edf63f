//! Gives freed memory back to the system.

/// Gives the memory that was freed back to the system. The C library keeps it for later allocations otherwise: after a burst
/// of connections tens of MiB, until the program ends. Takes some milliseconds per 100 MiB; do not call it on a runtime thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no crate wraps malloc_trim")]
pub fn release() {
    // SAFETY: malloc_trim(3) has no preconditions and takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The other systems' allocators give it back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn release() {}
