//! The origin's side of an exchange.

use std::io;
use std::task::{Context, Poll};

use crate::body::{BodySink, BodySource};
use crate::head::response::BadResponse;
use crate::head::{BodyLength, ResponseHead};

/// One request on a leased connection to an origin, whichever version of HTTP it speaks. The request's head is queued.
pub trait Upstream: Send {
    type Source<'a>: BodySource
    where
        Self: 'a;
    type Sink<'a>: BodySink
    where
        Self: 'a;

    /// The request.
    fn sink(&mut self) -> Self::Sink<'_>;

    /// The response's body.
    fn source(&mut self) -> Self::Source<'_>;

    /// Receives more of a response's head. `0`: the connection ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Parses a response's head from what was received. `false`: there is none yet.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse_head(&mut self, response: &mut ResponseHead) -> Result<bool, BadResponse>;

    /// The bytes that a response's head points into.
    fn head_bytes(&self) -> &[u8];

    /// The whole body of a response whose head was parsed, where it has arrived and is not framed.
    fn whole_body(&self, _: &ResponseHead, _: BodyLength) -> Option<&[u8]> {
        None
    }

    /// Drops the parsed head.
    fn consume_head(&mut self, response: &ResponseHead);

    /// Bytes that were received and not used yet.
    fn unused(&self) -> usize;

    /// Starts the body that follows the head.
    fn start_body(&mut self, length: BodyLength);
}
