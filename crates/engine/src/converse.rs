//! One connection from its first byte: what does it speak, hold that handshake, and hand a tunnel on.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use privet_http::Road;
use privet_policy::Listener;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::detect::{Speech, detect};
use crate::listen::Kind;
use crate::places::Place;
use crate::serve::EngineRoad;
use crate::shared::Shared;
use crate::{socks, tunnel};

/// Room for a client's first flight: a SOCKS greeting or a usual HTTP head.
const FIRST_FLIGHT: usize = 2048;

/// Holds the handshake; when a tunnel comes of it, the relay becomes a task of its own and all else is dropped.
pub(crate) async fn converse(
    mut client: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    kind: Kind,
    shared: Arc<Shared>,
    place: Place,
) {
    let road = EngineRoad(shared);
    let mut first = BytesMut::with_capacity(FIRST_FLIGHT);
    let deadline = Instant::now() + road.handshake_timeout();
    let reading = timeout_at(deadline, client.read_buf(&mut first));
    if !matches!(reading.await, Ok(Ok(1..))) {
        return;
    }
    let (client, ahead, dialed, live) = match (kind, detect(&first)) {
        (Kind::Mixed | Kind::Socks, Some(Speech::Socks4 | Speech::Socks5)) => {
            let first = first.freeze();
            match socks::serve(client, first, deadline, local, peer, listener(kind), &road).await {
                socks::Served::Tunnel {
                    client,
                    ahead,
                    dialed,
                    live,
                } => (client, ahead, dialed, live),
                socks::Served::Done => return,
            }
        }
        (Kind::Mixed | Kind::Http, Some(Speech::Http)) => {
            match privet_http::serve(client, &first, deadline, local, peer, listener(kind), &road)
                .await
            {
                privet_http::Served::Tunnel {
                    client,
                    ahead,
                    dialed,
                    live,
                } => (client, ahead, dialed, live),
                privet_http::Served::Done => return,
            }
        }
        _ => return,
    };
    drop(tokio::spawn(tunnel::relay(
        client, ahead, dialed, live, place,
    )));
}

fn listener(kind: Kind) -> Listener {
    match kind {
        Kind::Mixed | Kind::Pac => Listener::Mixed,
        Kind::Socks => Listener::Socks,
        Kind::Http => Listener::Http,
    }
}
