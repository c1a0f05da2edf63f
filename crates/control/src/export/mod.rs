//! Connections and requests as files for other programs: CSV for spreadsheets, HAR for waterfall viewers.

pub mod csv;
pub mod har;

use std::time::{Duration, UNIX_EPOCH};

use privet_config::format_timestamp_seconds;

/// A time as ISO 8601 in UTC, always with milliseconds, so that it sorts as text: "2026-11-24T09:05:01.250Z". Later years
/// than 9999 become 9999.
fn timestamp(unix_ms: u64) -> String {
    const MAX_TIME: u64 = 253_402_300_799_999;
    let unix_ms = unix_ms.min(MAX_TIME);
    let second = format_timestamp_seconds(UNIX_EPOCH + Duration::from_millis(unix_ms));
    format!("{}.{:03}Z", second.trim_end_matches('Z'), unix_ms % 1000)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    use privet_api::connections::{ConnectionRow, RowState};

    /// A tunnel that ended without an error.
    pub(crate) fn row() -> ConnectionRow {
        ConnectionRow {
            id: 7,
            state: RowState::Closed,
            listener: "mixed".into(),
            client: "127.0.0.1:50000".to_owned(),
            app: Some("curl".to_owned()),
            app_path: None,
            pid: None,
            user: None,
            protocol: "socks5".into(),
            host: "example.com".to_owned(),
            port: 443,
            remote: Some("192.0.2.1:443".to_owned()),
            verdict: "direct".into(),
            reason: "the mode says so".to_owned(),
            rule: "mode".into(),
            route: "direct".to_owned(),
            up: 500,
            down: 20_000,
            up_speed: 0,
            down_speed: 0,
            started: 1_764_000_000_250,
            age_ms: 1000,
            ended: Some(1_764_000_001_250),
            end: Some("finished".into()),
            error: None,
            dns_ms: Some(2.5),
            connect_ms: Some(20.0),
            tls_ms: None,
            first_byte_ms: Some(40.0),
            requests: 0,
            inspection: None,
            inspection_why: None,
            group: None,
        }
    }

    #[test]
    fn timestamps_are_iso_8601() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_764_000_000_250, "2025-11-24T16:00:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(ms), text);
        }
    }
}
