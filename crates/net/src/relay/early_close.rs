//! A destination that closes before it has read all, as an HTTP server does after an early 413: what it sent before
//! still reaches the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

use super::direction::Direction;
use crate::Stream;

/// How long a client that does not send may take to show that it does: one that does not learns of the reset.
const RESET: Duration = Duration::from_millis(100);
/// How long the client's bytes are read and dropped after it got all. Closing before would reset the connection, and it
/// could lose what it has not read.
const LINGER: Duration = Duration::from_secs(2);

/// The rest of a tunnel whose destination takes no more bytes.
pub(super) struct EarlyClose {
    pub(super) error: io::ErrorKind,
    /// Nothing more comes from the destination, and the client was sent everything.
    pub(super) is_delivered: bool,
    /// The client was sending when the destination closed.
    uploading: bool,
    client_ended: bool,
    shut_down: bool,
    until: Option<Pin<Box<Sleep>>>,
}

/// How it ends for the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientClose {
    Close,
    Reset,
}

impl EarlyClose {
    pub(super) fn new(error: &io::Error, uploading: bool) -> Self {
        Self {
            error: error.kind(),
            is_delivered: false,
            uploading,
            client_ended: false,
            shut_down: false,
            until: None,
        }
    }

    /// Drops what the client sends.
    pub(super) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        up: &mut Direction,
        client: &mut Stream,
    ) {
        if !self.client_ended {
            let seen = &mut self.uploading;
            self.client_ended = up.poll_discard(cx, client, seen).is_ready();
        }
    }

    /// Waits for the client once it was sent everything.
    pub(super) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
    ) -> Poll<ClientClose> {
        if self.client_ended {
            return Poll::Ready(ClientClose::Close);
        }
        if self.uploading && !self.shut_down {
            if ready!(Pin::new(&mut *client).poll_shutdown(cx)).is_err() {
                return Poll::Ready(ClientClose::Close);
            }
            self.shut_down = true;
            self.until = Some(Box::pin(sleep(LINGER)));
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(RESET)));
        ready!(until.as_mut().poll(cx));
        Poll::Ready(if self.uploading {
            ClientClose::Close
        } else {
            ClientClose::Reset
        })
    }
}
