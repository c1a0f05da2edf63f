//! Points in time as RFC 3339 writes them, for rules that last a while.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toml::value::{Datetime, Offset};

const SECONDS_A_DAY: i64 = 86_400;

/// The moment of a full date, time and offset from 1970 on; `None` where one of them is missing.
pub(crate) fn timestamp(datetime: &Datetime) -> Option<SystemTime> {
    let (date, time) = (datetime.date?, datetime.time?);
    let offset_minutes = match datetime.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_1970(
        i64::from(date.year),
        i64::from(date.month),
        i64::from(date.day),
    );
    // A leap second is read as the last second before it.
    let second = i64::from(time.second.unwrap_or(0).min(59));
    let clock = i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + second;
    let seconds = u64::try_from(days * SECONDS_A_DAY + clock - offset_minutes * 60).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(
        seconds,
        time.nanosecond.unwrap_or(0).min(999_999_999),
    ))
}

/// RFC 3339 in UTC: "2026-11-24T19:53:45Z", with nanoseconds where there are any. A time before 1970 is written as 1970.
pub fn format_timestamp(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let (year, month, day) = date_of(seconds.div_euclid(SECONDS_A_DAY));
    let clock = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    let fraction = match since.subsec_nanos() {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// As [`format_timestamp`], to the second.
pub fn format_timestamp_seconds(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    format_timestamp(UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

/// Days from 1 January 1970 in the proleptic Gregorian calendar; years are counted from March, so that a leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
