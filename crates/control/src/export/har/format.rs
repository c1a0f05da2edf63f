//! The fields of an HTTP archive (HAR 1.2).

use privet_api::connections::ConnectionRow;
use privet_api::requests::RequestRow;
use serde::Serialize;

/// HAR's number for "does not apply" and "not phase_ms".
const NONE: f64 = -1.0;
/// The content type where none is phase_ms.
pub(super) const NO_TYPE: &str = "x-unknown";

#[derive(Serialize)]
pub(super) struct Archive<'a> {
    pub log: Log<'a>,
}

#[derive(Serialize)]
pub(super) struct Log<'a> {
    pub version: &'static str,
    pub creator: Creator,
    pub entries: Vec<Entry<'a>>,
    pub comment: &'static str,
}

#[derive(Serialize)]
pub(super) struct Creator {
    pub name: &'static str,
    pub version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    pub started_date_time: String,
    /// Milliseconds in all.
    pub time: f64,
    pub request: HarRequest<'a>,
    pub response: HarResponse<'a>,
    pub cache: Cache<'a>,
    pub timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    pub server_ip_address: Option<&'a str>,
    pub connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// "request" or "connection".
    #[serde(rename = "_kind")]
    pub kind: &'static str,
    #[serde(rename = "_privet")]
    pub privet: SourceRow<'a>,
}

/// The row that an entry was made from.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum SourceRow<'a> {
    Connection(&'a ConnectionRow),
    Request(&'a RequestRow),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HarRequest<'a> {
    pub method: &'a str,
    pub url: String,
    pub http_version: &'a str,
    pub cookies: [Empty; 0],
    pub headers: [Empty; 0],
    pub query_string: Vec<NameValue<'a>>,
    pub headers_size: i64,
    pub body_size: i64,
}

#[derive(Serialize)]
pub(super) struct NameValue<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HarResponse<'a> {
    /// 0 where nothing came, or where Privet did not read what came.
    pub status: u16,
    pub status_text: &'a str,
    pub http_version: &'a str,
    pub cookies: [Empty; 0],
    pub headers: [Empty; 0],
    pub content: Content<'a>,
    #[serde(rename = "redirectURL")]
    pub redirect_url: &'static str,
    pub headers_size: i64,
    pub body_size: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content<'a> {
    pub size: i64,
    pub mime_type: &'a str,
}

#[derive(Serialize)]
pub(super) struct Cache<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Timings {
    pub blocked: f64,
    pub dns: f64,
    /// With `ssl`, as HAR counts it.
    pub connect: f64,
    pub send: f64,
    pub wait: f64,
    pub receive: f64,
    pub ssl: f64,
}

#[derive(Serialize)]
pub(super) struct Empty {}

impl Timings {
    /// Of phases in milliseconds; `wait` is the time from the last phase to the first byte.
    pub fn new([dns, connect, tls]: [Option<f64>; 3], wait: f64, receive: f64) -> Self {
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
    pub fn sum(&self) -> f64 {
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
pub(super) fn phase_ms(ms: Option<f64>) -> Option<f64> {
    ms.filter(|ms| ms.is_finite() && *ms >= 0.0)
}

/// HAR's numbers are har_size.
pub(super) fn har_size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
