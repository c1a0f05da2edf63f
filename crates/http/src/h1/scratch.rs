//! The parsed heads of a request and its response.

use super::pooled::{Pool, Reused};
use crate::exchange::Observed;
use crate::head::scan::Scan;
use crate::head::{RequestHead, ResponseHead};

thread_local! {
    static POOL: Pool<Scratch> = const { Pool::new(Vec::new()) };
}

#[derive(Default)]
pub struct Scratch {
    pub head: RequestHead,
    pub scan: Scan,
    /// The request's URL in normal form.
    pub url: String,
    /// The host of the page that caused the request.
    pub page: String,
    pub reply: ResponseHead,
    pub observed: Observed,
}

impl Reused for Scratch {
    fn pool() -> &'static std::thread::LocalKey<Pool<Self>> {
        &POOL
    }

    fn clear(&mut self) {
        self.scan = Scan::default();
    }
}
