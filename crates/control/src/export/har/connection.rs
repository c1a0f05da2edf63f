//! The entry of a connection without recorded requests: a tunnel is one entry with CONNECT, an HTTP connection one with an
//! unknown method and path. Sizes and times are those of the connection.

use privet_api::connections::ConnectionRow;

use super::format::{
    Cache, Content, Entry, HarRequest, HarResponse, NO_TYPE, SourceRow, Timings, har_size, phase_ms,
};
use crate::export::timestamp;

/// The method of an entry whose method is not phase_ms.
const NO_METHOD: &str = "UNKNOWN";

pub(super) fn entry(row: &ConnectionRow) -> Entry<'_> {
    let timings = timings(row);
    Entry {
        started_date_time: timestamp(row.started),
        time: timings.sum(),
        request: request(row),
        response: response(row),
        cache: Cache { comment: None },
        timings,
        server_ip_address: row.remote.as_deref().map(without_port),
        connection: row.id.to_string(),
        comment: Some(format!(
            "a connection without readable requests: {}",
            row.error.as_deref().unwrap_or(&row.reason)
        )),
        kind: "connection",
        privet: SourceRow::Connection(row),
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
        query_string: Vec::new(),
        headers_size: -1,
        body_size: har_size(row.up),
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
            size: har_size(row.down),
            mime_type: NO_TYPE,
        },
        redirect_url: "",
        headers_size: -1,
        body_size: har_size(row.down),
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
    let phases = [row.dns_ms, row.connect_ms, row.tls_ms].map(phase_ms);
    let before: f64 = phases.into_iter().flatten().sum();
    let wait = phase_ms(row.first_byte_ms).unwrap_or_default();
    let receive = (row.age_ms as f64 - before - wait).max(0.0);
    Timings::new(phases, wait, receive)
}

/// "192.0.2.1" of "192.0.2.1:443", "2001:db8::1" of "[2001:db8::1]:443".
fn without_port(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::super::{ExportedRow, write};
    use super::*;
    use crate::export::tests::row;

    fn entries(rows: &[ConnectionRow]) -> Vec<serde_json::Value> {
        let rows: Vec<_> = rows.iter().cloned().map(ExportedRow::Connection).collect();
        let archive: serde_json::Value = serde_json::from_slice(&write(&rows).unwrap()).unwrap();
        archive["log"]["entries"].as_array().unwrap().clone()
    }

    #[test]
    fn a_tunnel_is_a_connect_with_its_sizes_and_times() {
        let entry = entries(&[row()]).remove(0);
        assert_eq!(entry["_kind"], "connection");
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
