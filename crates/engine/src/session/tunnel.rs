//! A tunnel: two sockets, a row in the connection log, a slot; nothing else stays in memory.

use std::future::Future;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_net::{Dialed, Early, Meter, RelayEnd, Side};
use tokio::net::TcpStream;

use crate::accept::connection_limit::ConnectionSlot;

/// Relays until the end and books it.
pub(crate) fn relay(
    client: TcpStream,
    ahead: Bytes,
    dialed: Dialed,
    live: LiveConnection,
    slot: ConnectionSlot,
) -> impl Future<Output = ()> + Send {
    let early = Early {
        up: ahead,
        down: dialed.prefix,
    };
    let far = dialed.stream;
    // Not an `async fn`: its arguments would be kept beside what is made of them, for as long as the tunnel stands.
    async move {
        let meter = Metered {
            live,
            opened: Instant::now(),
        };
        let end = privet_net::relay(client, far, early, &meter).await;
        let (end, error) = outcome(end, &meter.live);
        meter.live.close(end, error);
        drop(slot);
    }
}

fn outcome(end: RelayEnd, live: &LiveConnection) -> (CloseReason, Option<String>) {
    match end {
        RelayEnd::Finished => (CloseReason::Finished, None),
        RelayEnd::Cancelled => (live.row().cancelled().unwrap_or(CloseReason::Closed), None),
        RelayEnd::Broken { side, error } => {
            let whose = match side {
                Side::Client => "the client",
                Side::Far => "the far end",
            };
            (
                CloseReason::Broken,
                Some(format!("{whose} broke the connection: {error}")),
            )
        }
    }
}

/// A row of the connection log as the relay's meter.
struct Metered {
    live: LiveConnection,
    opened: Instant,
}

impl Meter for Metered {
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
