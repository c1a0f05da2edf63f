//! Buffers that the tunnels of a thread share: borrowed while bytes move, returned empty.

use std::cell::RefCell;

/// Bytes per buffer.
pub(super) const SIZE: usize = 64 * 1024;
/// Free buffers that a thread keeps; more are freed.
const KEPT: usize = 16;

pub(super) type Buffer = Box<[u8]>;

thread_local! {
    static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn borrow() -> Buffer {
    FREE.with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; SIZE].into_boxed_slice())
}

/// Frees the calling thread's free buffers.
pub(super) fn free() {
    FREE.with_borrow_mut(|free| *free = Vec::new());
}

pub(super) fn give_back(buffer: Buffer) {
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
}
