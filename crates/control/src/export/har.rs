//! Connections as an HTTP archive (HAR 1.2). The connection log contains connections, not requests: a tunnel is one entry
//! with CONNECT, an HTTP connection one entry with an unknown method and path. Sizes and times are those of the connection.

use privet_api::connections::ConnectionRow;
use serde::Serialize;

/// The method of an entry whose method is not known.
const NO_METHOD: &str = "UNKNOWN";
/// HAR's number for "does not apply" and "not known".
const NONE: f64 = -1.0;

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
    cache: Empty,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<&'a str>,
    connection: String,
    comment: &'a str,
    #[serde(rename = "_privet")]
    privet: &'a ConnectionRow,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest<'a> {
    method: &'a str,
    url: String,
    http_version: &'static str,
    cookies: [Empty; 0],
    headers: [Empty; 0],
    query_string: [Empty; 0],
    headers_size: i64,
    body_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse<'a> {
    /// 0 where nothing came, or where Privet did not read what came.
    status: u16,
    status_text: &'a str,
    http_version: &'static str,
    cookies: [Empty; 0],
    headers: [Empty; 0],
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: &'static str,
    headers_size: i64,
    body_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    size: u64,
    mime_type: &'static str,
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
pub fn write<'a>(rows: impl IntoIterator<Item = &'a ConnectionRow>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Archive {
        log: Log {
            version: "1.2",
            creator: Creator {
                name: "Privet",
                version: env!("CARGO_PKG_VERSION"),
            },
            entries: rows.into_iter().map(entry).collect(),
            comment: "One entry a connection: paths, methods and bodies are not kept.",
        },
    })
}

fn entry(row: &ConnectionRow) -> Entry<'_> {
    let timings = timings(row);
    Entry {
        started_date_time: super::timestamp(row.started),
        time: timings.sum(),
        request: request(row),
        response: response(row),
        cache: Empty {},
        timings,
        server_ip_address: row.remote.as_deref().map(without_port),
        connection: row.id.to_string(),
        comment: row.error.as_deref().unwrap_or(&row.reason),
        privet: row,
    }
}

fn is_http(row: &ConnectionRow) -> bool {
    row.protocol == "http"
}

fn request(row: &ConnectionRow) -> HarRequest<'_> {
    let host = if row.host.contains(':') {
        format!("[{}]", row.host)
    } else {
        row.host.clone()
    };
    let (method, scheme) = if is_http(row) {
        (NO_METHOD, "http")
    } else {
        ("CONNECT", if row.port == 443 { "https" } else { "tcp" })
    };
    HarRequest {
        method,
        url: format!("{scheme}://{host}:{}/", row.port),
        http_version: version(row),
        cookies: [],
        headers: [],
        query_string: [],
        headers_size: -1,
        body_size: row.up,
    }
}

fn response(row: &ConnectionRow) -> HarResponse<'_> {
    let was_open = !matches!(row.verdict.as_str(), "blocked" | "failed");
    let (status, status_text) = match (was_open, is_http(row)) {
        (true, false) => (200, "Connection established"),
        (true, true) => (0, "not kept"),
        (false, _) => (0, row.verdict.as_str()),
    };
    HarResponse {
        status,
        status_text,
        http_version: version(row),
        cookies: [],
        headers: [],
        content: Content {
            size: row.down,
            mime_type: "x-unknown",
        },
        redirect_url: "",
        headers_size: -1,
        body_size: row.down,
    }
}

fn version(row: &ConnectionRow) -> &'static str {
    match row.protocol.as_str() {
        "socks5" | "udp" => "SOCKS5",
        "socks4" => "SOCKS4",
        _ => "HTTP/1.1",
    }
}

fn timings(row: &ConnectionRow) -> Timings {
    let known = |ms: Option<f64>| ms.filter(|ms| ms.is_finite() && *ms >= 0.0);
    let (dns, connect, tls) = (known(row.dns_ms), known(row.connect_ms), known(row.tls_ms));
    let before = dns.unwrap_or_default() + connect.unwrap_or_default() + tls.unwrap_or_default();
    let wait = known(row.first_byte_ms).unwrap_or_default();
    Timings {
        blocked: NONE,
        dns: dns.unwrap_or(NONE),
        connect: connect.map_or(NONE, |ms| ms + tls.unwrap_or_default()),
        send: 0.0,
        wait,
        receive: (row.age_ms as f64 - before - wait).max(0.0),
        ssl: tls.unwrap_or(NONE),
    }
}

impl Timings {
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

/// "192.0.2.1" of "192.0.2.1:443", "2001:db8::1" of "[2001:db8::1]:443".
fn without_port(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

    fn entries(rows: &[ConnectionRow]) -> Vec<serde_json::Value> {
        let archive: serde_json::Value = serde_json::from_slice(&write(rows).unwrap()).unwrap();
        archive["log"]["entries"].as_array().unwrap().clone()
    }

    #[test]
    fn a_tunnel_is_a_connect_with_its_sizes_and_times() {
        let entry = entries(&[row()]).remove(0);
        assert_eq!(entry["request"]["method"], "CONNECT");
        assert_eq!(entry["request"]["url"], "https://example.com:443/");
        assert_eq!(entry["request"]["bodySize"], 500);
        assert_eq!(entry["response"]["status"], 200);
        assert_eq!(entry["response"]["content"]["size"], 20_000);
        assert_eq!(entry["serverIPAddress"], "192.0.2.1");
        assert_eq!(entry["startedDateTime"], "2025-11-24T16:00:00.250Z");
        assert_eq!(entry["timings"]["dns"], 2.5);
        assert_eq!(entry["timings"]["connect"], 20.0);
        assert_eq!(entry["timings"]["ssl"], -1.0);
        assert_eq!(entry["timings"]["receive"], 937.5);
        assert_eq!(entry["time"], 1000.0);
    }

    #[test]
    fn unknown_values_are_not_invented() {
        let mut http = row();
        http.protocol = "http".into();
        http.port = 80;
        http.host = "2001:db8::1".to_owned();
        http.remote = Some("[2001:db8::1]:80".to_owned());
        let mut blocked = row();
        blocked.verdict = "blocked".into();
        (blocked.dns_ms, blocked.connect_ms, blocked.first_byte_ms) = (None, None, None);
        let exported = entries(&[http, blocked]);
        assert_eq!(exported[0]["request"]["method"], NO_METHOD);
        assert_eq!(exported[0]["request"]["url"], "http://[2001:db8::1]:80/");
        assert_eq!(exported[0]["response"]["status"], 0);
        assert_eq!(exported[0]["serverIPAddress"], "2001:db8::1");
        assert_eq!(exported[1]["response"]["statusText"], "blocked");
        assert_eq!(exported[1]["timings"]["connect"], -1.0);
    }
}
