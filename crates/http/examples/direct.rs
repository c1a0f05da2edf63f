//! A bare HTTP proxy on loopback: this crate alone, every request allowed, every target dialed directly. For measuring.
//!
//!     cargo run --release -p privet-http --example direct -- 127.0.0.1:8118 [untouched|reduced|minimal]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection};
use privet_http::{Ask, Refusal, Road, Served, Ticket, serve};
use privet_net::{DialError, DialErrorKind, Dialed, Phases, Stream};
use privet_policy::{Listener, Outbound, Route, Why, WhyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
struct Open {
    connection_log: ConnectionLog,
    route: Arc<str>,
    why: Why,
    headers: HeaderMode,
}

impl Road for Open {
    fn generation(&self) -> u64 {
        0
    }

    fn asks_login(&self) -> bool {
        false
    }

    async fn login(&self, _: IpAddr, _: &[u8], _: &[u8]) -> Option<Arc<str>> {
        None
    }

    async fn decide(&self, _: &Ask<'_>) -> Result<Ticket, Refusal> {
        Ok(Ticket {
            generation: 0,
            route: Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
            key: 0,
            why: self.why.clone(),
            headers: self.headers,
            app: None,
            addresses: Vec::new(),
        })
    }

    async fn dial(&self, ask: &Ask<'_>, _: &Ticket, _: bool) -> Result<Dialed, Refusal> {
        let stream = TcpStream::connect((ask.target.host.to_string(), ask.target.port))
            .await
            .map_err(|error| {
                Refusal::Failed(DialError {
                    kind: DialErrorKind::Refused,
                    hop: None,
                    text: error.to_string(),
                })
            })?;
        let _ = stream.set_nodelay(true);
        Ok(Dialed {
            local: stream.local_addr().ok(),
            remote: stream.peer_addr().ok(),
            stream: Stream::Tcp(stream),
            prefix: Default::default(),
            route: self.route.clone(),
            phases: Phases::default(),
            absolute_form: None,
        })
    }

    fn book(&self, ask: &Ask<'_>, ticket: &Ticket, dialed: &Dialed) -> LiveConnection {
        self.connection_log.open(NewConnection {
            listener: ask.listener,
            client: ask.client,
            protocol: ask.protocol,
            user: None,
            app: None,
            target: ask.target.clone(),
            route: dialed.route.clone(),
            why: ticket.why.clone(),
        })
    }

    fn refused(&self, _: &Ask<'_>, _: &Why, _: CloseReason, _: Option<String>) {}

    fn handshake_timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

async fn run(mut client: TcpStream, peer: SocketAddr, local: SocketAddr, road: Open) {
    let _ = client.set_nodelay(true);
    let mut first = [0; 2048];
    let Ok(count) = client.read(&mut first).await else {
        return;
    };
    let deadline = tokio::time::Instant::now() + road.handshake_timeout();
    let served = serve(
        client,
        &first[..count],
        deadline,
        local,
        peer,
        Listener::Http,
        &road,
    )
    .await;
    if let Served::Tunnel {
        mut client,
        ahead,
        dialed,
        live: _live,
    } = served
        && let Stream::Tcp(mut origin) = dialed.stream
        && origin.write_all(&ahead).await.is_ok()
    {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut origin).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8118".into());
    let headers = match arguments.next().as_deref() {
        Some("reduced") => HeaderMode::Reduced,
        Some("minimal") => HeaderMode::Minimal,
        _ => HeaderMode::Untouched,
    };
    let road = Open {
        connection_log: ConnectionLog::default(),
        route: "direct".into(),
        why: Why {
            kind: WhyKind::Mode,
            text: "everything is allowed here".into(),
        },
        headers,
    };
    let listener = TcpListener::bind(&address).await?;
    let local = listener.local_addr()?;
    loop {
        let (client, peer) = listener.accept().await?;
        tokio::spawn(run(client, peer, local, road.clone()));
    }
}
