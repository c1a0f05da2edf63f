//! A gateway that allows everything but what a test forbids.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection};
use privet_gateway::{CacheAccess, Gateway, HttpTimeouts, Refusal, RequestContext, RouteDecision};
use privet_net::AbsoluteForm;
use privet_net::HttpProxyMode;
use privet_net::{Connected, DialError, DialErrorKind, DialTimings, Stream};
use privet_policy::{Outbound, Route, Why, WhyKind};
use tokio::io::BufWriter;
use tokio::net::TcpStream;

#[derive(Clone)]
pub struct TestGateway {
    pub connection_log: ConnectionLog,
    pub headers: HeaderMode,
    pub cache: Option<CacheAccess>,
    pub login: Option<(&'static str, &'static str)>,
    /// A host that is blocked, and why.
    pub blocked: Option<(&'static str, WhyKind)>,
    /// An HTTP proxy, with its credentials, that every target is reached through.
    pub upstream: Option<(SocketAddr, Option<&'static str>)>,
    /// The stream is boxed and buffers until it is flushed, as TLS does.
    pub boxed: bool,
    /// Every connection is cancelled as it is recorded, as after a reload in between.
    pub forbids: bool,
    pub handshake: Duration,
    pub request_body: Duration,
    pub response_header: Duration,
    pub idle: Duration,
    /// Incremented by tests that reload.
    pub generation: Arc<AtomicU64>,
    pub dials: Arc<AtomicUsize>,
    pub recorded: Arc<AtomicUsize>,
    pub logins: Arc<AtomicUsize>,
    pub urls: Arc<Mutex<Vec<String>>>,
}

impl Default for TestGateway {
    fn default() -> Self {
        Self {
            connection_log: ConnectionLog::default(),
            headers: HeaderMode::Reduced,
            cache: None,
            login: None,
            blocked: None,
            upstream: None,
            boxed: false,
            forbids: false,
            handshake: Duration::from_secs(20),
            request_body: Duration::from_secs(60),
            response_header: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            generation: Arc::default(),
            dials: Arc::default(),
            recorded: Arc::default(),
            logins: Arc::default(),
            urls: Arc::default(),
        }
    }
}

impl TestGateway {
    fn why(&self, kind: WhyKind, text: &str) -> Why {
        Why {
            kind,
            text: text.into(),
        }
    }
}

impl Gateway for TestGateway {
    fn policy_generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn requires_authentication(&self) -> bool {
        self.login.is_some()
    }

    async fn authenticate(&self, _: IpAddr, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        self.logins.fetch_add(1, Ordering::Relaxed);
        let (user, secret) = self.login?;
        (name == user.as_bytes() && password == secret.as_bytes()).then(|| user.into())
    }

    async fn decide(&self, context: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        if let Some(url) = context.url {
            self.urls.lock().unwrap().push(url.to_owned());
        }
        if let Some((host, kind)) = self.blocked
            && context.target.host.to_string() == host
        {
            return Err(Refusal::Blocked(
                self.why(kind, "list \"ads\" <b>line 3</b>"),
            ));
        }
        // A pool of its own for each proxy: tests on one thread must not share connections.
        let key = Arc::as_ptr(&self.dials) as u64;
        Ok(RouteDecision {
            policy_generation: 0,
            route: Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
            pool_key: key,
            why: self.why(WhyKind::Mode, "all is allowed"),
            treatment: privet_policy::Treatment::default(),
            header_mode: self.headers,
            app: None,
            addresses: Vec::new(),
            cache: self.cache.clone(),
            scanner: None,
        })
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        _: &RouteDecision,
        mode: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let failed = |kind, text: String| {
            Refusal::Failed(DialError {
                kind,
                hop: None,
                text,
            })
        };
        let address = match (&self.upstream, context.target.host.to_string().as_str()) {
            (Some((address, _)), _) => *address,
            (None, "nowhere.test") => {
                return Err(failed(
                    DialErrorKind::NameNotFound,
                    "nowhere.test does not exist".into(),
                ));
            }
            (None, "slow.test") => {
                return Err(failed(DialErrorKind::TimedOut, "no answer".into()));
            }
            (None, _) => SocketAddr::from(([127, 0, 0, 1], context.target.port)),
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| failed(DialErrorKind::Refused, error.to_string()))?;
        Ok(Connected {
            local: stream.local_addr().ok(),
            remote: stream.peer_addr().ok(),
            stream: if self.boxed {
                Stream::Boxed(Box::pin(BufWriter::new(stream)))
            } else {
                Stream::Tcp(stream)
            },
            preread: Default::default(),
            route: "direct".into(),
            timings: DialTimings::default(),
            alpn: None,
            absolute_form: self
                .upstream
                .filter(|_| mode == HttpProxyMode::AbsoluteForm)
                .map(|(_, login)| AbsoluteForm {
                    authorization: login.map(Arc::from),
                }),
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
        self.recorded.fetch_add(1, Ordering::Relaxed);
        let live = self.connection_log.open(NewConnection {
            listener: context.listener,
            client: context.client,
            protocol: context.protocol,
            user: context.user.cloned(),
            app: None,
            target: context.target.clone(),
            route: connected.route.clone(),
            why: decision.why.clone(),
        });
        if self.forbids {
            live.row().cancel(CloseReason::Reload);
        }
        live
    }

    fn record_refused(&self, _: &RequestContext<'_>, _: &Why, _: CloseReason, _: Option<String>) {}

    fn handshake_timeout(&self) -> Duration {
        self.handshake
    }

    fn http_timeouts(&self) -> HttpTimeouts {
        HttpTimeouts {
            request_header: self.handshake,
            request_body: self.request_body,
            response_header: self.response_header,
            idle: self.idle,
        }
    }

    fn idle_timeout(&self) -> Duration {
        self.idle
    }
}
