//! The PAC server: `GET /proxy.pac` and `/wpad.dat`, generated from the current policy; with `?app=NAME` for the program of that
//! file name.

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
use tokio::net::TcpStream;

use crate::accept::connection_limit::ConnectionSlot;
use crate::shared::Shared;

/// The type browsers ask for.
const PAC_TYPE: HeaderValue = HeaderValue::from_static("application/x-ns-proxy-autoconfig");

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
        let answer = answer(&request, Reached { local, listener }, &shared);
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
struct Reached {
    local: SocketAddr,
    listener: SocketAddr,
}

fn answer<B>(request: &Request<B>, reached: Reached, shared: &Shared) -> Response<Full<Bytes>> {
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
        "/proxy.pac" | "/wpad.dat" => match app(request.uri().query().unwrap_or_default()) {
            Ok(app) => script(reached.local, shared, app.as_deref()),
            Err(NoName) => plain(StatusCode::BAD_REQUEST, "That is no program's name.\n"),
        },
        _ => plain(
            StatusCode::NOT_FOUND,
            "Here are /proxy.pac and /wpad.dat.\n",
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

fn script(local: SocketAddr, shared: &Shared, app: Option<&str>) -> Response<Full<Bytes>> {
    let snapshot = shared.snapshot.load();
    let Some(proxy) = shared.proxy_for(local.ip()) else {
        return plain(
            StatusCode::NOT_FOUND,
            "There is no HTTP listener: set [listen] mixed or http.\n",
        );
    };
    let proxy = proxy.to_string();
    let text = match app {
        Some(app) => privet_policy::pac_for(&snapshot.policy, &proxy, app),
        None => privet_policy::pac(&snapshot.policy, &proxy, None),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(CONTENT_TYPE, PAC_TYPE);
    let headers = response.headers_mut();
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
fn origin_is_ours(headers: &HeaderMap, reached: Reached) -> bool {
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
fn is_ours(host: &str, Reached { local, listener }: Reached) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
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
        let wide = Reached {
            listener: "0.0.0.0:7281".parse().unwrap(),
            ..loopback
        };
        assert!(is_ours(&named, wide));
        assert!(!is_ours(&named, loopback));
        assert!(!is_ours("evil.example:7281", wide));
        assert!(!is_ours("192.0.2.1:7281", wide));
    }

    /// Reached where it listens.
    fn on(address: &str) -> Reached {
        let address = address.parse().unwrap();
        Reached {
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
