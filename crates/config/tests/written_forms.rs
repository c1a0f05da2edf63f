//! How durations, sizes and moments are written.

use std::path::Path;
use std::time::Duration;

use privet_config::*;

#[test]
fn durations_and_sizes_have_their_shortest_form() {
    for (text, ms) in [
        ("15m", 900_000),
        ("10s", 10_000),
        ("1h", 3_600_000),
        ("30d", 2_592_000_000),
        ("500ms", 500),
        ("1h30m", 5_400_000),
    ] {
        assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)));
        assert_eq!(format_duration(Duration::from_millis(ms)), text);
    }
    for bad in [
        "",
        "5",
        "s",
        "1.5h",
        "-1s",
        "30m1h",
        "1s1s",
        "1 h",
        "99999999999999999999d",
        "1w",
    ] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
    for (text, bytes) in [
        ("64MiB", 64 << 20),
        ("1GiB", 1 << 30),
        ("0", 0),
        ("1MB", 1_000_000),
        ("1001", 1001),
    ] {
        assert_eq!(parse_size(text), Some(bytes));
        assert_eq!(format_size(bytes), text);
    }
    assert_eq!(parse_size("64 mib"), Some(64 << 20));
    for bad in ["", "MiB", "1.5GiB", "-1", "1 M", "99999999TiB"] {
        assert_eq!(parse_size(bad), None, "{bad}");
    }
}

#[test]
fn moments_are_written_in_utc() {
    let until = |written: &str| {
        let text = format!("[[rule]]\nuse = \"block\"\nuntil = {written}\n");
        let config = Config::parse(&text, Path::new("/"))
            .unwrap_or_else(|e| panic!("{e}"))
            .config;
        format_timestamp(config.rules[0].until.unwrap())
    };
    for (written, utc) in [
        ("2026-11-24T19:53:45Z", "2026-11-24T19:53:45Z"),
        ("\"2026-11-24T19:53:45+02:30\"", "2026-11-24T17:23:45Z"),
        ("2024-02-29 23:59:59.25-01:00", "2024-03-01T00:59:59.25Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2000-03-01T00:00:00Z", "2000-03-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(until(written), utc);
    }
}
