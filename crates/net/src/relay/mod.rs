//! Moves bytes between a client and a destination until both directions ended or one side failed.
//!
//! A relay is one small future that borrows memory from its thread only while bytes move: a buffer for small chunks,
//! and on Linux a pipe for bulk traffic ([`pipes`]). It has no timer: the connection log closes idle connections
//! through [`Meter::poll_cancelled`].

mod buffers;
mod direction;
mod early_close;
#[cfg(target_os = "linux")]
mod pipes;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::{Meter, Stream};
use direction::{CopyMode, Direction, DirectionError, DirectionState};
use early_close::{ClientClose, EarlyClose};

/// Frees the buffers and pipes that the calling thread keeps for its tunnels.
pub fn free_buffers() {
    buffers::free();
    #[cfg(target_os = "linux")]
    pipes::free();
}

/// Bytes that were read together with the handshakes and belong to the tunnel. They are sent first.
#[derive(Debug, Default)]
pub struct Preread {
    /// From the client to the destination.
    pub up: Bytes,
    /// From the destination to the client: [`crate::Connected::preread`].
    pub down: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Destination,
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayOutcome {
    /// Both sides ended their stream.
    Finished,
    /// This side failed; the other one was reset too.
    Broken { side: Side, error: io::ErrorKind },
    /// [`Meter::poll_cancelled`] completed; both sides were reset, since neither had ended its stream.
    Cancelled,
}

/// One tunnel. Dropping it closes both sides.
pub struct Relay<M> {
    meter: M,
    client: Stream,
    destination: Stream,
    up: Direction,
    down: Direction,
    early_close: Option<Box<EarlyClose>>,
}

/// Relays until the end. `preread` is sent before anything that is read.
pub fn relay<M: Meter>(
    client: impl Into<Stream>,
    destination: impl Into<Stream>,
    preread: Preread,
    meter: M,
) -> Relay<M> {
    let (client, destination) = (client.into(), destination.into());
    let mode = CopyMode::between(&client, &destination);
    Relay {
        meter,
        up: Direction::new(preread.up, mode),
        down: Direction::new(preread.down, mode),
        client,
        destination,
        early_close: None,
    }
}

impl<M: Meter + Unpin> Future for Relay<M> {
    type Output = RelayOutcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RelayOutcome> {
        let this = &mut *self;
        if this.meter.poll_cancelled(cx).is_ready() {
            this.client.reset_on_close();
            this.destination.reset_on_close();
            return Poll::Ready(RelayOutcome::Cancelled);
        }
        if this.early_close.is_some() {
            return this.poll_early_close(cx);
        }
        let other = this.down.state();
        let up = this.up.poll(
            cx,
            &mut this.client,
            &mut this.destination,
            other,
            |bytes| this.meter.up(bytes),
        );
        match up {
            Poll::Ready(Err(DirectionError::Sink(error))) => {
                this.early_close = Some(Box::new(EarlyClose::new(&error, true)));
                return this.poll_early_close(cx);
            }
            Poll::Ready(Err(broken)) => {
                return Poll::Ready(this.broken(broken, Side::Client, Side::Destination));
            }
            _ => {}
        }
        let other = this.up.state();
        let down = this.down.poll(
            cx,
            &mut this.destination,
            &mut this.client,
            other,
            |bytes| this.meter.down(bytes),
        );
        match down {
            Poll::Ready(Err(DirectionError::Source(error)))
                if this.down.has_delivered() && other == DirectionState::Open =>
            {
                let mut close = EarlyClose::new(&error, false);
                close.is_delivered = true;
                this.early_close = Some(Box::new(close));
                return this.poll_early_close(cx);
            }
            Poll::Ready(Err(broken)) => {
                return Poll::Ready(this.broken(broken, Side::Destination, Side::Client));
            }
            _ => {}
        }
        if up.is_ready() && down.is_ready() {
            Poll::Ready(RelayOutcome::Finished)
        } else {
            Poll::Pending
        }
    }
}

impl<M: Meter> Relay<M> {
    pub fn meter(&self) -> &M {
        &self.meter
    }

    /// The destination takes no more: sends the client what arrived before, and closes.
    fn poll_early_close(&mut self, cx: &mut Context<'_>) -> Poll<RelayOutcome> {
        let meter = &self.meter;
        let (down, client, destination) = (&mut self.down, &mut self.client, &mut self.destination);
        let Some(close) = &mut self.early_close else {
            return Poll::Pending;
        };
        close.poll_discard(cx, &mut self.up, client);
        if !close.is_delivered {
            // "Done": the end of the stream is passed on below.
            let other = DirectionState::Done;
            match ready!(down.poll(cx, destination, client, other, |bytes| meter.down(bytes))) {
                Ok(()) | Err(DirectionError::Source(_)) => close.is_delivered = true,
                Err(broken) => {
                    return Poll::Ready(self.broken(broken, Side::Destination, Side::Client));
                }
            }
        }
        let end = if down.has_delivered() {
            ready!(close.poll_end(cx, client))
        } else {
            ClientClose::Reset
        };
        if end == ClientClose::Reset {
            client.reset_on_close();
        }
        Poll::Ready(RelayOutcome::Broken {
            side: Side::Destination,
            error: close.error,
        })
    }

    fn broken(&mut self, error: DirectionError, source: Side, sink: Side) -> RelayOutcome {
        let (side, error) = match error {
            DirectionError::Source(error) => (source, error),
            DirectionError::Sink(error) => (sink, error),
        };
        match side {
            Side::Client => self.destination.reset_on_close(),
            Side::Destination => self.client.reset_on_close(),
        }
        RelayOutcome::Broken {
            side,
            error: error.kind(),
        }
    }
}

/// Closes the free pipes of this thread, for their descriptors. Returns how many there were.
pub fn close_spare_pipes() -> usize {
    #[cfg(target_os = "linux")]
    return pipes::close_free();
    #[cfg(not(target_os = "linux"))]
    0
}

#[cfg(test)]
mod tests;
