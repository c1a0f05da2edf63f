//! Moves bytes between the client and the far end until both have said all, or one breaks.
//!
//! A relay is one small future that borrows memory from its thread only while bytes move: a buffer for the first and
//! for small chunks, and on Linux a pipe once a direction has shown that it carries much ([`pipes`]). It has no timer:
//! idle connections are the connection log's business, which cancels through the [`Meter`].

mod buffers;
mod direction;
#[cfg(target_os = "linux")]
mod pipes;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::{Meter, Stream};
use direction::{Broken, Direction};

/// Bytes that were read with the handshakes and belong to the tunnel: they go first.
#[derive(Debug, Default)]
pub struct Early {
    /// From the client to the far end.
    pub up: Bytes,
    /// From the far end to the client: [`crate::Dialed::prefix`].
    pub down: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Far,
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayEnd {
    /// Both sides said that they are done.
    Finished,
    /// This side broke the connection; the other one was reset too.
    Broken { side: Side, error: io::ErrorKind },
    /// [`Meter::poll_cancelled`] said so; both sides were reset, as neither said that it was done.
    Cancelled,
}

/// The future of one tunnel. Dropping it closes both sides.
pub struct Relay<'a, M> {
    meter: &'a M,
    client: Stream,
    far: Stream,
    up: Direction,
    down: Direction,
}

/// Relays until the end. `early` goes before anything that is read.
pub fn relay<M: Meter>(
    client: impl Into<Stream>,
    far: impl Into<Stream>,
    early: Early,
    meter: &M,
) -> Relay<'_, M> {
    let (client, far) = (client.into(), far.into());
    let bare = matches!((&client, &far), (Stream::Tcp(_), Stream::Tcp(_)));
    Relay {
        meter,
        up: Direction::new(early.up, bare),
        down: Direction::new(early.down, bare),
        client,
        far,
    }
}

impl<M: Meter> Future for Relay<'_, M> {
    type Output = RelayEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RelayEnd> {
        let this = &mut *self;
        if this.meter.poll_cancelled(cx).is_ready() {
            reset(&this.client);
            reset(&this.far);
            return Poll::Ready(RelayEnd::Cancelled);
        }
        let meter = this.meter;
        let last = this.down.is_done();
        let up = this
            .up
            .poll(cx, &mut this.client, &mut this.far, last, |bytes| {
                meter.up(bytes)
            });
        if let Poll::Ready(Err(broken)) = up {
            return Poll::Ready(this.broken(broken, Side::Client, Side::Far));
        }
        let last = this.up.is_done();
        let down = this
            .down
            .poll(cx, &mut this.far, &mut this.client, last, |bytes| {
                meter.down(bytes)
            });
        if let Poll::Ready(Err(broken)) = down {
            return Poll::Ready(this.broken(broken, Side::Far, Side::Client));
        }
        if up.is_ready() && down.is_ready() {
            Poll::Ready(RelayEnd::Finished)
        } else {
            Poll::Pending
        }
    }
}

impl<M> Relay<'_, M> {
    fn broken(&self, broken: Broken, source: Side, sink: Side) -> RelayEnd {
        let (side, error) = match broken {
            Broken::Source(error) => (source, error),
            Broken::Sink(error) => (sink, error),
        };
        match side {
            Side::Client => reset(&self.far),
            Side::Far => reset(&self.client),
        }
        RelayEnd::Broken {
            side,
            error: error.kind(),
        }
    }
}

/// Makes the close of this side a reset, so that its peer learns that the stream did not end well.
fn reset(stream: &Stream) {
    if let Stream::Tcp(stream) = stream {
        // A socket that is gone already needs no reset.
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}

#[cfg(test)]
mod tests;
