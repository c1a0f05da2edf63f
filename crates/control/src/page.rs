//! Serves the page over TCP: built by `npm run build` in `ui`, embedded by `build.rs`. It contains no data and needs no token
//! to load; each of its calls does.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::auth::guard;
use crate::handlers::login_codes::{LoginState, MAX_LOGIN_BODY, log_in};

/// One file of the page.
struct Asset {
    /// Its path under `ui/dist`.
    name: &'static str,
    plain: &'static [u8],
    /// As gzip (RFC 1952), if that is smaller.
    gzip: Option<&'static [u8]>,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page of a program that was built without Node.
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Privet</title>\
<h1>This build of Privet has no page in it</h1>\
<p>It was compiled without Node. <code>cargo xtask run</code> builds the page and starts the program with it. By hand: \
<code>npm ci && npm run build</code> in <code>ui</code>, then build <code>privet</code> again.\
<p>Everything else works: the API is under <code>/api/v1</code>, and <code>privet --help</code> lists the commands.</html>\n";

/// The page may run its own scripts and connect to its own address, nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A file whose name contains its hash never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `/` for any link, and the files that only the page itself may load.
pub(crate) fn router(login: LoginState) -> Router {
    let login = Router::new()
        .route("/login", post(log_in))
        .layer(axum::Extension(login))
        .layer(DefaultBodyLimit::max(MAX_LOGIN_BODY))
        .layer(middleware::from_fn(guard::check_host_and_origin));
    let files = Router::new()
        .route("/assets/{*path}", get(hashed_asset))
        .route(
            "/favicon.svg",
            get(|head| asset("favicon.svg", head, "no-cache")),
        )
        .layer(middleware::from_fn(guard::check_host_and_origin));
    let index = Router::new()
        .route("/", get(index))
        .layer(middleware::from_fn(guard::check_host));
    files
        .merge(login)
        .merge(index)
        .layer(middleware::from_fn(add_headers))
}

async fn index(head: HeaderMap) -> Response {
    if ASSETS.is_empty() {
        return answer(
            NOT_BUILT.as_bytes(),
            "text/html; charset=utf-8",
            "no-cache",
            None,
        );
    }
    asset("index.html", head, "no-cache").await
}

async fn hashed_asset(Path(path): Path<String>, head: HeaderMap) -> Response {
    asset(&format!("assets/{path}"), head, IMMUTABLE).await
}

async fn asset(name: &str, head: HeaderMap, cache_control: &'static str) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    match asset.gzip.filter(|_| accepts_gzip(&head)) {
        Some(gzip) => answer(gzip, media_type(name), cache_control, Some("gzip")),
        None => answer(asset.plain, media_type(name), cache_control, None),
    }
}

fn answer(
    body: &'static [u8],
    media_type: &'static str,
    cache_control: &'static str,
    content_encoding: Option<&'static str>,
) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(cache_control),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = content_encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// RFC 9110 section 12.5.3, as far as browsers use it: `gzip` is named and not refused by `q=0`.
fn accepts_gzip(head: &HeaderMap) -> bool {
    head.get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=");
            name.trim().eq_ignore_ascii_case("gzip")
                && weight.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0))
        })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

async fn add_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(&str, &str); 6] = [
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        let table = [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("x-gzip", false),
        ];
        for (value, takes) in table {
            let mut head = HeaderMap::new();
            head.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&head), takes, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    /// The files of `/` that `index` names and `has` does not know.
    fn missing(index: &str, has: impl Fn(&str) -> bool) -> Vec<String> {
        let names = index.split('"').filter_map(|word| word.strip_prefix('/'));
        names.filter(|name| !has(name)).map(str::to_owned).collect()
    }

    #[test]
    fn a_file_that_is_not_embedded_is_found_missing() {
        let index = r#"<link href="/favicon.svg"><script src="/assets/a.js"></script>"#;
        assert_eq!(
            missing(index, |name| name == "favicon.svg"),
            ["assets/a.js"]
        );
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "says what was not tested")]
    fn every_file_that_the_page_names_is_embedded() {
        let Some(index) = ASSETS.iter().find(|asset| asset.name == "index.html") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "the page is not built: run npm ci && npm run build in ui"
            );
            eprintln!("NOT TESTED: the page is not built (npm ci && npm run build in ui)");
            return;
        };
        let text = String::from_utf8_lossy(index.plain);
        assert!(text.contains("\"/assets/"), "the page names no file");
        let embedded = |name: &str| ASSETS.iter().any(|asset| asset.name == name);
        assert_eq!(missing(&text, embedded), Vec::<String>::new());
    }
}
