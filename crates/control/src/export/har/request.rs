//! The entry of a recorded request.

use http::StatusCode;
use privet_api::requests::RequestRow;

use super::format::{
    Cache, Content, Entry, HarRequest, HarResponse, NO_TYPE, NameValue, SourceRow, Timings,
    har_size, phase_ms,
};
use crate::export::timestamp;

pub(super) fn entry(row: &RequestRow) -> Entry<'_> {
    let timings = timings(row);
    Entry {
        started_date_time: timestamp(row.started),
        time: timings.sum(),
        request: request(row),
        response: response(row),
        cache: Cache {
            comment: row.cache.as_deref(),
        },
        timings,
        server_ip_address: row.remote.as_deref(),
        connection: row.connection.to_string(),
        comment: row.error.clone(),
        kind: "request",
        privet: SourceRow::Request(row),
    }
}

fn request(row: &RequestRow) -> HarRequest<'_> {
    HarRequest {
        method: &row.method,
        url: row.url.clone(),
        http_version: &row.http_version,
        cookies: [],
        headers: [],
        query_string: query_string(&row.url),
        headers_size: har_size(row.up_head),
        body_size: har_size(row.up.saturating_sub(row.up_head)),
    }
}

/// The parts of the query, as they stand in the URL. None of a redacted one.
fn query_string(url: &str) -> Vec<NameValue<'_>> {
    let Some((_, query)) = url.split_once('?') else {
        return Vec::new();
    };
    query
        .split('&')
        .filter(|part| !part.is_empty() && *part != "…")
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            NameValue { name, value }
        })
        .collect()
}

fn response(row: &RequestRow) -> HarResponse<'_> {
    let status = row
        .status
        .and_then(|status| StatusCode::from_u16(status).ok());
    let body = har_size(row.down.saturating_sub(row.down_head));
    HarResponse {
        status: row.status.unwrap_or_default(),
        status_text: status
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default(),
        http_version: match row.http_version.as_str() {
            "HTTP/2" => "HTTP/2",
            // RFC 9112 §2.3: a response names the sender's version, also to a client of HTTP/1.0.
            _ => "HTTP/1.1",
        },
        cookies: [],
        headers: [],
        content: Content {
            size: body,
            mime_type: row.media_type.as_deref().unwrap_or(NO_TYPE),
        },
        redirect_url: "",
        headers_size: har_size(row.down_head),
        body_size: body,
    }
}

fn timings(row: &RequestRow) -> Timings {
    let phases = [row.dns_ms, row.connect_ms, row.tls_ms].map(phase_ms);
    let before: f64 = phases.into_iter().flatten().sum();
    let total = phase_ms(Some(row.total_ms)).unwrap_or_default();
    // Without a response the whole rest was waiting.
    let first_byte = phase_ms(row.first_byte_ms).unwrap_or(total);
    Timings::new(
        phases,
        (first_byte - before).max(0.0),
        (total - first_byte).max(0.0),
    )
}

#[cfg(test)]
mod tests {
    use super::super::{ExportedRow, write};
    use super::*;

    fn row() -> RequestRow {
        RequestRow {
            id: 1,
            connection: 7,
            started: 1_764_000_000_250,
            client: "127.0.0.1:5".to_owned(),
            user: None,
            method: "POST".to_owned(),
            url: "http://a.test/x?b=1&c&d=2=3".to_owned(),
            http_version: "HTTP/1.0".to_owned(),
            remote: Some("192.0.2.1".to_owned()),
            status: Some(404),
            media_type: Some("text/html".to_owned()),
            route: "direct".to_owned(),
            up: 150,
            down: 1200,
            up_head: 100,
            down_head: 200,
            dns_ms: Some(2.0),
            connect_ms: Some(10.0),
            tls_ms: Some(5.0),
            first_byte_ms: Some(30.0),
            total_ms: 50.0,
            cache: Some("miss".to_owned()),
            cache_why: None,
            scan: None,
            scan_engine: None,
            scan_rule: None,
            scan_sha256: None,
            scan_ms: None,
            error: None,
        }
    }

    fn exported(row: RequestRow) -> serde_json::Value {
        let bytes = write(&[ExportedRow::Request(row)]).unwrap();
        let archive: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        archive["log"]["entries"][0].clone()
    }

    #[test]
    fn sizes_times_and_the_query_are_those_of_the_request() {
        let entry = exported(row());
        assert_eq!(entry["_kind"], "request");
        assert_eq!(entry["connection"], "7");
        assert_eq!(entry["serverIPAddress"], "192.0.2.1");
        assert_eq!(entry["request"]["method"], "POST");
        assert_eq!(entry["request"]["httpVersion"], "HTTP/1.0");
        assert_eq!(entry["request"]["headersSize"], 100);
        assert_eq!(entry["request"]["bodySize"], 50);
        assert_eq!(
            entry["request"]["queryString"],
            serde_json::json!([
                { "name": "b", "value": "1" },
                { "name": "c", "value": "" },
                { "name": "d", "value": "2=3" },
            ])
        );
        assert_eq!(entry["response"]["status"], 404);
        assert_eq!(entry["response"]["statusText"], "Not Found");
        assert_eq!(entry["response"]["httpVersion"], "HTTP/1.1");
        assert_eq!(entry["response"]["bodySize"], 1000);
        assert_eq!(entry["response"]["content"]["mimeType"], "text/html");
        assert_eq!(entry["cache"]["comment"], "miss");
        let timings = &entry["timings"];
        assert_eq!(timings["dns"], 2.0);
        assert_eq!(timings["connect"], 15.0);
        assert_eq!(timings["ssl"], 5.0);
        assert_eq!(timings["wait"], 13.0);
        assert_eq!(timings["receive"], 20.0);
        assert_eq!(entry["time"], 50.0);
    }

    #[test]
    fn a_failed_request_on_an_open_connection_only_waited() {
        let mut failed = row();
        failed.url = "http://a.test/x?…".to_owned();
        (failed.status, failed.media_type, failed.first_byte_ms) = (None, None, None);
        (failed.dns_ms, failed.connect_ms, failed.tls_ms) = (None, None, None);
        failed.error = Some("the server is gone".to_owned());
        let entry = exported(failed);
        assert_eq!(entry["request"]["queryString"], serde_json::json!([]));
        assert_eq!(entry["response"]["status"], 0);
        assert_eq!(entry["response"]["content"]["mimeType"], NO_TYPE);
        assert_eq!(entry["timings"]["connect"], -1.0);
        assert_eq!(entry["timings"]["wait"], 50.0);
        assert_eq!(entry["time"], 50.0);
        assert_eq!(entry["comment"], "the server is gone");
    }
}
