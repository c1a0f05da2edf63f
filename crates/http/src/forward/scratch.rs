//! The memory that a request needs while it runs, from the thread's pool: an idle connection holds none of it.

use std::cell::RefCell;

use crate::body::pump::Pump;
use crate::head::scan::Scan;
use crate::head::{RequestHead, ResponseHead};

/// Free sets that a thread keeps.
const SPARE: usize = 64;
/// Longer vectors are not kept.
const KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    #[expect(clippy::vec_box, reason = "the boxes go to connections and come back")]
    static POOL: RefCell<Vec<Box<Scratch>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
pub struct Scratch {
    pub head: RequestHead,
    pub scan: Scan,
    /// The request's URL in normal form: host in lower case, without the default port.
    pub url: Vec<u8>,
    /// The host of the page that caused the request; empty where the request does not name it.
    pub page: Vec<u8>,
    pub reply: ResponseHead,
    pub reply_scan: Scan,
    /// From the client to the origin.
    pub up: Pump,
    /// From the origin to the client.
    pub down: Pump,
}

/// A [`Scratch`] that goes back to the thread's pool when it is dropped.
pub struct PooledScratch(Option<Box<Scratch>>);

impl PooledScratch {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn get(&mut self) -> &mut Scratch {
        self.0.get_or_insert_with(|| {
            let mut scratch = POOL.with_borrow_mut(Vec::pop).unwrap_or_default();
            scratch.scan = Scan::default();
            scratch.reply_scan = Scan::default();
            scratch
        })
    }

    pub fn give_back(&mut self) {
        let Some(mut scratch) = self.0.take() else {
            return;
        };
        scratch.up.stop(KEPT_BYTES);
        scratch.down.stop(KEPT_BYTES);
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && pool.len() < SPARE
            {
                pool.push(scratch);
            }
        });
    }
}

impl Drop for PooledScratch {
    fn drop(&mut self) {
        self.give_back();
    }
}
