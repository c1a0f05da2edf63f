//! An HTTP archive (HAR 1.2): an entry for each recorded request, and one for each connection without any, because nothing
//! of it could be read (a tunnel) or is kept. Extra fields begin with `_`, as the format asks.

mod connection;
mod request;

use privet_api::connections::ConnectionRow;
use privet_api::requests::RequestRow;
use serde::Serialize;

/// HAR's number for "does not apply" and "not known".
const NONE: f64 = -1.0;
/// The content type where none is known.
const NO_TYPE: &str = "x-unknown";

/// What an entry stands for.
pub enum Exported {
    /// A connection without recorded requests.
    Connection(ConnectionRow),
    Request(RequestRow),
}

#[derive(Serialize)]
struct Archive<'a> {
    log: Log<'a>,
}

#[derive(Serialize)]
struct Log<'a> {
    version: &'static str,
    creator: Creator,
    entries: Vec<Entry<'a>>,
    comment: &'static str,
}

#[derive(Serialize)]
struct Creator {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    started_date_time: String,
    /// Milliseconds in all.
    time: f64,
    request: HarRequest<'a>,
    response: HarResponse<'a>,
    cache: Cache<'a>,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<&'a str>,
    connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// "request" or "connection".
    #[serde(rename = "_kind")]
    kind: &'static str,
    #[serde(rename = "_privet")]
    privet: Source<'a>,
}

/// The row that an entry was made of.
#[derive(Serialize)]
#[serde(untagged)]
enum Source<'a> {
    Connection(&'a ConnectionRow),
    Request(&'a RequestRow),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest<'a> {
    method: &'a str,
    url: String,
    http_version: &'a str,
    cookies: [Empty; 0],
    headers: [Empty; 0],
    query_string: Vec<NameValue<'a>>,
    headers_size: i64,
    body_size: i64,
}

#[derive(Serialize)]
struct NameValue<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse<'a> {
    /// 0 where nothing came, or where Privet did not read what came.
    status: u16,
    status_text: &'a str,
    http_version: &'a str,
    cookies: [Empty; 0],
    headers: [Empty; 0],
    content: Content<'a>,
    #[serde(rename = "redirectURL")]
    redirect_url: &'static str,
    headers_size: i64,
    body_size: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    size: i64,
    mime_type: &'a str,
}

#[derive(Serialize)]
struct Cache<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

#[derive(Serialize)]
struct Timings {
    blocked: f64,
    dns: f64,
    /// With `ssl`, as HAR counts it.
    connect: f64,
    send: f64,
    wait: f64,
    receive: f64,
    ssl: f64,
}

#[derive(Serialize)]
struct Empty {}

/// A whole archive.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn write<'a>(rows: impl IntoIterator<Item = &'a Exported>) -> serde_json::Result<Vec<u8>> {
    let entries = rows.into_iter().map(|row| match row {
        Exported::Connection(row) => connection::entry(row),
        Exported::Request(row) => request::entry(row),
    });
    serde_json::to_vec(&Archive {
        log: Log {
            version: "1.2",
            creator: Creator {
                name: "Privet",
                version: env!("CARGO_PKG_VERSION"),
            },
            entries: entries.collect(),
            comment: "_kind is \"request\", or \"connection\" for a connection whose requests are not readable or not \
                      kept. Header fields and bodies are not kept.",
        },
    })
}

impl Timings {
    /// Of phases in milliseconds; `wait` is the time from the last phase to the first byte.
    fn new([dns, connect, tls]: [Option<f64>; 3], wait: f64, receive: f64) -> Self {
        Self {
            blocked: NONE,
            dns: dns.unwrap_or(NONE),
            connect: connect.map_or(NONE, |ms| ms + tls.unwrap_or_default()),
            send: 0.0,
            wait,
            receive,
            ssl: tls.unwrap_or(NONE),
        }
    }

    /// All that apply; `ssl` lies within `connect`.
    fn sum(&self) -> f64 {
        [
            self.blocked,
            self.dns,
            self.connect,
            self.send,
            self.wait,
            self.receive,
        ]
        .into_iter()
        .filter(|ms| *ms > 0.0)
        .sum()
    }
}

/// A phase in milliseconds, if it is one.
fn known(ms: Option<f64>) -> Option<f64> {
    ms.filter(|ms| ms.is_finite() && *ms >= 0.0)
}

/// HAR's numbers are signed.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
