//! The PAC server: `GET /proxy.pac` and `/wpad.dat`, generated from the current policy; with `?app=NAME` for the program of that
//! file name, with `?listener=https` for the HTTP proxy over TLS. `GET /ca.pem` is the authority that signed its certificate.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use privet_policy::PacProxy;
use tokio::net::TcpStream;

use crate::accept::connection_limit::ConnectionSlot;
use crate::shared::Shared;

/// The type browsers ask for.
const PAC_TYPE: HeaderValue = HeaderValue::from_static("application/x-ns-proxy-autoconfig");
/// The type by which phones and browsers offer to install an authority.
const CA_TYPE: HeaderValue = HeaderValue::from_static("application/x-x509-ca-cert");

/// Longest file name of a program, in bytes.
const MAX_APP: usize = 255;

pub(crate) async fn serve(
    stream: TcpStream,
    local: SocketAddr,
    listener: SocketAddr,
    shared: Arc<Shared>,
    slot: ConnectionSlot,
) {
    let limit = shared
        .snapshot
        .load()
        .config
        .listen
        .limits
        .handshake_timeout;
    let service = service_fn(|request| {
        let answer = answer(&request, ReachedAddress { local, listener }, &shared);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A PAC file has a few kilobytes: a client that has not read it by then is too slow.
    if let Ok(Err(error)) = tokio::time::timeout(limit.saturating_mul(2), connection).await {
        tracing::debug!(%error, "a PAC client went away");
    }
    drop(slot);
}

/// Where a client connected: the address it reached, and the address that is listened on.
#[derive(Debug, Clone, Copy)]
struct ReachedAddress {
    local: SocketAddr,
    listener: SocketAddr,
}

fn answer<B>(
    request: &Request<B>,
    reached: ReachedAddress,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    // Against DNS rebinding: a web page whose host name resolves to this address is not served.
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let target = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    if !host.or(target).is_some_and(|host| is_ours(host, reached))
        || !target.is_none_or(|host| is_ours(host, reached))
    {
        return plain(StatusCode::FORBIDDEN, "This host is not served here.\n");
    }
    // Pages of other sites must not read the rules or load the file as a script.
    if !origin_is_ours(request.headers(), reached) {
        return plain(
            StatusCode::FORBIDDEN,
            "Pages of other sites are not served here.\n",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET is served here.\n");
    }
    match request.uri().path() {
        "/proxy.pac" | "/wpad.dat" => {
            let query = request.uri().query().unwrap_or_default();
            match (app(query), chosen(query)) {
                (Err(NoName), _) => plain(StatusCode::BAD_REQUEST, "That is no program's name.\n"),
                (_, Err(NoListener)) => {
                    plain(StatusCode::BAD_REQUEST, "The listener is http or https.\n")
                }
                (Ok(app), Ok(listener)) => {
                    let host = host.or(target).map(|host| split_port(host).0);
                    let proxy = proxy(reached.local.ip(), host, listener, shared);
                    script(proxy, shared, app.as_deref())
                }
            }
        }
        "/ca.pem" => authority(shared),
        _ => plain(
            StatusCode::NOT_FOUND,
            "Here are /proxy.pac, /wpad.dat and /ca.pem.\n",
        ),
    }
}

/// The value of `app=` is not a file name.
#[derive(Debug, PartialEq, Eq)]
struct NoName;

/// The program that the file is for.
fn app(query: &str) -> Result<Option<String>, NoName> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let Some((_, name)) = pairs.find(|(key, _)| key == "app") else {
        return Ok(None);
    };
    let is_name = (1..=MAX_APP).contains(&name.len())
        && !name.contains(|letter: char| letter.is_control() || matches!(letter, '/' | '\\'));
    if is_name {
        Ok(Some(name.into_owned()))
    } else {
        Err(NoName)
    }
}

/// Which listener the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChosenListener {
    Http,
    Https,
}

/// The value of `listener=` is not the name of one.
#[derive(Debug, PartialEq, Eq)]
struct NoListener;

/// The listener that a query chooses; `None`: the HTTP listener, else the one over TLS.
fn chosen(query: &str) -> Result<Option<ChosenListener>, NoListener> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(key, _)| key == "listener") {
        None => Ok(None),
        Some((_, name)) if name == "http" => Ok(Some(ChosenListener::Http)),
        Some((_, name)) if name == "https" => Ok(Some(ChosenListener::Https)),
        Some(_) => Err(NoListener),
    }
}

/// The proxy for a client that reached us on `ip` and calls us `host`.
fn proxy(
    ip: IpAddr,
    host: Option<&str>,
    listener: Option<ChosenListener>,
    shared: &Shared,
) -> Option<(ChosenListener, String)> {
    let http = || {
        let address = shared.proxy_for(ip)?;
        Some((ChosenListener::Http, address.to_string()))
    };
    let https = || {
        let address = shared.https_proxy_for(ip)?;
        let snapshot = shared.snapshot.load();
        let name = snapshot.https.as_ref()?.name_for(address.ip(), host)?;
        Some((ChosenListener::Https, format!("{name}:{}", address.port())))
    };
    match listener {
        None => http().or_else(https),
        Some(ChosenListener::Http) => http(),
        Some(ChosenListener::Https) => https(),
    }
}

fn script(
    proxy: Option<(ChosenListener, String)>,
    shared: &Shared,
    app: Option<&str>,
) -> Response<Full<Bytes>> {
    let proxy = match &proxy {
        Some((ChosenListener::Http, at)) => PacProxy::Http(at),
        Some((ChosenListener::Https, at)) => PacProxy::Https(at),
        None => {
            return plain(
                StatusCode::NOT_FOUND,
                "There is no such listener: set [listen] mixed, http or https.\n",
            );
        }
    };
    let snapshot = shared.snapshot.load();
    let text = match app {
        Some(app) => privet_policy::pac_for(&snapshot.policy, proxy, app),
        None => privet_policy::pac(&snapshot.policy, proxy, None),
    };
    file(text.into(), PAC_TYPE)
}

/// The certificate of our own authority, which is no secret.
fn authority(shared: &Shared) -> Response<Full<Bytes>> {
    let snapshot = shared.snapshot.load();
    match snapshot.https.as_ref().and_then(|https| https.authority()) {
        Some(authority) => file(Bytes::copy_from_slice(authority.pem.as_bytes()), CA_TYPE),
        None => plain(
            StatusCode::NOT_FOUND,
            "There is no authority: [listen] has no tls = { self_signed = true }.\n",
        ),
    }
}

fn file(content: Bytes, kind: HeaderValue) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(content));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// No Origin, as from programs that load a PAC, or our own.
fn origin_is_ours(headers: &HeaderMap, reached: ReachedAddress) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|host| is_ours(host, reached))
    })
}

/// Our own address, `localhost` on loopback, or `wpad` (what browsers ask for by discovery), with our port or none. Where the
/// listener is not on loopback, all names and addresses of this machine.
fn is_ours(host: &str, ReachedAddress { local, listener }: ReachedAddress) -> bool {
    let (name, port) = split_port(host);
    if port.is_some_and(|port| port.parse() != Ok(local.port())) {
        return false;
    }
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_named = match bare.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical() == local.ip().to_canonical(),
        Err(_) => {
            (name.eq_ignore_ascii_case("localhost") && local.ip().is_loopback())
                || name.eq_ignore_ascii_case("wpad")
        }
    };
    is_named || (!listener.ip().is_loopback() && privet_system::is_this_machine(bare))
}

/// The name in a Host field, and its port.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_served() {
        let local = on("127.0.0.1:7281");
        for (host, ours) in [
            ("127.0.0.1:7281", true),
            ("localhost:7281", true),
            ("LOCALHOST", true),
            ("127.0.0.1", true),
            ("wpad", true),
            ("127.0.0.1:80", false),
            ("evil.example:7281", false),
            ("127.0.0.2:7281", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host, local), ours, "{host}");
        }
        assert!(is_ours("[::1]:7281", on("[::1]:7281")));
    }

    #[test]
    fn a_listener_for_the_network_is_named_by_this_machine() {
        let name = privet_system::interfaces::host_name().expect("this machine has a name");
        let named = format!("{name}:7281");
        let loopback = on("127.0.0.1:7281");
        let wide = ReachedAddress {
            listener: "0.0.0.0:7281".parse().unwrap(),
            ..loopback
        };
        assert!(is_ours(&named, wide));
        assert!(!is_ours(&named, loopback));
        assert!(!is_ours("evil.example:7281", wide));
        assert!(!is_ours("192.0.2.1:7281", wide));
    }

    /// Reached where it listens.
    fn on(address: &str) -> ReachedAddress {
        let address = address.parse().unwrap();
        ReachedAddress {
            local: address,
            listener: address,
        }
    }

    #[test]
    fn a_program_is_named_by_its_file_name() {
        for (query, named) in [
            ("", Ok(None)),
            ("x=1", Ok(None)),
            ("app=firefox", Ok(Some("firefox"))),
            ("a=b&app=my%20app", Ok(Some("my app"))),
            ("app=", Err(NoName)),
            ("app=..%2Fx", Err(NoName)),
            ("app=a%0Ab", Err(NoName)),
            (&format!("app={}", "x".repeat(256)), Err(NoName)),
        ] {
            let named = named.map(|name| name.map(str::to_owned));
            assert_eq!(app(query), named, "{query}");
        }
    }

    #[test]
    fn the_query_chooses_the_listener() {
        for (query, listener) in [
            ("", Ok(None)),
            ("app=firefox", Ok(None)),
            ("listener=http", Ok(Some(ChosenListener::Http))),
            ("app=x&listener=https", Ok(Some(ChosenListener::Https))),
            ("listener=socks", Err(NoListener)),
        ] {
            assert_eq!(chosen(query), listener, "{query}");
        }
    }

    #[test]
    fn a_page_of_another_site_gets_no_pac() {
        let local = on("127.0.0.1:7281");
        for (origin, ours) in [
            ("http://127.0.0.1:7281", true),
            ("http://localhost:7281", true),
            ("http://evil.example", false),
            ("https://127.0.0.1:7281", false),
            ("http://127.0.0.1:7282", false),
            ("null", false),
        ] {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            assert_eq!(origin_is_ours(&headers, local), ours, "{origin}");
        }
        assert!(origin_is_ours(&HeaderMap::new(), local));
    }
}
