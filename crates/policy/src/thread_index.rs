//! A number for each thread, for data that is kept per thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The calling thread's number. Threads are counted from 0 in the order of their first call.
pub fn current() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static INDEX: Cell<Option<usize>> = const { Cell::new(None) });
    INDEX.with(|index| {
        index.get().unwrap_or_else(|| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            index.set(Some(number));
            number
        })
    })
}
