//! Rows as files for other programs: CSV for spreadsheets, HAR for what draws waterfalls.

pub mod csv;
pub mod har;

/// A moment as ISO 8601 in UTC with milliseconds: "2026-11-24T09:05:01.250Z". Years beyond 9999 are told as 9999.
fn moment(unix_ms: u64) -> String {
    const LAST_MOMENT: u64 = 253_402_300_799_999;
    let unix_ms = unix_ms.min(LAST_MOMENT);
    let (days, of_day) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    // Days since 1 March of the year 0 in eras of 400 years: leap days fall at the end of a year then.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let of_era_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + of_era_year + u64::from(month <= 2);
    let (seconds, ms) = (of_day / 1000, of_day % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    use privet_ledger::{RowView, State};

    /// A tunnel that ended well.
    pub(crate) fn row() -> RowView {
        RowView {
            id: 7,
            state: State::Closed,
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
            group: None,
        }
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_764_000_000_250, "2025-11-24T16:00:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(moment(ms), text);
        }
    }
}
