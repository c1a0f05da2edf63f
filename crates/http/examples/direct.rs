//! A bare HTTP proxy on loopback for measurements: this crate alone, every request allowed, every target dialed
//! directly.
//!
//!     cargo run --release -p privet-http --example direct -- 127.0.0.1:8118 [untouched|reduced|minimal]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection};
use privet_gateway::{
    Gateway, HandshakeOutcome, HttpTimeouts, Refusal, RequestContext, RouteDecision,
};
use privet_http::serve;
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_net::HttpProxyMode;
use privet_net::{Connected, DialError, DialErrorKind, Stream};
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

impl Gateway for Open {
    fn policy_generation(&self) -> u64 {
        0
    }

    fn requires_authentication(&self) -> bool {
        false
    }

    async fn authenticate(&self, _: IpAddr, _: &[u8], _: &[u8]) -> Option<Arc<str>> {
        None
    }

    async fn decide(&self, _: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        Ok(RouteDecision {
            policy_generation: 0,
            route: Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
            pool_key: 0,
            why: self.why.clone(),
            treatment: privet_policy::Treatment::default(),
            header_mode: self.headers,
            app: None,
            addresses: Vec::new(),
            cache: None,
            scanner: None,
        })
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        _: &RouteDecision,
        _: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        let stream = TcpStream::connect((context.target.host.to_string(), context.target.port))
            .await
            .map_err(|error| {
                Refusal::Failed(DialError {
                    kind: DialErrorKind::Refused,
                    hop: None,
                    text: error.to_string(),
                })
            })?;
        let _ = stream.set_nodelay(true);
        Ok(Connected {
            local: stream.local_addr().ok(),
            remote: stream.peer_addr().ok(),
            ..Connected::new(Stream::Tcp(stream), self.route.clone())
        })
    }

    async fn dial_address(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        _: IpAddr,
    ) -> Result<Connected, Refusal> {
        self.dial(context, decision, HttpProxyMode::Connect).await
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        self.connection_log.open(NewConnection {
            listener: context.listener,
            client: context.client,
            protocol: context.protocol,
            user: None,
            app: None,
            target: context.target.clone(),
            route: connected.route.clone(),
            why: decision.why.clone(),
        })
    }

    fn record_refused(&self, _: &RequestContext<'_>, _: &Why, _: CloseReason, _: Option<String>) {}

    fn handshake_timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn http_timeouts(&self) -> HttpTimeouts {
        HttpTimeouts {
            request_header: Duration::from_secs(10),
            request_body: Duration::from_secs(60),
            response_header: Duration::from_secs(300),
            idle: Duration::from_secs(3600),
        }
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

async fn run(mut client: TcpStream, peer: SocketAddr, local: SocketAddr, gateway: Open) {
    let _ = client.set_nodelay(true);
    let mut first = [0; 2048];
    let Ok(count) = client.read(&mut first).await else {
        return;
    };
    let deadline = tokio::time::Instant::now() + gateway.handshake_timeout();
    let served = serve(
        client.into(),
        &first[..count],
        deadline,
        ConnectionInfo { local, peer },
        Forward {
            gateway,
            listener: Listener::Http,
        },
    )
    .await;
    if let HandshakeOutcome::Tunnel {
        mut client,
        preread,
        connected,
        live: _live,
    } = served
        && let Stream::Tcp(mut origin) = connected.stream
        && origin.write_all(&preread).await.is_ok()
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
    let gateway = Open {
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
        tokio::spawn(run(client, peer, local, gateway.clone()));
    }
}
