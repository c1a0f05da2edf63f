//! Checks who calls over TCP: the right Host (against DNS rebinding), no foreign Origin (against web pages), the token.
//! Refusals have an empty body.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use subtle::ConstantTimeEq;

use crate::auth::token::Token;

/// The delay after a first failure; it doubles with each further one.
const MIN_DELAY: Duration = Duration::from_millis(100);
/// Longest delay.
const MAX_DELAY: Duration = Duration::from_secs(1);
/// After this time without a failure a caller's count starts again.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// Most failing addresses that are counted.
const MAX_FAILING: usize = 256;

/// Both ends of the TCP connection a call came over.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionAddresses {
    /// The address that is listened on; it may be that of every interface.
    pub listener: SocketAddr,
    pub local: SocketAddr,
    pub peer: SocketAddr,
}

/// The token that calls need, and the recent failures.
#[derive(Clone)]
pub struct Guard {
    token: Arc<Token>,
    failures: Arc<Mutex<Failures>>,
}

impl Guard {
    pub fn new(token: Arc<Token>) -> Self {
        Self {
            token,
            failures: Arc::default(),
        }
    }

    /// The token that calls need.
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// 401 with an empty body, after a delay that grows with each failure of `peer`.
    pub(crate) async fn unauthorized(&self, peer: IpAddr) -> Response {
        let delay = self.delay_of(peer, Instant::now());
        tokio::time::sleep(delay).await;
        let mut response = empty_response(StatusCode::UNAUTHORIZED);
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    }

    fn delay_of(&self, peer: IpAddr, now: Instant) -> Duration {
        match self.failures.lock() {
            Ok(mut failures) => failures.record(peer, now),
            Err(_) => MAX_DELAY,
        }
    }
}

/// The layer of the API on TCP: passes a call on, or answers 401 or 403 with an empty body.
pub(crate) async fn authorize(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Response {
    let Some(connection) = request.extensions().get::<ConnectionAddresses>().copied() else {
        return empty_response(StatusCode::FORBIDDEN);
    };
    if !host_is_allowed(request.uri(), request.headers(), connection)
        || !origin_is_allowed(request.headers(), connection)
    {
        return empty_response(StatusCode::FORBIDDEN);
    }
    if !token_is_valid(request.headers(), &guard.token) {
        return guard.unauthorized(connection.peer.ip()).await;
    }
    next.run(request).await
}

/// For servers without a token (metrics): the Host and Origin checks only.
pub(crate) async fn check_host_and_origin(request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<ConnectionAddresses>().copied();
    match connection {
        Some(connection)
            if host_is_allowed(request.uri(), request.headers(), connection)
                && origin_is_allowed(request.headers(), connection) =>
        {
            next.run(request).await
        }
        _ => empty_response(StatusCode::FORBIDDEN),
    }
}

/// For what a link on another site may open (the page itself): the Host check only.
pub(crate) async fn check_host(request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<ConnectionAddresses>().copied();
    match connection {
        Some(connection) if host_is_allowed(request.uri(), request.headers(), connection) => {
            next.run(request).await
        }
        _ => empty_response(StatusCode::FORBIDDEN),
    }
}

fn empty_response(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Exactly one `Host`, and it names the address this connection reached, port included (RFC 9112 section 3.2); where the
/// listener is not on loopback, any name or address of this machine. The authority of an absolute-form target has to agree.
pub fn host_is_allowed(uri: &Uri, headers: &HeaderMap, connection: ConnectionAddresses) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    host.to_str()
        .is_ok_and(|host| names_this_server(host, connection))
        && uri
            .authority()
            .is_none_or(|authority| names_this_server(authority.as_str(), connection))
}

/// No Origin, or our own. A cross-site call according to the browser (Fetch Metadata) is refused too.
pub fn origin_is_allowed(headers: &HeaderMap, connection: ConnectionAddresses) -> bool {
    let origins_fit = headers.get_all(header::ORIGIN).iter().all(|origin| {
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|authority| names_this_server(authority, connection))
    });
    let site_fits = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    origins_fit && site_fits
}

fn names_this_server(authority: &str, connection: ConnectionAddresses) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        // A browser leaves out the port of http.
        _ => (authority, Some(80)),
    };
    if port != Some(connection.local.port()) {
        return false;
    }
    let local = connection.local.ip().to_canonical();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if bare.parse::<IpAddr>() == Ok(local) {
        return true;
    }
    (local.is_loopback() && host.eq_ignore_ascii_case("localhost"))
        || (!connection.listener.ip().is_loopback() && privet_system::is_this_machine(bare))
}

fn token_is_valid(headers: &HeaderMap, token: &Token) -> bool {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return false;
    };
    let Some((scheme, secret)) = value.to_str().ok().and_then(|v| v.split_once(' ')) else {
        return false;
    };
    scheme.eq_ignore_ascii_case("bearer")
        && bool::from(secret.trim().as_bytes().ct_eq(token.expose().as_bytes()))
}

/// The recent failures, newest last.
#[derive(Debug, Default)]
struct Failures {
    recent: VecDeque<(IpAddr, u32, Instant)>,
}

impl Failures {
    /// Counts a failure of `peer` and returns the delay of its answer.
    fn record(&mut self, peer: IpAddr, now: Instant) -> Duration {
        self.recent
            .retain(|(_, _, at)| now.saturating_duration_since(*at) < FORGET_AFTER);
        let before = self
            .recent
            .iter()
            .position(|(ip, _, _)| *ip == peer)
            .and_then(|place| self.recent.remove(place))
            .map_or(0, |(_, count, _)| count);
        if self.recent.len() >= MAX_FAILING {
            self.recent.pop_front();
        }
        self.recent.push_back((peer, before.saturating_add(1), now));
        MIN_DELAY
            .saturating_mul(1_u32 << before.min(10))
            .min(MAX_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call to the address that is listened on.
    fn on(address: &str) -> ConnectionAddresses {
        let address = address.parse().unwrap();
        ConnectionAddresses {
            listener: address,
            local: address,
            peer: address,
        }
    }

    fn local() -> ConnectionAddresses {
        on("127.0.0.1:7282")
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn only_a_host_that_names_the_bound_address_passes() {
        let table = [
            (vec!["127.0.0.1:7282"], true),
            (vec!["localhost:7282"], true),
            (vec!["LOCALHOST:7282"], true),
            (vec!["127.0.0.1"], false),
            (vec!["127.0.0.1:80"], false),
            (vec!["localhost"], false),
            (vec!["evil.example:7282"], false),
            (vec!["localhost.evil.example:7282"], false),
            (vec!["127.0.0.1:7282", "127.0.0.1:7282"], false),
            (vec![], false),
            (vec![""], false),
            (vec!["127.0.0.1:7282@evil.example"], false),
        ];
        for (hosts, passes) in table {
            let pairs: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let uri = Uri::from_static("/api/v1/status");
            assert_eq!(
                host_is_allowed(&uri, &headers(&pairs), local()),
                passes,
                "{hosts:?}"
            );
        }
    }

    #[test]
    fn an_absolute_target_must_name_us_too() {
        let host = headers(&[("host", "127.0.0.1:7282")]);
        let foreign = Uri::from_static("http://evil.example/api/v1/status");
        assert!(!host_is_allowed(&foreign, &host, local()));
        let ours = Uri::from_static("http://localhost:7282/api/v1/status");
        assert!(host_is_allowed(&ours, &host, local()));
    }

    #[test]
    fn an_ipv6_listener_is_named_in_brackets_and_localhost_only_where_it_is_loopback() {
        let uri = Uri::from_static("/");
        let six = on("[::1]:7282");
        assert!(host_is_allowed(
            &uri,
            &headers(&[("host", "[::1]:7282")]),
            six
        ));
        let wide = on("192.0.2.7:7282");
        assert!(host_is_allowed(
            &uri,
            &headers(&[("host", "192.0.2.7:7282")]),
            wide
        ));
        assert!(!host_is_allowed(
            &uri,
            &headers(&[("host", "localhost:7282")]),
            wide
        ));
    }

    #[test]
    fn a_server_for_the_network_is_named_by_any_name_and_address_of_this_machine() {
        let name = privet_system::interfaces::host_name().expect("this machine has a name");
        let wide = ConnectionAddresses {
            listener: "0.0.0.0:7282".parse().unwrap(),
            ..local()
        };
        let passes = |host: &str, connection| {
            let headers = headers(&[("host", host)]);
            host_is_allowed(&Uri::from_static("/"), &headers, connection)
        };
        for host in [format!("{name}:7282"), format!("{name}.local:7282")] {
            assert!(passes(&host, wide), "{host}");
            assert!(!passes(&host, local()), "{host} on loopback");
        }
        assert!(passes("localhost:7282", wide));
        for host in [
            &name,
            "evil.example:7282",
            "192.0.2.1:7282",
            "[2001:db8::1]:7282",
        ] {
            assert!(!passes(host, wide), "{host}");
        }
        assert!(passes(&name, on("192.0.2.7:80")));
    }

    #[test]
    fn a_foreign_origin_never_passes() {
        let table = [
            (vec![], true),
            (vec![("origin", "http://127.0.0.1:7282")], true),
            (vec![("origin", "http://localhost:7282")], true),
            (vec![("origin", "https://127.0.0.1:7282")], false),
            (vec![("origin", "http://127.0.0.1:8080")], false),
            (vec![("origin", "http://evil.example")], false),
            (vec![("origin", "null")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
        ];
        for (pairs, passes) in table {
            assert_eq!(
                origin_is_allowed(&headers(&pairs), local()),
                passes,
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn only_the_whole_bearer_token_is_accepted() {
        let token = Token::from_text("abcdef0123456789").unwrap();
        let table = [
            (vec!["Bearer abcdef0123456789"], true),
            (vec!["bearer abcdef0123456789"], true),
            (vec!["Bearer abc12"], false),
            (vec!["Bearer abcdef01234567894"], false),
            (vec!["Bearer "], false),
            (vec!["Basic abcdef0123456789"], false),
            (vec!["abcdef0123456789"], false),
            (
                vec!["Bearer abcdef0123456789", "Bearer abcdef0123456789"],
                false,
            ),
            (vec![], false),
        ];
        for (values, opens) in table {
            let pairs: Vec<_> = values.iter().map(|v| ("authorization", *v)).collect();
            assert_eq!(
                token_is_valid(&headers(&pairs), &token),
                opens,
                "{values:?}"
            );
        }
    }

    #[test]
    fn each_failure_waits_longer_and_a_minute_without_one_resets_it() {
        let mut failures = Failures::default();
        let peer: IpAddr = "127.0.0.1".parse().unwrap();
        let start = Instant::now();
        let delays: Vec<_> = (0..8)
            .map(|_| failures.record(peer, start).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        assert_eq!(failures.record(peer, start + FORGET_AFTER), MIN_DELAY);
    }

    #[test]
    fn many_failing_addresses_do_not_grow_the_memory() {
        let mut failures = Failures::default();
        let now = Instant::now();
        for n in 0..2000_u32 {
            failures.record(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(failures.recent.len(), MAX_FAILING);
    }
}
