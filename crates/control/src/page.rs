//! The page on the TCP door: built by `npm run build` in `ui`, taken into the program by `build.rs`. It holds no data and
//! needs no token to load; each of its calls does.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::guard;

/// One file of the page.
struct Asset {
    /// Its path under `ui/dist`.
    name: &'static str,
    plain: &'static [u8],
    /// As gzip (RFC 1952), where that is smaller.
    packed: Option<&'static [u8]>,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What stands in the page's place in a program that was built without Node.
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Privet</title>\
<h1>This build of Privet has no page in it</h1>\
<p>It was compiled without Node. <code>cargo xtask run</code> builds the page and starts the program with it. By hand: \
<code>npm ci && npm run build</code> in <code>ui</code>, then build <code>privet</code> again.\
<p>Everything else works: the API is under <code>/api/v1</code>, and <code>privet --help</code> lists the commands.</html>\n";

/// The page may run its own scripts and speak to its own address, and do nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A file whose name holds its hash never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// `/` for whoever has the address, and the files it loads for itself alone.
pub(crate) fn router() -> Router {
    let files = Router::new()
        .route("/assets/{*path}", get(hashed))
        .route(
            "/favicon.svg",
            get(|head| file("favicon.svg", head, "no-cache")),
        )
        .layer(middleware::from_fn(guard::admit_local));
    let index = Router::new()
        .route("/", get(index))
        .layer(middleware::from_fn(guard::admit_host));
    files.merge(index).layer(middleware::from_fn(harden))
}

async fn index(head: HeaderMap) -> Response {
    if ASSETS.is_empty() {
        return answer(
            NOT_BUILT.as_bytes(),
            "text/html; charset=utf-8",
            "no-cache",
            false,
        );
    }
    file("index.html", head, "no-cache").await
}

async fn hashed(Path(path): Path<String>, head: HeaderMap) -> Response {
    file(&format!("assets/{path}"), head, FOREVER).await
}

async fn file(name: &str, head: HeaderMap, keep: &'static str) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    match asset.packed.filter(|_| takes_gzip(&head)) {
        Some(packed) => answer(packed, media_type(name), keep, true),
        None => answer(asset.plain, media_type(name), keep, false),
    }
}

fn answer(body: &'static [u8], kind: &'static str, keep: &'static str, packed: bool) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// RFC 9110 section 12.5.3, as far as browsers use it: `gzip` is named and not refused by `q=0`.
fn takes_gzip(head: &HeaderMap) -> bool {
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

async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(&str, &str); 6] = [
        ("content-security-policy", POLICY),
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
    fn gzip_is_sent_to_those_who_take_it() {
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
            assert_eq!(takes_gzip(&head), takes, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn every_file_that_the_page_names_is_in_the_program() {
        let Some(index) = ASSETS.iter().find(|asset| asset.name == "index.html") else {
            return;
        };
        let text = String::from_utf8_lossy(index.plain);
        for name in text.split('"').filter_map(|word| word.strip_prefix('/')) {
            assert!(ASSETS.iter().any(|asset| asset.name == name), "{name}");
        }
    }
}
