//! A site in front of one backend that speaks HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::h2::RecvStream;
use ::h2::server::SendResponse;
use bytes::Bytes;
use http::{Request, Response};
use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection};
use privet_gateway::HttpTimeouts;
use privet_http::head::{RequestHead, TargetRule};
use privet_http::headers::response::ResponseStyle;
use privet_http::headers::site::SiteRequest;
use privet_http::service::{
    Attempt, ConnectionInfo, DialFailure, Fetch, OriginProtocol, OwnResponse, Plan,
    Request as Asked, Service, Session,
};
use privet_net::{Connected, DialTimings, HttpProxyMode, Stream};
use privet_policy::{Host, Listener, Protocol, Target, Why, WhyKind};
use privet_tls::Alpn;
use tokio::net::{TcpListener, TcpStream};

/// A site with one backend that speaks HTTP/2.
#[derive(Clone)]
pub struct Site {
    pub backend: SocketAddr,
    pub log: ConnectionLog,
    pub dials: Arc<AtomicUsize>,
}

pub struct ToBackend(Target);

impl Fetch for ToBackend {
    fn pool_key(&self) -> u64 {
        u64::from(self.0.port)
    }

    fn target<'a>(&'a self, _: &'a Target) -> &'a Target {
        &self.0
    }

    fn header_mode(&self) -> HeaderMode {
        HeaderMode::Reduced
    }

    fn protocol(&self) -> OriginProtocol {
        OriginProtocol::Http2
    }

    fn site_request(&self) -> Option<SiteRequest<'_>> {
        None
    }

    fn response_style(&self) -> ResponseStyle<'_> {
        ResponseStyle::Forward(HeaderMode::Reduced)
    }
}

impl Service for Site {
    const RETRIES: bool = false;
    type Fetch = ToBackend;

    fn targets(&self) -> TargetRule {
        TargetRule::Origin
    }

    async fn admit(
        &self,
        _: &mut Session,
        _: ConnectionInfo,
        _: &RequestHead,
        _: &[u8],
    ) -> Result<(), OwnResponse> {
        Ok(())
    }

    async fn plan(&self, _: &Asked<'_>) -> Plan<ToBackend> {
        Plan::Fetch(ToBackend(Target {
            host: Host::Ip(self.backend.ip()),
            port: self.backend.port(),
        }))
    }

    async fn dial(
        &self,
        _: &Asked<'_>,
        _: &ToBackend,
        _: HttpProxyMode,
    ) -> Result<Connected, DialFailure> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let stream = TcpStream::connect(self.backend).await.unwrap();
        Ok(Connected {
            stream: Stream::Tcp(stream),
            preread: Bytes::new(),
            local: None,
            remote: None,
            route: "backend".into(),
            timings: DialTimings::default(),
            absolute_form: None,
            alpn: Some(Alpn::H2),
        })
    }

    fn next_attempt(&self, _: &mut ToBackend) -> bool {
        false
    }

    fn attempt_ended(&self, _: &mut ToBackend, _: Attempt) {}

    fn record(&self, request: &Asked<'_>, _: &ToBackend, connected: &Connected) -> LiveConnection {
        self.log.open(NewConnection {
            listener: Listener::Http,
            client: request.connection.peer,
            protocol: Protocol::Http,
            user: None,
            app: None,
            target: request.target.clone(),
            route: connected.route.clone(),
            why: Why {
                kind: WhyKind::Mode,
                text: "".into(),
            },
        })
    }

    fn record_refused(&self, _: &Asked<'_>, _: &ToBackend, _: CloseReason, _: Option<String>) {}

    async fn record_malformed(&self, _: &Session, _: ConnectionInfo, _: String) {}

    fn failure(&self, status: u16, reason: &'static str, text: String) -> OwnResponse {
        Box::new(move |_| {
            let body = format!("{reason}: {text}");
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
        })
    }

    fn timeouts(&self) -> HttpTimeouts {
        HttpTimeouts {
            request_header: Duration::from_secs(20),
            request_body: Duration::from_secs(20),
            response_header: Duration::from_secs(20),
            idle: Duration::from_secs(60),
        }
    }
}

/// Starts a backend that runs `script` on each stream.
pub async fn backend<F, W>(script: F) -> SocketAddr
where
    F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let script = script.clone();
            tokio::spawn(async move {
                let mut connection = ::h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    if request.uri().path() == "/goaway" {
                        connection.graceful_shutdown();
                    }
                    tokio::spawn(script(request, respond));
                }
            });
        }
    });
    address
}

/// Starts the site; its clients speak HTTP/1, or HTTP/2 from the first byte.
pub async fn site(backend: SocketAddr) -> (SocketAddr, Site) {
    let site = Site {
        backend,
        log: ConnectionLog::default(),
        dials: Arc::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    let service = site.clone();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let (service, info) = (service.clone(), ConnectionInfo { local, peer });
            tokio::spawn(async move {
                let mut first = [0; 3];
                while stream.peek(&mut first).await.unwrap() < 3 {}
                if first == *b"PRI" {
                    privet_http::h2::serve(stream.into(), Bytes::new(), info, service, NoTunnels)
                        .await;
                } else {
                    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
                    privet_http::serve(stream.into(), b"", deadline, info, service).await;
                }
            });
        }
    });
    (local, site)
}

#[derive(Clone)]
pub struct NoTunnels;

impl privet_http::h2::Tunnels for NoTunnels {
    async fn relay(&self, _: Stream, _: Connected, _: LiveConnection) {
        unreachable!("no request becomes a tunnel");
    }
}

/// Reads a request's body and answers with it, its trailers and its method.
pub async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, mut body) = request.into_parts();
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        whole.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await.unwrap();
    let head = Response::builder()
        .header("x-method", parts.method.as_str())
        .header("x-path", parts.uri.path())
        .header("x-authority", parts.uri.authority().unwrap().as_str())
        .body(())
        .unwrap();
    let mut send = respond.send_response(head, false).unwrap();
    send.send_data(whole.into(), trailers.is_none()).unwrap();
    if let Some(trailers) = trailers {
        send.send_trailers(trailers).unwrap();
    }
}
