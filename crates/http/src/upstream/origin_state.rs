//! What a connection to an origin needs while a request runs on it.

use std::thread::LocalKey;

use crate::h1::pooled::{Pool, Reused};
use crate::h1::reader::BodyReader;
use crate::h1::writer::{KEPT_BYTES, MessageWriter, OutputFraming};
use crate::head::scan::Scan;
use crate::head::{BodyLength, RequestHead};
use crate::headers::request::{self, RequestRewrite};

thread_local! {
    static POOL: Pool<OriginState> = const { Pool::new(Vec::new()) };
}

/// What one request needs to be sent and its response to be received.
#[derive(Default)]
pub struct OriginState {
    pub(super) writer: MessageWriter,
    pub(super) reader: BodyReader,
    pub(super) scan: Scan,
}

impl OriginState {
    /// Queues a request. Returns the size of its head.
    pub fn start(&mut self, head: &RequestHead, bytes: &[u8], rewrite: &RequestRewrite<'_>) -> u64 {
        let framing = match head.body {
            BodyLength::Chunked => OutputFraming::Chunked,
            _ => OutputFraming::Plain,
        };
        self.scan = Scan::default();
        self.writer
            .start(framing, |out| request::write(out, head, bytes, rewrite))
    }
}

impl Reused for OriginState {
    fn pool() -> &'static LocalKey<Pool<Self>> {
        &POOL
    }

    fn clear(&mut self) {
        self.writer.stop(KEPT_BYTES);
        self.reader.start(BodyLength::None);
        self.scan = Scan::default();
    }
}
