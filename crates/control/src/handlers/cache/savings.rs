//! What the caches saved: by hour, day, site and program.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::Offset;
use privet_api::cache::{CacheSavings, SavedDay, SavedFigures, SavedHour, SavedName};
use privet_config::unix_time::now_ms;
use privet_connection_log::{CacheGroup, CacheRow, ConnectionLog, UsageError};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Offsets of time zones from UTC are multiples of this.
const QUARTER_MS: u64 = HOUR_MS / 4;
/// Hours that are reported one by one.
const HOURS: u64 = 48;
/// Sites and programs that are reported, those with the most bytes.
const NAMES: usize = 20;

/// The savings of the last `days` days, whose midnight is `offset` minutes before that of UTC. Blocks on the disk.
pub(super) fn savings(
    log: &ConnectionLog,
    days: u32,
    offset: i32,
) -> Result<CacheSavings, UsageError> {
    let now = now_ms();
    let from = now.saturating_sub(u64::from(days) * DAY_MS);
    let since = now.saturating_sub(HOURS * HOUR_MS);
    let quarters = log.cache_savings(CacheGroup::All, from, now + 1, QUARTER_MS)?;
    let hours = log.cache_savings(CacheGroup::All, since, now + 1, HOUR_MS)?;
    let mut total = SavedFigures::default();
    for row in &quarters {
        add(&mut total, row);
    }
    Ok(CacheSavings {
        total,
        days: by_day(&quarters, offset),
        hours: hours.iter().map(hour).collect(),
        by_site: names(log.cache_savings(CacheGroup::Domain, from, now + 1, 0)?),
        by_program: names(log.cache_savings(CacheGroup::App, from, now + 1, 0)?),
    })
}

fn add(sums: &mut SavedFigures, row: &CacheRow) {
    sums.requests += row.requests;
    sums.hits += row.hits;
    sums.bytes += row.bytes;
    sums.time_ms += row.time.as_secs_f64() * 1000.0;
}

fn by_day(rows: &[CacheRow], offset: i32) -> Vec<SavedDay> {
    let mut days: BTreeMap<String, SavedFigures> = BTreeMap::new();
    for row in rows {
        let start = i64::try_from(row.start).unwrap_or(i64::MAX);
        let local = start.saturating_add(i64::from(offset) * MINUTE_MS);
        let Ok(local) = Timestamp::from_millisecond(local) else {
            continue;
        };
        let day = Offset::UTC.to_datetime(local).date().to_string();
        add(days.entry(day).or_default(), row);
    }
    let days = days.into_iter();
    days.map(|(day, saved)| SavedDay { day, saved }).collect()
}

fn hour(row: &CacheRow) -> SavedHour {
    SavedHour {
        start: row.start,
        requests: row.requests,
        hits: row.hits,
    }
}

fn names(mut rows: Vec<CacheRow>) -> Vec<SavedName> {
    rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.key.cmp(&b.key)));
    let first = rows.into_iter().take(NAMES);
    first
        .map(|row| {
            let mut saved = SavedFigures::default();
            add(&mut saved, &row);
            SavedName {
                name: row.key,
                saved,
            }
        })
        .collect()
}
