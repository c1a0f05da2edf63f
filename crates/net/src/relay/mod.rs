//! Moves bytes between the client and the far end until both have said all, or one breaks.
//!
//! A relay is one small future that waits for readiness first and borrows memory from its thread only while bytes move.
//! It has no timer: idle connections are the ledger's business, which cancels through the [`Meter`].

mod buffers;
mod copy;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::{Meter, Stream};

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
    /// [`Meter::poll_cancelled`] said so.
    Cancelled,
}

/// The future of one tunnel. Dropping it closes both sides.
pub struct Relay<'a, M> {
    meter: &'a M,
    road: Road,
}

enum Road {
    Copy(copy::Copy),
}

/// Relays until the end. `early` goes before anything that is read.
pub fn relay<M: Meter>(
    client: impl Into<Stream>,
    far: impl Into<Stream>,
    early: Early,
    meter: &M,
) -> Relay<'_, M> {
    Relay {
        meter,
        road: Road::Copy(copy::Copy::new(client.into(), far.into(), early)),
    }
}

impl<M: Meter> Future for Relay<'_, M> {
    type Output = RelayEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RelayEnd> {
        if self.meter.poll_cancelled(cx).is_ready() {
            return Poll::Ready(RelayEnd::Cancelled);
        }
        let this = &mut *self;
        match &mut this.road {
            Road::Copy(copy) => copy.poll(cx, this.meter),
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
