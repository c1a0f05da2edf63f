//! One inspected tunnel: its first bytes, the host's certificate, the client's handshake, and the requests in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use privet_config::SniMismatch;
use privet_connection_log::CloseReason;
use privet_gateway::{Gateway, HandshakeOutcome, RequestContext, RouteDecision, TunnelInspector};
use privet_http::h2;
use privet_http::service::ConnectionInfo;
use privet_http::service::inspect::{Inspected, InspectedTunnel, TunnelContext};
use privet_net::reset_watch::unless_reset;
use privet_net::{Connected, HttpProxyMode, Stream};
use privet_policy::{Inspection as InspectionDecision, UntouchedBy};
use privet_tls::client_hello::{ClientHello, HelloRead, SniName};
use privet_tls::inspection::{ClientHandshakeError, ClientRefusal};
use privet_tls::{Alpn, CertificateName, TlsStream, read_hello};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use super::first_bytes::{is_http, names_target};
use super::{ExceptedClient, Inspection};
use crate::gateway::EngineGateway;
use crate::session::tunnel::{self, StreamTunnels};

/// How long a client may be silent before the destination is dialed, which may be the one that speaks first.
const FIRST_BYTES: Duration = Duration::from_secs(2);
/// How long a connection may wait for its first request: browsers open some ahead.
const FIRST_REQUEST: Duration = Duration::from_secs(60);
/// A client that closes this soon after the handshake, and asked for nothing, refused the certificate. Connections that
/// browsers open ahead and do not need are kept for longer.
const REFUSES_WITHIN: Duration = Duration::from_secs(1);
/// What runs a tunnel that the policy inspects.
pub(crate) fn inspector(
    gateway: &EngineGateway,
    context: &RequestContext<'_>,
    decision: &RouteDecision,
) -> Option<TunnelInspector> {
    let inspection = gateway.shared().snapshot.load().inspection.clone()?;
    let session = Session {
        demanded: decision.treatment.inspection == InspectionDecision::Inspect { demanded: true },
        gateway: gateway.clone(),
        tunnel: TunnelContext::of(context),
        decision: decision.clone(),
        inspection,
    };
    Some(Box::new(|client, preread| {
        Box::pin(session.run(client, preread))
    }))
}

pub(super) struct Session {
    pub(super) gateway: EngineGateway,
    pub(super) inspection: Arc<Inspection>,
    pub(super) tunnel: TunnelContext,
    pub(super) decision: RouteDecision,
    /// A rule demands inspection: what cannot be inspected does not pass.
    pub(super) demanded: bool,
}

impl Session {
    async fn run(self, mut client: Stream, preread: Bytes) {
        let mut received = BytesMut::from(preread);
        if received.is_empty() && !self.demanded {
            let first = timeout(FIRST_BYTES, client.read_buf(&mut received));
            match first.await {
                Ok(Ok(1..)) => {}
                // The client is gone.
                Ok(Ok(0) | Err(_)) => return,
                Err(_) => return self.silent(client).await,
            }
        }
        self.begin(client, received).await;
    }

    /// The client speaks first. What it began does not pass before it is known what it is.
    pub(super) async fn begin(self, mut client: Stream, mut received: BytesMut) {
        let wait = self.gateway.handshake_timeout();
        let read = timeout(wait, read_hello(&mut client, &mut received)).await;
        match read {
            Ok(Ok(HelloRead::Hello(hello))) => self.tls(client, received.freeze(), hello).await,
            Ok(Ok(HelloRead::NotTls)) if is_http(&received) => {
                self.plain(client, received.freeze()).await;
            }
            Ok(Ok(HelloRead::NotTls)) => {
                self.pass(client, received.freeze(), UntouchedBy::NotTls)
                    .await;
            }
            Ok(Ok(HelloRead::Malformed(why))) => {
                let text = format!("inspection: the client's TLS handshake cannot be read: {why}");
                self.refuse(CloseReason::Blocked, text);
            }
            Err(_) => {
                let text = match received.is_empty() {
                    true => "a rule demands inspection, and the client sent nothing",
                    false => "inspection: the client's TLS handshake did not come in time",
                };
                self.refuse(CloseReason::Blocked, text.to_owned());
            }
            // The client is gone.
            Ok(Ok(HelloRead::NeedMore) | Err(_)) => {}
        }
    }

    async fn tls(self, client: Stream, received: Bytes, hello: ClientHello) {
        let mut offered = hello.alpn().peekable();
        if offered.peek().is_some() && !offered.any(|id| Alpn::from_id(id).is_some()) {
            drop(offered);
            return self
                .pass(client, received, UntouchedBy::OtherProtocol)
                .await;
        }
        drop(offered);
        if !names_target(&hello.name, &self.tunnel.target.host) {
            return self.other_name(client, received, &hello.name).await;
        }
        let Some(name) = self.certificate_name() else {
            return self.pass(client, received, UntouchedBy::OtherName).await;
        };
        let mut client = client;
        let reaching = InspectedTunnel::reach(
            self.gateway.clone(),
            self.tunnel.clone(),
            &self.decision,
            self.inspection.origins.clone(),
        );
        // Once the client has refused the certificate, its socket is gone and its program can no longer be found.
        let app = self.decision.app.as_ref();
        let who = self.gateway.excepted_client(self.tunnel.client.ip(), app);
        let preparing = async { tokio::join!(reaching, who) };
        let Ok((reached, who)) = unless_reset(&mut client, preparing).await else {
            return;
        };
        let Ok(tunnel) = reached else {
            let exceptions = &self.inspection.exceptions;
            exceptions.asks_for_certificate(&self.tunnel.target);
            return self
                .pass(client, received, UntouchedBy::ClientCertificate)
                .await;
        };
        self.answer(client, received, &name, tunnel, who).await;
    }

    /// Shows the client our certificate, and serves the requests behind it.
    async fn answer(
        self,
        client: Stream,
        received: Bytes,
        name: &CertificateName,
        tunnel: InspectedTunnel<EngineGateway>,
        who: ExceptedClient,
    ) {
        let is_refused = tunnel.is_refused();
        let deadline = Instant::now() + self.gateway.handshake_timeout();
        let accepting = self
            .inspection
            .minter
            .accept(client, received, name, deadline);
        let stream = match accepting.await {
            Ok(stream) => stream,
            Err(error) => return self.no_handshake(error, who),
        };
        let counts = &self.inspection.counts;
        add(match is_refused {
            true => &counts.bad_certificates,
            false => &counts.inspected,
        });
        self.serve(stream, tunnel, who).await;
    }

    /// Serves the requests behind the handshake. The first byte shows that the client accepts the certificate.
    async fn serve(
        self,
        mut stream: TlsStream<Stream>,
        tunnel: InspectedTunnel<EngineGateway>,
        who: ExceptedClient,
    ) {
        let opened = Instant::now();
        let mut first = [0];
        self.gateway.awaits_request();
        let read = tokio::select! {
            read = timeout(FIRST_REQUEST, stream.read(&mut first)) => read,
            () = self.gateway.stopping() => return,
        };
        let refusal = match read {
            Ok(Ok(1..)) => None,
            Err(_) => return,
            Ok(Ok(0)) => Some(ClientRefusal::ClosedUnused),
            Ok(Err(error)) => {
                Some(ClientRefusal::of(&error).unwrap_or(ClientRefusal::ClosedUnused))
            }
        };
        if let Some(refusal) = refusal {
            if !refusal.is_silent() || opened.elapsed() < REFUSES_WITHIN {
                self.no_handshake(ClientHandshakeError::Refused(refusal), who);
            }
            return;
        }
        let host = &self.tunnel.target.host;
        self.inspection.exceptions.accepted(host, who);
        let protocol = stream.alpn();
        let client = Stream::Boxed(Box::pin(stream));
        let (info, service) = (self.info(), Inspected::<_, true>::new(tunnel));
        match protocol {
            Some(Alpn::H2) => {
                let first = Bytes::copy_from_slice(&first);
                h2::serve(client, first, info, service, StreamTunnels).await;
            }
            _ => {
                let deadline = Instant::now() + self.gateway.http_timeouts().request_header;
                let serving = privet_http::serve(client, &first, deadline, info, service);
                finish(Box::pin(serving).await).await;
            }
        }
    }

    /// Plain HTTP in a tunnel.
    async fn plain(self, client: Stream, received: Bytes) {
        add(&self.inspection.counts.inspected);
        let deadline = Instant::now() + self.gateway.http_timeouts().request_header;
        let info = self.info();
        let tunnel = InspectedTunnel::plain(self.gateway, self.tunnel);
        let service = Inspected::<_, false>::new(tunnel);
        let serving = privet_http::serve(client, &received, deadline, info, service);
        drop(received);
        finish(Box::pin(serving).await).await;
    }

    fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            local: self.tunnel.local,
            peer: self.tunnel.client,
        }
    }

    /// The name of the certificate that the client is shown; `None`: none can be made.
    fn certificate_name(&self) -> Option<CertificateName> {
        self.tunnel.target.host.to_string().parse().ok()
    }

    /// Lets the tunnel pass as it is, unless a rule demands inspection.
    async fn pass(self, mut client: Stream, received: Bytes, by: UntouchedBy) {
        if self.demanded {
            let text = format!("a rule demands inspection, and {}", by.describe());
            return self.refuse(CloseReason::Blocked, text);
        }
        let Some(connected) = self.dial(&mut client).await else {
            return;
        };
        self.relay(client, received, connected, by).await;
    }

    /// Connects to the destination. `None`: the client is gone, or the gateway has recorded what failed.
    pub(super) async fn dial(&self, client: &mut Stream) -> Option<Connected> {
        let context = self.tunnel.context();
        let dialing = self
            .gateway
            .dial(&context, &self.decision, HttpProxyMode::Connect);
        unless_reset(client, dialing).await.ok()?.ok()
    }

    /// Relays what passes untouched.
    pub(super) async fn relay(
        mut self,
        client: Stream,
        received: Bytes,
        connected: Connected,
        by: UntouchedBy,
    ) {
        add(&self.inspection.counts.untouched);
        self.decision.treatment.inspection = InspectionDecision::Untouched(by);
        let context = self.tunnel.context();
        let live = self.gateway.record(&context, &self.decision, &connected);
        tunnel::relay(client, received, connected, live, ()).await;
    }

    async fn other_name(self, client: Stream, received: Bytes, name: &SniName) {
        let policy = {
            let snapshot = self.gateway.shared().snapshot.load();
            snapshot.config.inspect.sni_mismatch
        };
        if policy == SniMismatch::Pass {
            return self.pass(client, received, UntouchedBy::OtherName).await;
        }
        let asked = match name {
            SniName::Host(name) => name.to_string(),
            SniName::Address(address) => address.to_string(),
            SniName::Absent | SniName::Invalid => "no valid name".to_owned(),
        };
        let text = format!(
            "the TLS handshake asks for {asked} in a tunnel to {}; [inspect] sni_mismatch says block",
            self.tunnel.target
        );
        self.refuse(CloseReason::Blocked, text);
    }

    /// The client has no TLS connection. One that refuses the certificate is excepted after a while.
    fn no_handshake(self, error: ClientHandshakeError, who: ExceptedClient) {
        let mut text = format!("inspection: {error}");
        if let ClientHandshakeError::Refused(refusal) = error {
            add(&self.inspection.counts.refused);
            let host = &self.tunnel.target.host;
            let exceptions = &self.inspection.exceptions;
            let excepted = !self.demanded && exceptions.refused(host, who, refusal.is_silent());
            if excepted {
                text.push_str("; from now on it passes untouched for an hour");
            }
        }
        self.refuse(CloseReason::Failed, text);
    }

    pub(super) fn refuse(&self, reason: CloseReason, text: String) {
        let context = self.tunnel.context();
        self.gateway
            .record_refused_tunnel(&context, &self.decision, reason, text);
    }
}

/// Relays a request that became a tunnel, such as a WebSocket.
async fn finish(outcome: HandshakeOutcome) {
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = outcome
    {
        tunnel::relay(client, preread, connected, live, ()).await;
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
