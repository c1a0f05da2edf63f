//! What is parsed of one request and its response: memory that the requests of a thread use again.

use crate::exchange::Observed;
use crate::h1::pooled::{Pool, Reused};
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
