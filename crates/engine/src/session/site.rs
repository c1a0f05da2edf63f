//! A client of a site: TLS where the listener has it, then HTTP/1 or HTTP/2, served by the site's service.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use privet_connection_log::{ConnectionLog, LiveConnection};
use privet_gateway::{HandshakeOutcome, HttpTimeouts};
use privet_http::h2::{self, Tunnels};
use privet_http::service::ConnectionInfo;
use privet_net::{Connected, Stream};
use privet_policy::Listener;
use privet_sites::{ClientTls, SiteHost, SiteService, SiteTable, TunnelLease};
use privet_tls::{Addresses, Alpn, ServerTls};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::waiting_clients::{ClientEntry, WaitingClient};
use crate::gateway::{EngineGateway, http_timeouts};
use crate::session::no_handshake::TlsListenerClient;
use crate::session::{FIRST_READ, first_read, tunnel};
use crate::shared::Shared;

/// An accepted client of a site's listener.
pub(crate) struct SiteClient {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// The local address that it connected to.
    pub(crate) local: SocketAddr,
    /// The listener's address as configured.
    pub(crate) listener: SocketAddr,
    pub(crate) waiting: WaitingClient,
}

/// The engine as the sites see it.
#[derive(Clone)]
struct EngineSites {
    shared: Arc<Shared>,
    /// The client's connection among those that may have to give way.
    client: ClientEntry,
}

impl SiteHost for EngineSites {
    fn with_table<T>(&self, look: impl FnOnce(&SiteTable) -> T) -> T {
        look(&self.shared.snapshot.load().sites)
    }

    fn connection_log(&self) -> &ConnectionLog {
        &self.shared.connection_log
    }

    fn timeouts(&self) -> HttpTimeouts {
        http_timeouts(&self.shared.snapshot.load().config.listen.limits)
    }

    fn awaits_request(&self) {
        self.client.waits();
    }

    fn request_begun(&self) {
        self.client.begins();
    }

    fn request_arrived(&self) {
        self.client.is_served();
    }

    fn stopping(&self) -> impl Future<Output = ()> + Send {
        self.shared.stopping.cancelled()
    }
}

/// A client's first bytes, after its TLS handshake if there was one.
struct Opened {
    stream: Stream,
    first: Bytes,
    tls: Option<ClientTls>,
    speaks_http2: bool,
}

/// Serves a client to its end.
pub(crate) fn serve(
    client: SiteClient,
    shared: Arc<Shared>,
    slot: ConnectionSlot,
) -> impl Future<Output = ()> + Send {
    // Boxed, so that the memory of the start is freed: an idle client holds no more than its connection needs.
    let starting = Box::pin(start(client, shared, slot));
    async move {
        if let Some(serving) = starting.await {
            serving.await;
        }
    }
}

/// Reads the client's first bytes, and returns the future that serves it by the version of HTTP that it speaks.
async fn start(
    client: SiteClient,
    shared: Arc<Shared>,
    slot: ConnectionSlot,
) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let SiteClient {
        stream,
        peer,
        local,
        listener,
        waiting,
    } = client;
    let host = EngineSites {
        shared,
        client: waiting.entry(),
    };
    let deadline = Instant::now() + host.timeouts().request_header;
    let certificates = host.with_table(|table| table.certificates(listener).cloned());
    let opened = match certificates {
        None => open(stream, deadline).await,
        Some(certificates) => {
            let client = TlsListenerClient {
                listener: Listener::Site,
                peer,
                local,
            };
            open_tls(stream, certificates, client, &host.shared, deadline).await
        }
    }?;
    let service = SiteService {
        host,
        listener,
        tls: opened.tls,
        tunnel: TunnelLease::default(),
    };
    let lease = service.tunnel.clone();
    let info = ConnectionInfo { local, peer };
    let held = (slot, waiting);
    if opened.speaks_http2 {
        let tunnels = SiteTunnels(lease);
        let serving = h2::serve(opened.stream, opened.first, info, service, tunnels);
        return Some(Box::pin(async move {
            serving.await;
            drop(held);
        }));
    }
    let serving = privet_http::serve(opened.stream, &opened.first, deadline, info, service);
    Some(Box::pin(serve_http1(serving, lease, held)))
}

async fn serve_http1(
    serving: impl Future<Output = HandshakeOutcome> + Send,
    lease: TunnelLease,
    (slot, waiting): (ConnectionSlot, WaitingClient),
) {
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = serving.await
    {
        let kept = (slot, lease.take());
        let relay = tunnel::relay(client, preread, connected, live, kept);
        drop(tokio::spawn(relay));
    }
    drop(waiting);
}

async fn open(mut stream: TcpStream, deadline: Instant) -> Option<Opened> {
    let first = timeout_at(deadline, first_read(&mut stream)).await.ok()??;
    Some(Opened {
        stream: stream.into(),
        // By prior knowledge (RFC 9113 section 3.3). No method begins as the preface does.
        speaks_http2: first.starts_with(b"PRI "),
        first: first.freeze(),
        tls: None,
    })
}

async fn open_tls(
    stream: TcpStream,
    certificates: Arc<ServerTls>,
    client: TlsListenerClient,
    shared: &Arc<Shared>,
    deadline: Instant,
) -> Option<Opened> {
    let addresses = Addresses {
        local: client.local.ip(),
        peer: client.peer.ip(),
    };
    let accepting = certificates.accept(Stream::from(stream), Bytes::new(), addresses, deadline);
    let stream = match accepting.await {
        Ok(stream) => stream,
        Err(error) => {
            let gateway = EngineGateway::for_engine(shared.clone());
            client.refuse(error, &gateway).await;
            return None;
        }
    };
    let handshake = stream.handshake()?.clone();
    let speaks_http2 = stream.alpn() == Some(Alpn::H2);
    let mut stream = Stream::Boxed(Box::pin(stream));
    let mut first = BytesMut::with_capacity(FIRST_READ);
    match timeout_at(deadline, stream.read_buf(&mut first)).await {
        Ok(Ok(1..)) => {}
        _ => return None,
    }
    Some(Opened {
        stream,
        first: first.freeze(),
        tls: Some(ClientTls {
            server: certificates,
            handshake,
        }),
        speaks_http2,
    })
}

/// Relays the tunnels of an HTTP/2 connection (RFC 8441).
#[derive(Clone)]
struct SiteTunnels(TunnelLease);

impl Tunnels for SiteTunnels {
    async fn relay(&self, client: Stream, connected: Connected, live: LiveConnection) {
        let lease = self.0.take();
        tunnel::relay(client, Bytes::new(), connected, live, lease).await;
    }
}
