//! Relays a tunnel. Only client, destination, row and slot stay in memory.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_http::h2::Tunnels;
use privet_net::relay::Relay;
use privet_net::{Connected, Meter, Preread, RelayOutcome, Side, Stream};

/// Relays the tunnels of HTTP/2 streams; their connection holds the slot.
#[derive(Clone)]
pub(crate) struct StreamTunnels;

impl Tunnels for StreamTunnels {
    fn relay(
        &self,
        client: Stream,
        connected: Connected,
        live: LiveConnection,
    ) -> impl Future<Output = ()> + Send {
        relay(client, Bytes::new(), connected, live, ())
    }
}

/// Relays until the end and records it. `held`: dropped at the end.
pub(crate) fn relay<T: Send + Unpin>(
    client: Stream,
    preread: Bytes,
    connected: Connected,
    live: LiveConnection,
    held: T,
) -> impl Future<Output = ()> + Send + Unpin + use<T> {
    let preread = Preread {
        up: preread,
        down: connected.preread,
    };
    let meter = RowMeter {
        live,
        opened: Instant::now(),
    };
    Tunnel {
        relay: privet_net::relay(client, connected.stream, preread, meter),
        _held: held,
    }
}

/// A tunnel. Not an `async fn`: its future would store the streams in addition to the relay that is made of them.
struct Tunnel<T> {
    relay: Relay<RowMeter>,
    _held: T,
}

impl<T: Unpin> Future for Tunnel<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let outcome = ready!(Pin::new(&mut self.relay).poll(cx));
        let live = &self.relay.meter().live;
        let (reason, error) = close_reason(outcome, live);
        live.end(reason, error);
        Poll::Ready(())
    }
}

fn close_reason(outcome: RelayOutcome, live: &LiveConnection) -> (CloseReason, Option<String>) {
    match outcome {
        RelayOutcome::Finished => (CloseReason::Finished, None),
        RelayOutcome::Cancelled => (live.row().cancelled().unwrap_or(CloseReason::Closed), None),
        RelayOutcome::Broken { side, error } => {
            let whose = match side {
                Side::Client => "the client",
                Side::Destination => "the destination",
            };
            (
                CloseReason::Broken,
                Some(format!("{whose} broke the connection: {error}")),
            )
        }
    }
}

/// A row of the connection log as the relay's meter.
struct RowMeter {
    live: LiveConnection,
    opened: Instant,
}

impl Meter for RowMeter {
    fn up(&self, bytes: u64) {
        self.live.up(bytes);
    }

    fn down(&self, bytes: u64) {
        if self.live.row().down_bytes() == 0 {
            self.live.first_byte(self.opened.elapsed());
        }
        self.live.down(bytes);
    }

    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.live.poll_cancelled(cx)
    }
}
