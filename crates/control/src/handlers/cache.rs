//! GET and DELETE /api/v1/cache: figures, entries, purges.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use privet_api::Problem;
use privet_api::cache::{
    CacheDisk, CacheEntry, CacheFigures, CacheQuery, CacheState, PurgeQuery, Purged,
};
use privet_cache::browse::Listed;
use privet_cache::rules::reuse;
use privet_cache::{Cache, Change, Request, Reuse, Selection, Target, Timestamp, Why};

use crate::extract::{self, Query};
use crate::rejection::Answer;
use crate::state::ApiState;

/// Most entries of a page.
const MAX_LIMIT: u32 = 1000;
/// Most entries that can be skipped.
const MAX_OFFSET: u32 = 10_000_000;
/// Longest URL, or beginning of one, in characters.
const MAX_URL: usize = 2048;
/// Longest part of a URL, in characters.
const MAX_FILTER: usize = 2048;
/// Longest host, in characters.
const MAX_HOST: usize = 255;
/// Longest tag, in characters.
const MAX_TAG: usize = 256;

/// How long a purge waits until it is on disk.
const DISK_TIMEOUT: Duration = Duration::from_secs(5);

/// The caches
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
    let caches = api.engine.caches();
    let state = tokio::task::spawn_blocking(move || {
        let (forward, sites) = (caches.forward.as_ref(), caches.sites.as_ref());
        let mut all = list("forward", forward, &query);
        all.extend(list("sites", sites, &query));
        let total = all.len() as u64;
        let (offset, limit) = (query.offset as usize, query.limit as usize);
        let page = all.into_iter().skip(offset).take(limit);
        CacheState {
            forward: forward.map(|cache| figures(cache)),
            sites: sites.map(|cache| figures(cache)),
            total,
            offset: u64::from(query.offset),
            entries: page
                .map(|(name, listed)| entry(name, &listed, &query))
                .collect(),
        }
    });
    let state = state.await;
    state
        .map(axum::Json)
        .map_err(|error| Problem::internal(error.to_string()).into())
}

/// Checks the texts of a query, each with its name and its most characters, and returns how many are there.
fn check_lengths(texts: &[(&str, &Option<String>, usize)]) -> Result<usize, Problem> {
    let mut given = 0;
    for (name, text, most) in texts {
        if let Some(text) = text {
            extract::check_length(text, *most, name)?;
            given += 1;
        }
    }
    Ok(given)
}

fn list(
    name: &'static str,
    cache: Option<&Arc<Cache>>,
    query: &CacheQuery,
) -> Vec<(&'static str, Listed)> {
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

fn entry(name: &str, listed: &Listed, query: &CacheQuery) -> CacheEntry {
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
        fetch_ms: stored.fetch_time().as_secs_f64() * 1000.0,
        vary: text("vary"),
        fields: match &query.url {
            Some(_) => lines.lines().map(str::to_owned).collect(),
            None => Vec::new(),
        },
    }
}

/// Why a request without directives of its own would go to the origin first.
fn why_asked(listed: &Listed, now: Timestamp) -> Option<Why> {
    if listed.invalidated {
        return Some(Why::Invalidated);
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
        Reuse::StaleAccepted { .. } | Reuse::StaleWhileRevalidate { .. } => Some(Why::Expired),
        Reuse::Validate { why, .. } | Reuse::MustNot { why } => Some(why),
    }
}

/// Purge
#[utoipa::path(
    delete,
    path = "/api/v1/cache",
    tag = "connections",
    params(PurgeQuery),
    responses((status = 200, description = "How many responses that were", body = Purged))
)]
pub(crate) async fn purge_cache(
    State(api): State<ApiState>,
    Query(query): Query<PurgeQuery>,
) -> Answer<Purged> {
    let given = check_lengths(&[
        ("prefix", &query.prefix, MAX_URL),
        ("host", &query.host, MAX_HOST),
        ("url", &query.url, MAX_URL),
        ("tag", &query.tag, MAX_TAG),
    ])?;
    if given != 1 {
        return Err(Problem::bad_request(
            "A purge needs one of prefix, host, url and tag; an empty prefix purges all.",
        )
        .into());
    }
    let caches = api.engine.caches();
    let purged = tokio::task::spawn_blocking(move || {
        let selection = match (&query.prefix, &query.host, &query.url, &query.tag) {
            (Some(prefix), ..) => Selection::Prefix(prefix),
            (_, Some(host), ..) => Selection::Host(host),
            (_, _, Some(url), _) => Selection::Url(url),
            (.., tag) => Selection::Tag(tag.as_deref().unwrap_or_default()),
        };
        let change = match query.soft {
            true => Change::Invalidate,
            false => Change::Remove,
        };
        let all = [&caches.forward, &caches.sites].into_iter().flatten();
        let mut purged = Purged {
            count: 0,
            durable: true,
        };
        for cache in all {
            purged.count += cache.change(&selection, change) as u64;
            purged.durable &= cache.flush(DISK_TIMEOUT);
        }
        purged
    });
    let purged = purged.await;
    purged
        .map(axum::Json)
        .map_err(|error| Problem::internal(error.to_string()).into())
}
