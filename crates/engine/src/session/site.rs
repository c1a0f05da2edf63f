//! A client of a site: its connection is served by the site's service, from the first byte on.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_connection_log::ConnectionLog;
use privet_gateway::{HandshakeOutcome, HttpTimeouts};
use privet_http::service::ConnectionInfo;
use privet_sites::{SiteHost, SiteService, SiteTable, TunnelLease};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::accept::connection_limit::ConnectionSlot;
use crate::gateway::http_timeouts;
use crate::session::{first_read, tunnel};
use crate::shared::Shared;

/// An accepted client of a site's listener.
pub(crate) struct SiteClient {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// The local address that it connected to.
    pub(crate) local: SocketAddr,
    /// The listener's address as configured.
    pub(crate) listener: SocketAddr,
}

/// The engine around the sites.
#[derive(Clone)]
struct EngineSites(Arc<Shared>);

impl SiteHost for EngineSites {
    fn table(&self) -> Arc<SiteTable> {
        self.0.snapshot.load().sites.clone()
    }

    fn connection_log(&self) -> &ConnectionLog {
        &self.0.connection_log
    }

    fn timeouts(&self) -> HttpTimeouts {
        http_timeouts(&self.0.snapshot.load().config.listen.limits)
    }
}

pub(crate) async fn serve(client: SiteClient, shared: Arc<Shared>, slot: ConnectionSlot) {
    let SiteClient {
        stream,
        peer,
        local,
        listener,
    } = client;
    let host = EngineSites(shared);
    let deadline = Instant::now() + host.timeouts().request_header;
    let Ok(Some(first)) = timeout_at(deadline, first_read(&stream)).await else {
        return;
    };
    let service = SiteService {
        host,
        listener,
        tls: false,
        tunnel: TunnelLease::default(),
    };
    let lease = service.tunnel.clone();
    let info = ConnectionInfo { local, peer };
    let serving = privet_http::serve(stream.into(), &first, deadline, info, service);
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = Box::pin(serving).await
    {
        let relay = tunnel::relay(client, preread, connected, live, slot);
        let lease = lease.take();
        drop(tokio::spawn(async move {
            relay.await;
            drop(lease);
        }));
    }
}
