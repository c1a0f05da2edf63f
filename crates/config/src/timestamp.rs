//! Timestamps as RFC 3339 writes them, for rules that expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::DateTime;
use toml::value::{Datetime, Offset};

/// Counted from as a civil time: a `jiff::Timestamp` ends a day before the year 9999 does, which files name for "never".
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The instant of a full date, time and offset from 1970 on; `None` where a part is missing or the date does not exist.
pub(crate) fn timestamp(datetime: &Datetime) -> Option<SystemTime> {
    let (date, time) = (datetime.date?, datetime.time?);
    let offset_minutes = match datetime.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    // A leap second is read as the last second before it.
    let second = time.second.unwrap_or(0).min(59);
    let local = DateTime::new(
        i16::try_from(date.year).ok()?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
        i8::try_from(time.hour).ok()?,
        i8::try_from(time.minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(time.nanosecond.unwrap_or(0).min(999_999_999)).ok()?,
    );
    let since = local.ok()?.duration_since(EPOCH) - SignedDuration::from_mins(offset_minutes);
    UNIX_EPOCH.checked_add(Duration::try_from(since).ok()?)
}

/// The instant that RFC 3339 writes as "2026-11-24T19:53:45Z"; `None` where it is none, or before 1970.
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    timestamp(&text.parse().ok()?)
}

/// RFC 3339 in UTC: "2026-11-24T19:53:45Z", with a fraction where there is one. A time before 1970 is written as 1970.
pub fn format_timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let utc = SignedDuration::try_from(since)
        .ok()
        .and_then(|since| EPOCH.checked_add(since).ok())
        .unwrap_or(DateTime::MAX);
    format!("{utc}Z")
}

/// As [`format_timestamp`], without the fraction.
pub fn format_timestamp_seconds(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    format_timestamp(UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}
