//! The client's side of an exchange.

use std::io;
use std::task::{Context, Poll};

use crate::body::{BodySink, BodySource};
use crate::head::ResponseHead;
use crate::headers::response::{ResponseRewrite, StoredResponse};

/// One request of a client, whichever version of HTTP carries it.
pub trait Downstream: Send {
    type Source<'a>: BodySource
    where
        Self: 'a;
    type Sink<'a>: BodySink
    where
        Self: 'a;
    type Watch<'a>: ClientWatch
    where
        Self: 'a;

    /// Whether the client speaks HTTP/2.
    const HTTP_2: bool;

    /// The bytes that the request's head points into.
    fn head_bytes(&self) -> &[u8];

    /// These bytes, and the watch on the client that may run while they are used.
    fn head_and_watch(&mut self) -> (&[u8], Self::Watch<'_>);

    /// Keeps the head apart from the bytes behind it, so that the body can be read while the head is needed.
    fn detach_head(&mut self);

    /// Says that [`Self::head_bytes`] is not needed again. May be said twice.
    fn release_head(&mut self);

    /// Limits the request's body to `most` bytes; a longer one fails with [`BodyError::TooLarge`](crate::body::BodyError).
    fn limit_body(&mut self, most: u64);

    /// The request's body.
    fn source(&mut self) -> Self::Source<'_>;

    /// The response.
    fn sink(&mut self) -> Self::Sink<'_>;

    /// Queues the head of a response, interim or final. `bytes`: what it points into. Returns its size, as it is counted.
    fn start_response(
        &mut self,
        response: &ResponseHead,
        bytes: &[u8],
        rewrite: &ResponseRewrite<'_>,
    ) -> u64;

    /// Queues the head of an answer from the cache. Returns its size, as it is counted.
    fn start_stored(&mut self, head: &StoredResponse<'_>) -> u64;

    /// Sends a whole response that was made here. `false`: the client is gone or too slow.
    fn send(&mut self, response: &[u8]) -> impl Future<Output = bool> + Send;

    /// Sends the success response to CONNECT. `false`: the client is gone or too slow.
    fn accept_tunnel(&mut self) -> impl Future<Output = bool> + Send;

    /// Reads and drops the rest of a refused request's body, of at most `left` bytes. `false`: it did not end in time.
    fn drain(&mut self, left: u64) -> impl Future<Output = bool> + Send;

    /// Bytes behind the head that were received already, for a tunnel.
    fn take_preread(&mut self) -> bytes::Bytes;

    /// Makes an incomplete response look incomplete, where only that tells the client.
    fn reset(&mut self);
}

/// Notices that a client has given up.
pub trait ClientWatch: Send {
    /// Ready once the client has given up. An end of its stream is no such thing.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error>;
}

/// Runs a future until it is ready, or until the client has given up: then it is dropped.
///
/// # Errors
/// The client's connection.
pub async fn unless_gone<W: ClientWatch, T>(
    mut client: W,
    future: impl Future<Output = T>,
) -> Result<T, io::Error> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        client.poll_gone(cx).map(Err)
    })
    .await
}
