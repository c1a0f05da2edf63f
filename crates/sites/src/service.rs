//! The service behind the request connections of a site's listener: admits a request, chooses its backend, dials, and says
//! how its heads are rewritten.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_balance::Failure;
use privet_config::BackendScheme;
use privet_connection_log::{CloseReason, LiveConnection, NewConnection};
use privet_gateway::HttpTimeouts;
use privet_http::head::target::TargetRule;
use privet_http::head::{BodyLength, RequestHead};
use privet_http::service::{
    Attempt, ConnectionInfo, DialFailure, OwnResponse, Plan, Request, ResponseFormat, Service,
    Session,
};
use privet_http::turn;
use privet_net::{Connected, DialErrorKind, HttpProxyMode};
use privet_policy::{Listener, Protocol, Target, Why, WhyKind};
use privet_scan::RequestScanner;
use privet_tls::Alpn;
use smallvec::SmallVec;

use crate::backend_pool::seed;
use crate::error_page::{PageForm, SiteError};
use crate::forwarded::{Forwarded, SURROGATE_CAPABILITY};
use crate::path::{path_of, strip_len};
use crate::request_host::host_of;
use crate::site::Site;
use crate::site_fetch::SiteFetch;
use crate::site_host::SiteHost;
use crate::tls::ClientTls;
use crate::tunnel_lease::TunnelLease;

/// The limit for opening a connection to a backend.
const DIAL: Duration = Duration::from_secs(5);
/// The most backends that one request is sent to.
pub(crate) const MAX_ATTEMPTS: usize = 5;

/// The sites of one listener.
#[derive(Clone)]
pub struct SiteService<H> {
    pub host: H,
    /// The listener's address as configured.
    pub listener: SocketAddr,
    /// The client's TLS connection; `None`: it does not speak TLS.
    pub tls: Option<ClientTls>,
    pub tunnel: TunnelLease,
}

impl<H: SiteHost> SiteService<H> {
    fn plan_fetch(&self, request: &Request<'_>) -> Result<SiteFetch, SiteError> {
        let host = &request.target.host;
        let tls = self.tls.as_ref();
        if tls.is_some_and(|tls| tls.misdirects(host)) {
            return Err(SiteError::UnknownHost);
        }
        self.host.with_table(|table| {
            let site = table.find(self.listener, host);
            let site = site.ok_or(SiteError::UnknownHost)?;
            site.counters.requested();
            let mut fetch = self.plan_of_site(request, site, turn::now().into_std());
            match &mut fetch {
                Ok(fetch) => {
                    if site.config.cache {
                        fetch.cache = table.cache().cloned();
                    }
                    fetch.scanner = table.scanner().cloned().map(RequestScanner::new);
                }
                Err(_) => site.counters.refused(),
            }
            fetch
        })
    }

    fn plan_of_site(
        &self,
        request: &Request<'_>,
        site: &Arc<Site>,
        now: Instant,
    ) -> Result<SiteFetch, SiteError> {
        let head = request.head;
        let client = request.connection.peer.ip();
        if site.check_access(client).is_err() {
            return Err(SiteError::Forbidden);
        }
        if site.max_head().is_some_and(|most| head.len as u64 > most) {
            return Err(SiteError::HeadTooLarge);
        }
        site.check_rate(client, now)?;
        if let (BodyLength::Known(length), Some(most)) = (head.body, site.max_body())
            && length > most
        {
            return Err(SiteError::BodyTooLarge);
        }
        let path_and_query = head.path(request.bytes);
        let path = path_of(path_and_query);
        let pool = site.pool_for(path)?.clone();
        let fields = head.fields.iter().map(|field| {
            let bytes = request.bytes;
            (field.name.of_buffer(bytes), field.value.of_buffer(bytes))
        });
        let key = site.hash_on.key(client, path, fields);
        let prefix = pool.stripped_prefix();
        let (host_len, mut fields) = self.fields(request, client, prefix);
        if site.config.cache {
            fields.extend_from_slice(SURROGATE_CAPABILITY);
        }
        let mut fetch = SiteFetch {
            strip: strip_len(path_and_query, prefix),
            site: site.clone(),
            pool,
            lease: None,
            tried: SmallVec::new(),
            key,
            attempt_started: now,
            fields,
            host_len,
            tls: self.tls.is_some(),
            http1_only: false,
            cache: None,
            scanner: None,
        };
        // The cache may answer without a backend: one is chosen when it does not.
        match site.config.cache || fetch.select(now) {
            true => Ok(fetch),
            false => Err(SiteError::Unavailable),
        }
    }

    /// The value of `Host` as the client sent it, and the field lines that say who asks.
    fn fields(
        &self,
        request: &Request<'_>,
        client: std::net::IpAddr,
        prefix: &[u8],
    ) -> (usize, Vec<u8>) {
        let host = host_of(request);
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&host);
        let forwarded = Forwarded {
            client,
            host: &host,
            tls: self.tls.is_some(),
            prefix: prefix.strip_suffix(b"/").unwrap_or(prefix),
        };
        forwarded.write(&mut out);
        (host.len(), out)
    }

    fn new_connection(
        &self,
        connection: ConnectionInfo,
        target: &Target,
        site: &str,
        route: Arc<str>,
    ) -> NewConnection {
        NewConnection {
            listener: Listener::Site,
            client: connection.peer,
            protocol: Protocol::Http,
            user: None,
            app: None,
            target: target.clone(),
            route,
            why: Why {
                kind: WhyKind::Site,
                text: format!("site {site}").into(),
            },
        }
    }
}

fn respond(error: SiteError) -> OwnResponse {
    Box::new(move |format: ResponseFormat| {
        let mut out = Vec::with_capacity(768);
        let form = PageForm {
            close: format.close,
            head_only: format.head_only,
            json: format.json,
        };
        error.write(&mut out, form);
        out
    })
}

impl<H: SiteHost> Service for SiteService<H> {
    const RETRIES: bool = true;
    const IS_PUBLIC: bool = true;

    type Fetch = SiteFetch;

    fn targets(&self) -> TargetRule {
        match self.tls {
            Some(_) => TargetRule::TlsOrigin,
            None => TargetRule::Origin,
        }
    }

    fn awaits_request(&self) {
        self.host.awaits_request();
    }

    fn request_begun(&self) {
        self.host.request_begun();
    }

    fn request_arrived(&self) {
        self.host.request_arrived();
    }

    fn stopping(&self) -> impl Future<Output = ()> + Send {
        self.host.stopping()
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

    async fn plan(&self, request: &Request<'_>) -> Plan<SiteFetch> {
        match self.plan_fetch(request) {
            Ok(fetch) => Plan::Fetch(fetch),
            Err(error) => Plan::Respond(respond(error)),
        }
    }

    fn prepare(&self, fetch: &mut SiteFetch) -> Result<(), OwnResponse> {
        if fetch.lease.is_some() || fetch.select(Instant::now()) {
            return Ok(());
        }
        fetch.site.counters.refused();
        Err(respond(SiteError::Unavailable))
    }

    async fn dial(
        &self,
        _: &Request<'_>,
        fetch: &SiteFetch,
        _: HttpProxyMode,
    ) -> Result<Connected, DialFailure> {
        let Some(backend) = fetch.backend() else {
            return Err(respond(SiteError::Unavailable).into());
        };
        let dialer = self.host.with_table(|table| table.dialer().clone());
        let scheme = backend.endpoint.url().scheme();
        let offer: &[Alpn] = match fetch.http1_only {
            true => &[Alpn::Http11],
            false => &[Alpn::H2, Alpn::Http11],
        };
        match dialer.dial_offering(&backend.endpoint, offer, DIAL).await {
            Ok(connected) => {
                if scheme == BackendScheme::Https && !fetch.http1_only {
                    backend.spoken.set(connected.alpn);
                }
                Ok(Connected {
                    route: backend.route.clone(),
                    alpn: match scheme {
                        BackendScheme::H2c => Some(Alpn::H2),
                        _ => connected.alpn,
                    },
                    ..connected
                })
            }
            Err(error) => {
                tracing::debug!(site = %fetch.site.name, backend = %backend.endpoint.url(), "{error}");
                Err(DialFailure {
                    response: respond(match error.kind {
                        DialErrorKind::TimedOut => SiteError::Timeout,
                        DialErrorKind::Exhausted => SiteError::Unavailable,
                        _ => SiteError::BadGateway,
                    }),
                    unreachable: error.kind != DialErrorKind::Exhausted,
                })
            }
        }
    }

    fn next_attempt(&self, fetch: &mut SiteFetch) -> bool {
        let now = Instant::now();
        if let Some(lease) = fetch.lease.take() {
            fetch.tried.push(lease.member());
        }
        if fetch.tried.len() >= MAX_ATTEMPTS || fetch.tried.len() >= fetch.pool.backends().len() {
            return false;
        }
        if !fetch.pool.may_retry(now) || !fetch.select(now) {
            return false;
        }
        fetch.site.counters.retried();
        true
    }

    fn attempt_ended(&self, fetch: &mut SiteFetch, attempt: Attempt) {
        let Some(lease) = &fetch.lease else {
            return;
        };
        match attempt {
            Attempt::Answered { status, at } => {
                fetch.site.counters.responded(status);
                match status {
                    // It is a gateway too, and says that it cannot serve.
                    502..=504 => lease.failed(Failure::ServerError, at, seed()),
                    _ => {
                        let took = at.saturating_duration_since(fetch.attempt_started);
                        lease.succeeded(Some(took), at);
                    }
                }
                if status == 101 {
                    self.tunnel.keep(fetch.lease.take());
                }
            }
            // A backend that speaks HTTP/2 only is not down.
            Attempt::Unreachable if fetch.http1_only => {}
            Attempt::Unreachable => lease.failed(Failure::Connect, Instant::now(), seed()),
            Attempt::Failed => lease.failed(Failure::Reset, Instant::now(), seed()),
            Attempt::Abandoned => {}
        }
    }

    fn answered_from_cache(&self, fetch: &SiteFetch, status: u16) {
        fetch.site.counters.responded(status);
    }

    fn record(
        &self,
        request: &Request<'_>,
        fetch: &SiteFetch,
        connected: &Connected,
    ) -> LiveConnection {
        let opened = self.new_connection(
            request.connection,
            request.target,
            &fetch.site.name,
            connected.route.clone(),
        );
        let live = self.host.connection_log().open(opened);
        if let Some(remote) = connected.remote {
            live.set_remote(remote);
        }
        live
    }

    fn record_refused(
        &self,
        request: &Request<'_>,
        fetch: &SiteFetch,
        end: CloseReason,
        error: Option<String>,
    ) {
        let route = fetch
            .backend()
            .map_or_else(|| "–".into(), |backend| backend.route.clone());
        let refused =
            self.new_connection(request.connection, request.target, &fetch.site.name, route);
        self.host
            .connection_log()
            .record_refused(refused, end, error);
    }

    /// Anyone can send malformed requests to a site: they are logged and get no row.
    async fn record_malformed(&self, _: &Session, connection: ConnectionInfo, error: String) {
        tracing::debug!(peer = %connection.peer, listener = %self.listener, "malformed request: {error}");
    }

    fn failure(&self, status: u16, _: &'static str, _: String) -> OwnResponse {
        respond(match status {
            413 => SiteError::BodyTooLarge,
            504 => SiteError::Timeout,
            503 => SiteError::Unavailable,
            _ => SiteError::BadGateway,
        })
    }

    fn timeouts(&self) -> HttpTimeouts {
        self.host.timeouts()
    }
}
