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
use privet_net::{HttpProxyMode, Stream};
use privet_policy::{Host, Inspection as Decided, UntouchedBy};
use privet_tls::client_hello::{ClientHello, HelloRead, SniName};
use privet_tls::inspection::MintedError;
use privet_tls::{Alpn, CertificateName, read_hello};
use tokio::time::{Instant, timeout};

use super::{ExceptedClient, Inspection};
use crate::gateway::EngineGateway;
use crate::session::tunnel::{self, StreamTunnels};

/// How long a client may take to send its first bytes before the tunnel counts as one in which the destination speaks first.
const FIRST_BYTES: Duration = Duration::from_secs(2);
/// How long a connection may wait for its first request: browsers open some ahead.
const FIRST_REQUEST: Duration = Duration::from_secs(60);
/// Longer words are not taken for methods.
const LONGEST_METHOD: usize = 32;
/// Methods by which plain HTTP is recognised, each with the space behind it.
const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"TRACE ",
    b"PROPFIND ",
];

/// What runs a tunnel that the policy inspects.
pub(crate) fn inspector(
    gateway: &EngineGateway,
    context: &RequestContext<'_>,
    decision: &RouteDecision,
) -> Option<TunnelInspector> {
    let inspection = gateway.shared().snapshot.load().inspection.clone()?;
    let session = Session {
        demanded: decision.treatment.inspection == Decided::Inspect { demanded: true },
        gateway: gateway.clone(),
        tunnel: TunnelContext::of(context),
        decision: decision.clone(),
        inspection,
    };
    Some(Box::new(|client, preread| {
        Box::pin(session.run(client, preread))
    }))
}

struct Session {
    gateway: EngineGateway,
    inspection: Arc<Inspection>,
    tunnel: TunnelContext,
    decision: RouteDecision,
    /// A rule demands inspection: what cannot be inspected does not pass.
    demanded: bool,
}

impl Session {
    async fn run(self, mut client: Stream, preread: Bytes) {
        let wait = match self.demanded {
            true => self.gateway.handshake_timeout(),
            false => FIRST_BYTES,
        };
        let mut received = BytesMut::from(preread);
        let read = timeout(wait, read_hello(&mut client, &mut received)).await;
        match read {
            Ok(Ok(HelloRead::Hello(hello))) => self.tls(client, received.freeze(), hello).await,
            Ok(Ok(HelloRead::NotTls)) if is_http(&received) => {
                self.plain(client, received.freeze()).await;
            }
            Ok(Ok(HelloRead::NotTls | HelloRead::Malformed(_))) => {
                self.pass(client, received.freeze(), UntouchedBy::NotTls)
                    .await;
            }
            Err(_) if received.is_empty() => {
                self.pass(client, Bytes::new(), UntouchedBy::Silent).await;
            }
            Err(_) => {
                self.pass(client, received.freeze(), UntouchedBy::NotTls)
                    .await
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
        let protocol = stream.alpn();
        let client = Stream::Boxed(Box::pin(stream));
        let (info, service) = (self.info(), Inspected::<_, true>::new(tunnel));
        match protocol {
            Some(Alpn::H2) => {
                h2::serve(client, Bytes::new(), info, service, StreamTunnels).await;
            }
            _ => {
                let deadline = Instant::now() + FIRST_REQUEST;
                let serving = privet_http::serve(client, &[], deadline, info, service);
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
    async fn pass(mut self, mut client: Stream, received: Bytes, by: UntouchedBy) {
        if self.demanded {
            let text = format!("a rule demands inspection, and {}", by.describe());
            return self.refuse(CloseReason::Blocked, text);
        }
        add(&self.inspection.counts.untouched);
        self.decision.treatment.inspection = Decided::Untouched(by);
        let context = self.tunnel.context();
        let dialing = self
            .gateway
            .dial(&context, &self.decision, HttpProxyMode::Connect);
        // What failed is recorded by the gateway.
        let Ok(Ok(connected)) = unless_reset(&mut client, dialing).await else {
            return;
        };
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
    fn no_handshake(self, error: MintedError, who: ExceptedClient) {
        let mut text = format!("inspection: {error}");
        if let MintedError::Refused(_) = error {
            add(&self.inspection.counts.refused);
            let host = &self.tunnel.target.host;
            let excepted = !self.demanded && self.inspection.exceptions.refused(host, who);
            if excepted {
                text.push_str("; from now on it passes untouched for an hour");
            }
        }
        self.refuse(CloseReason::Failed, text);
    }

    fn refuse(&self, reason: CloseReason, text: String) {
        let context = self.tunnel.context();
        let why = &self.decision.why;
        self.gateway
            .record_refused(&context, why, reason, Some(text));
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

/// Whether the handshake asks for the tunnel's host. One that asks for none does not ask for another.
fn names_target(name: &SniName, host: &Host) -> bool {
    match (name, host) {
        (SniName::Absent, _) => true,
        (SniName::Host(name), Host::Name(host)) => name.eq_ignore_ascii_case(host),
        (SniName::Address(address), Host::Ip(ip)) => address.to_canonical() == ip.to_canonical(),
        _ => false,
    }
}

/// Whether the first bytes are those of an HTTP request, as far as they are there. Servers do not mind empty lines before it
/// (RFC 9112 §2.2), and know methods that are not in the list.
fn is_http(received: &[u8]) -> bool {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let begin = received.iter().position(|byte| !is_line_end(byte));
    let received = received.get(begin.unwrap_or(0)..).unwrap_or_default();
    let is_known = |method: &&[u8]| {
        let len = method.len().min(received.len());
        method.get(..len) == received.get(..len)
    };
    !received.is_empty() && (METHODS.iter().any(is_known) || asks_for_path(received))
}

/// Whether a method of any name and a path come first: other protocols do not begin like that.
fn asks_for_path(received: &[u8]) -> bool {
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    let method = received
        .iter()
        .take(LONGEST_METHOD)
        .position(|byte| !is_method(byte));
    method.is_some_and(|len| {
        let rest = received.get(len..).unwrap_or_default();
        len > 0 && rest.starts_with(b" /")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_http_from_other_protocols() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], true),
            (b"G", true),
            (b"POST /x", true),
            (b"", false),
            (b"SSH-2.0-x", false),
            (b"PRI * HTTP/2.0", false),
            (b"NICK x", false),
            (b"GETX", false),
            (b"QUERY /x HTTP/1.1", true),
            (b"VERSION-CONTROL /", true),
            (b" /x", false),
            (b"\r\nGET / HTTP/1.1", true),
            (b"\r\n", false),
            (b"get / HTTP/1.1", false),
        ] {
            assert_eq!(is_http(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_handshake_names_the_target_or_nothing() {
        let name = |text: &str| SniName::Host(text.into());
        let host = |text: &str| Host::parse(text).unwrap();
        assert!(names_target(&SniName::Absent, &host("a.test")));
        assert!(names_target(&name("a.test"), &host("A.test")));
        assert!(!names_target(&name("b.test"), &host("a.test")));
        assert!(!names_target(&name("a.test"), &host("192.0.2.1")));
        let address = SniName::Address("192.0.2.1".parse().unwrap());
        assert!(names_target(&address, &host("192.0.2.1")));
        assert!(!names_target(&SniName::Invalid, &host("a.test")));
    }
}
