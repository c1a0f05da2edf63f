//! Requests to an origin that speaks HTTP/2, from clients of both versions.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::h2::server::SendResponse;
use ::h2::{Reason, RecvStream};
use bytes::Bytes;
use common::*;
use http::{HeaderMap, Method, Request, Response};
use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection};
use privet_gateway::HttpTimeouts;
use privet_http::head::{RequestHead, TargetRule};
use privet_http::headers::response::ResponseStyle;
use privet_http::headers::site::SiteRequest;
use privet_http::service::{
    Attempt, ConnectionInfo, Fetch, OriginProtocol, OwnResponse, Plan, Request as Asked, Service,
    Session,
};
use privet_net::{Connected, DialTimings, HttpProxyMode, Stream};
use privet_policy::{Host, Listener, Protocol, Target, Why, WhyKind};
use tokio::net::{TcpListener, TcpStream};

/// A site with one backend that speaks HTTP/2.
#[derive(Clone)]
struct Site {
    backend: SocketAddr,
    log: ConnectionLog,
    dials: Arc<AtomicUsize>,
}

struct ToBackend(Target);

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
    const TARGETS: TargetRule = TargetRule::Origin;
    const RETRIES: bool = false;
    type Fetch = ToBackend;

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
    ) -> Result<Connected, OwnResponse> {
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

    fn record_malformed(&self, _: &Session, _: ConnectionInfo, _: String) {}

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
async fn backend<F, W>(script: F) -> SocketAddr
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
async fn site(backend: SocketAddr) -> (SocketAddr, Site) {
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
struct NoTunnels;

impl privet_http::h2::Tunnels for NoTunnels {
    async fn relay(&self, _: Stream, _: Connected, _: LiveConnection) {
        unreachable!("no request becomes a tunnel");
    }
}

/// Reads a request's body and answers with it, its trailers and its method.
async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
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

#[tokio::test]
async fn http_1_clients_reach_it_and_share_one_connection() {
    let (address, site) = site(backend(echo).await).await;
    for _ in 0..3 {
        let mut client = Peer::connect(address).await;
        client
            .send("GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .await;
        let head = client.head().await.unwrap();
        assert_eq!(status(&head), 200);
        assert_eq!(field(&head, "x-path"), Some("/a"));
        assert_eq!(field(&head, "x-authority"), Some("app.test"));
        assert_eq!(client.read_chunked().await, "");
        client
            .send(
                "POST /b HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\nChecksum: 1\r\n\r\n",
            )
            .await;
        let head = client.head().await.unwrap();
        assert_eq!(field(&head, "x-method"), Some("POST"));
        assert_eq!(client.read_chunked().await, "hello");
        assert_eq!(client.trailers, "checksum: 1\r\n");
        client
            .send("HEAD /c HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .await;
        let head = client.head().await.unwrap();
        assert_eq!(field(&head, "x-method"), Some("HEAD"));
    }
    assert_eq!(site.dials.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_trailers_only_response_reaches_an_http_2_client() {
    let backend = backend(|_, mut respond: SendResponse<Bytes>| async move {
        let head = Response::builder()
            .header("grpc-status", "5")
            .body(())
            .unwrap();
        respond.send_response(head, true).unwrap();
    })
    .await;
    let (address, _) = site(backend).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = ::h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://app.test/pkg.Service/Call")
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (response, mut send) = client.send_request(request, false).unwrap();
    send.send_data(Bytes::from_static(b"\0\0\0\0\0"), true)
        .unwrap();
    let response = within(response).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "5");
    let mut body = response.into_body();
    assert!(
        within(body.data())
            .await
            .is_none_or(|piece| piece.unwrap().is_empty())
    );
}

#[tokio::test]
async fn messages_of_a_stream_pass_one_by_one_in_both_directions() {
    let backend = backend(
        |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| async move {
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            let mut body = request.into_body();
            while let Some(piece) = body.data().await {
                let piece = piece.unwrap();
                body.flow_control().release_capacity(piece.len()).unwrap();
                send.send_data(piece, false).unwrap();
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            send.send_trailers(trailers).unwrap();
        },
    )
    .await;
    let (address, _) = site(backend).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = ::h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://app.test/")
        .body(())
        .unwrap();
    let (response, mut send) = client.send_request(request, false).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    for n in 0..10 {
        let text = format!("message {n}");
        send.send_data(text.clone().into(), false).unwrap();
        let piece = within(body.data()).await.unwrap().unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        assert_eq!(piece, text);
    }
    send.send_data(Bytes::new(), true).unwrap();
    while let Some(piece) = within(body.data()).await {
        assert_eq!(piece.unwrap(), "");
    }
    let trailers = within(body.trailers()).await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn after_goaway_the_next_request_opens_another_connection() {
    let (address, site) = site(backend(echo).await).await;
    let mut client = Peer::connect(address).await;
    for path in ["/goaway", "/next", "/last"] {
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let head = client.head().await.unwrap();
        assert_eq!((status(&head), field(&head, "x-path")), (200, Some(path)));
        client.read_chunked().await;
    }
    assert_eq!(site.dials.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_reset_response_is_never_a_whole_body() {
    let backend = backend(|_, mut respond: SendResponse<Bytes>| async move {
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        send.send_data("abc".into(), false).unwrap();
        send.send_reset(Reason::INTERNAL_ERROR);
    })
    .await;
    let (address, _) = site(backend).await;
    let mut client = Peer::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    // The reset may overtake the data.
    if let Some(head) = client.head().await {
        let rest = client.rest().await;
        assert!(
            status(&head) == 502 || !rest.ends_with("0\r\n\r\n"),
            "{head}{rest}"
        );
    }
}

#[tokio::test]
async fn many_requests_at_once_share_connections() {
    let (address, site) = site(backend(echo).await).await;
    let clients = (0..50).map(|n| async move {
        let mut client = Peer::connect(address).await;
        for _ in 0..10 {
            client
                .send(format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"))
                .await;
            let head = client.head().await.unwrap();
            assert_eq!(field(&head, "x-path"), Some(&*format!("/{n}")));
            client.read_chunked().await;
        }
    });
    within(futures_join(clients)).await;
    assert_eq!(site.dials.load(Ordering::Relaxed), 1);
}

async fn futures_join<F: Future<Output = ()> + Send>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_on_a_connection_that_ends_is_sent_on_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = ::h2::server::handshake(stream).await.unwrap();
                let first = connection.accept().await.unwrap().unwrap();
                tokio::spawn(echo(first.0, first.1));
                // The connection ends with its second request, which gets no answer.
                let _second = connection.accept().await;
            });
        }
    });
    let (address, site) = site(backend).await;
    let mut client = Peer::connect(address).await;
    for path in ["/first", "/second"] {
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let head = client.head().await.unwrap();
        assert_eq!((status(&head), field(&head, "x-path")), (200, Some(path)));
        client.read_chunked().await;
    }
    assert_eq!(site.dials.load(Ordering::Relaxed), 2);
}
