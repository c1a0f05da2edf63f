//! GET /api/v1/cache: figures, savings and entries.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use privet_api::Problem;
use privet_api::cache::{CacheDisk, CacheEntry, CacheFigures, CacheQuery, CacheRedis, CacheState};
use privet_cache::browse::EntryInfo;
use privet_cache::rules::reuse;
use privet_cache::shared::SharedStats;
use privet_cache::{Cache, CacheReason, Request, Reuse, Target, Timestamp};
use privet_config::unix_time::unix_ms;

use super::savings::savings;
use super::{MAX_URL, check_lengths};
use crate::extract::Query;
use crate::rejection::Answer;
use crate::state::ApiState;

/// Most entries of a page.
const MAX_LIMIT: u32 = 1000;
/// Most entries that can be skipped.
const MAX_OFFSET: u32 = 10_000_000;
/// Longest part of a URL, in characters.
const MAX_FILTER: usize = 2048;
/// Most days of savings.
const MAX_DAYS: u32 = 366;
/// No calendar is further from UTC, in minutes.
const MAX_OFFSET_MINUTES: u32 = 24 * 60;

/// Read the state of the caches
#[utoipa::path(
    get,
    path = "/api/v1/cache",
    tag = "connections",
    params(CacheQuery),
    responses((status = 200, description = "Figures, and the entries of the page", body = CacheState))
)]
pub(crate) async fn read_cache(
    State(api): State<ApiState>,
    Query(query): Query<CacheQuery>,
) -> Answer<CacheState> {
    if query.limit > MAX_LIMIT || query.offset > MAX_OFFSET {
        return Err(Problem::bad_request(format!(
            "A page has at most {MAX_LIMIT} entries and skips at most {MAX_OFFSET}."
        ))
        .into());
    }
    check_lengths(&[
        ("filter", &query.filter, MAX_FILTER),
        ("url", &query.url, MAX_URL),
    ])?;
    if query.days > MAX_DAYS || query.utc_offset.unsigned_abs() > MAX_OFFSET_MINUTES {
        let text = format!(
            "`days` is at most {MAX_DAYS}, and `utc_offset` at most {MAX_OFFSET_MINUTES} minutes in either direction."
        );
        return Err(Problem::bad_request(text).into());
    }
    let caches = api.engine.caches();
    let log = api.engine.connection_log().clone();
    let state = tokio::task::spawn_blocking(move || {
        let saved =
            savings(&log, query.days, query.utc_offset).map_err(|error| error.to_string())?;
        let (forward, sites) = (caches.forward.as_ref(), caches.sites.as_ref());
        let mut all = list("forward", forward, &query);
        all.extend(list("sites", sites, &query));
        let total = all.len() as u64;
        let (offset, limit) = (query.offset as usize, query.limit as usize);
        let page = all.into_iter().skip(offset).take(limit);
        Ok::<_, String>(CacheState {
            saved,
            forward: forward.map(|cache| figures(cache)),
            sites: sites.map(|cache| figures(cache)),
            redis: caches.shared_stats().map(redis),
            total,
            offset: u64::from(query.offset),
            entries: page
                .map(|(name, listed)| entry(name, &listed, &query))
                .collect(),
        })
    });
    let state = state.await.unwrap_or_else(|error| Err(error.to_string()));
    state
        .map(axum::Json)
        .map_err(|error| Problem::internal(error).into())
}

fn list(
    name: &'static str,
    cache: Option<&Arc<Cache>>,
    query: &CacheQuery,
) -> Vec<(&'static str, EntryInfo)> {
    let found = cache.map(|cache| {
        cache.list(|entry| {
            let url = entry.url();
            query.url.as_deref().is_none_or(|wanted| url == wanted)
                && query
                    .filter
                    .as_deref()
                    .is_none_or(|part| url.contains(part))
        })
    });
    let found = found.unwrap_or_default();
    found.into_iter().map(|listed| (name, listed)).collect()
}

fn figures(cache: &Cache) -> CacheFigures {
    let stats = cache.stats();
    let counts = stats.counts;
    CacheFigures {
        shared: cache.policy().shared,
        hits: counts.hits,
        refreshed: counts.refreshed,
        validated: counts.validated,
        missed: counts.missed,
        waited: counts.waited,
        bypassed: counts.bypassed,
        stored: counts.stored,
        evicted: counts.evicted,
        entries: stats.entries,
        memory: stats.memory,
        memory_limit: stats.memory_limit,
        disk: stats.disk.map(|disk| CacheDisk {
            entries: disk.entries,
            bytes: disk.bytes,
            limit: disk.limit,
            damaged: disk.damaged,
            problem: disk.problem,
        }),
    }
}

fn redis(stats: SharedStats) -> CacheRedis {
    CacheRedis {
        address: stats.address,
        connected: stats.connected,
        problem: stats.problem,
        retry_ms: stats.retry_at.map(unix_ms),
        hits: stats.hits,
        misses: stats.misses,
        skipped: stats.skipped,
        refused: stats.refused,
        written: stats.written,
        dropped: stats.dropped,
        failures: stats.failures,
        pending_purges: stats.pending_purges,
    }
}

fn entry(name: &str, listed: &EntryInfo, query: &CacheQuery) -> CacheEntry {
    let stored = &listed.entry;
    let head = stored.head();
    let now = Timestamp::from(SystemTime::now());
    let why = why_asked(listed, now);
    let text = |name: &str| {
        head.get(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let media_type = text("content-type").map(|value| {
        let plain = value.split(';').next().unwrap_or_default();
        plain.trim().to_ascii_lowercase()
    });
    let lines = String::from_utf8_lossy(&head.lines);
    CacheEntry {
        cache: name.to_owned(),
        url: match stored.url().split_once('?') {
            Some((path, part)) if !query.queries && query.url.is_none() && !part.is_empty() => {
                format!("{path}?…")
            }
            _ => stored.url().to_owned(),
        },
        status: head.status,
        media_type,
        size: stored.body_len().filter(|_| stored.is_complete()),
        age: head.age(now),
        ttl: head.ttl(now),
        fresh: why.is_none(),
        why: why.map(|why| why.sentence().to_owned()),
        hits: listed.hits,
        pinned: listed.pinned,
        invalidated: listed.invalidated,
        scanned: (stored.judged() != 0).then(|| format!("{:016x}", stored.judged())),
        fetch_ms: stored.fetch_time().as_secs_f64() * 1000.0,
        vary: text("vary"),
        fields: match &query.url {
            Some(_) => lines.lines().map(str::to_owned).collect(),
            None => Vec::new(),
        },
    }
}

/// Why a request without directives of its own would go to the origin first.
fn why_asked(listed: &EntryInfo, now: Timestamp) -> Option<CacheReason> {
    if listed.invalidated {
        return Some(CacheReason::Invalidated);
    }
    let none: [(&str, &str); 0] = [];
    let target = Target {
        scheme: "http",
        host: "",
        port: 80,
        path_and_query: b"/",
    };
    let request = Request::new(b"GET", target, &none);
    match reuse::reuse(&request, listed.entry.head(), now) {
        Reuse::Fresh { .. } => None,
        Reuse::StaleAccepted { .. } | Reuse::StaleWhileRevalidate { .. } => {
            Some(CacheReason::Expired)
        }
        Reuse::Validate { why, .. } | Reuse::MustNot { why } => Some(why),
    }
}
