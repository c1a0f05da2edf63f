//! `/api/v1/cache`: the figures of the HTTP caches, what is stored, and purges.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which stored responses are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CacheQuery {
    /// Text that the URL contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 2048, nullable = false, example = "example.com/static")]
    pub filter: Option<String>,
    /// The whole URL: its responses are listed with their fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 2048, nullable = false, example = "http://example.com/")]
    pub url: Option<String>,
    /// Entries to skip.
    #[serde(default)]
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    pub offset: u32,
    /// Most entries in the answer.
    #[serde(default = "default_limit")]
    #[param(minimum = 0, maximum = 1000, default = 100)]
    pub limit: u32,
    /// Show the queries of URLs, which may hold secrets [default: false: "?…" stands for each].
    #[serde(default)]
    #[param(default = false)]
    pub queries: bool,
    /// Days whose savings are told.
    #[serde(default = "default_days")]
    #[param(minimum = 0, maximum = 366, default = 30)]
    pub days: u32,
    /// Minutes by which the calendar of these days is ahead of UTC.
    #[serde(default)]
    #[param(minimum = -1440, maximum = 1440, default = 0)]
    pub utc_offset: i32,
}

impl Default for CacheQuery {
    fn default() -> Self {
        Self {
            filter: None,
            url: None,
            offset: 0,
            limit: default_limit(),
            queries: false,
            days: default_days(),
            utc_offset: 0,
        }
    }
}

const fn default_days() -> u32 {
    30
}

const fn default_limit() -> u32 {
    100
}

/// The caches and a page of their entries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheState {
    /// Of the proxy; `null`: it is off.
    pub forward: Option<CacheFigures>,
    /// Of all sites; `null`: no site has `cache = true`.
    pub sites: Option<CacheFigures>,
    /// The store that several machines share; `null`: there is none.
    pub redis: Option<CacheRedis>,
    pub saved: CacheSavings,
    /// All entries that match.
    pub total: u64,
    pub offset: u64,
    /// By URL.
    pub entries: Vec<CacheEntry>,
}

/// What both caches saved. It is kept as long as `[log] connections` says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheSavings {
    /// Of all days that are asked for.
    pub total: SavedFigures,
    /// The oldest first; days without requests are left out.
    pub days: Vec<SavedDay>,
    /// The last 48 hours, the oldest first; hours without requests are left out.
    pub hours: Vec<SavedHour>,
    /// Hosts, those with the most bytes first, at most 20.
    pub by_site: Vec<SavedName>,
    /// Programs, likewise.
    pub by_program: Vec<SavedName>,
}

/// What was saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedFigures {
    /// Requests that the cache was asked for.
    pub requests: u64,
    /// Those that were answered from the store.
    pub hits: u64,
    /// Bytes that came from the store.
    pub bytes: u64,
    /// How much longer the origins would have taken, by what each took for the same response.
    pub time_ms: f64,
}

/// The savings of a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedDay {
    #[schema(example = "2026-11-30")]
    pub day: String,
    #[serde(flatten)]
    pub saved: SavedFigures,
}

/// How many requests of an hour were answered from the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedHour {
    /// Unix milliseconds.
    pub start: u64,
    pub requests: u64,
    pub hits: u64,
}

/// The savings of a site or program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedName {
    pub name: String,
    #[serde(flatten)]
    pub saved: SavedFigures,
}

/// What a cache did since the program started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheFigures {
    /// One store for all clients, by the rules of shared caches.
    pub shared: bool,
    /// Requests that were answered from the store.
    pub hits: u64,
    /// Those answered by a stale response that was refreshed meanwhile.
    pub refreshed: u64,
    /// Requests for which the origin was asked whether the stored response still holds.
    pub validated: u64,
    /// Requests for which the origin was asked.
    pub missed: u64,
    /// Requests that waited for the response to another client's request.
    pub waited: u64,
    /// Requests that went past the cache.
    pub bypassed: u64,
    /// Responses that were stored.
    pub stored: u64,
    /// Responses that left because the memory was full.
    pub evicted: u64,
    /// Responses that are stored now.
    pub entries: u64,
    /// Bytes in memory.
    pub memory: u64,
    /// The most bytes in memory.
    pub memory_limit: u64,
    /// `null`: nothing is kept on disk.
    pub disk: Option<CacheDisk>,
}

/// What a cache keeps on disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheDisk {
    pub entries: u64,
    pub bytes: u64,
    /// The most bytes.
    pub limit: u64,
    /// Entries that were found damaged and dropped.
    pub damaged: u64,
    /// Why nothing can be kept there now.
    pub problem: Option<String>,
}

/// A store that several machines share, for what is in shared caches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheRedis {
    /// As the configuration says it.
    #[schema(example = "tcp:127.0.0.1:6379")]
    pub address: String,
    /// Whether requests ask it now.
    pub connected: bool,
    /// Why they do not.
    pub problem: Option<String>,
    /// Until when it is left alone; `null`: it is not.
    pub retry_ms: Option<u64>,
    /// Requests that it had a response for.
    pub hits: u64,
    pub misses: u64,
    /// Requests that did not ask it, because it was away or left alone, or too many asked.
    pub skipped: u64,
    /// Values that were no valid response to what was asked for, or were purged.
    pub refused: u64,
    /// Responses that were written.
    pub written: u64,
    /// Responses that were not written, because it was away or too many waited.
    pub dropped: u64,
    /// Failures and time-outs; after each it is left alone for a while.
    pub failures: u64,
    /// Purges that it does not know yet. What they name is neither read nor written.
    pub pending_purges: u64,
}

/// A stored response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheEntry {
    /// `forward` or `sites`.
    pub cache: String,
    pub url: String,
    pub status: u16,
    /// `Content-Type` without its parameters.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// Bytes of the body; `null`: it is still arriving.
    pub size: Option<u64>,
    /// Seconds since it was generated.
    pub age: u32,
    /// Seconds for which it stays fresh; negative: for how long it has been stale.
    pub ttl: i64,
    /// Whether it answers a plain request without asking the origin.
    pub fresh: bool,
    /// Why the origin is asked first.
    pub why: Option<String>,
    /// Look-ups that found it.
    pub hits: u32,
    /// It does not leave because the cache is full.
    pub pinned: bool,
    /// It was purged softly or made invalid: it is used only once the origin has confirmed it.
    pub invalidated: bool,
    /// By which state of the scanning engines it was judged; `null`: by none since it was read from disk.
    pub scanned: Option<String>,
    /// How long the origin took for the whole response.
    pub fetch_ms: f64,
    /// The fields of the request that it depends on (`Vary`).
    pub vary: Option<String>,
    /// Its field lines; only where one URL is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What is purged: one of the five.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PurgeQuery {
    /// URLs that begin so; empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        max_length = 2048,
        nullable = false,
        example = "http://example.com/static/"
    )]
    pub prefix: Option<String>,
    /// A host, with all its ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 255, nullable = false, example = "example.com")]
    pub host: Option<String>,
    /// One URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 2048, nullable = false, example = "http://example.com/")]
    pub url: Option<String>,
    /// A tag that `Cache-Tag` or `Surrogate-Key` of the response names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 256, nullable = false, example = "article-7")]
    pub tag: Option<String>,
    /// A site: a registrable domain, all below it, and what its pages have loaded from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 255, nullable = false, example = "example.com")]
    pub site: Option<String>,
    /// Keep the responses; each is used only once the origin has confirmed it.
    #[serde(default)]
    #[param(default = false)]
    pub soft: bool,
}

/// What a purge did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Purged {
    /// Responses that were removed, or marked.
    pub count: u64,
    /// Whether it will hold after a restart. `false`: the disk could not be written in time.
    pub durable: bool,
    /// The number by which a soft purge is undone while the program runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<u32>,
}

/// A soft purge that is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoPurge {
    /// `undo` of its answer.
    #[schema(maximum = 2147483647)]
    pub purge: u32,
}

/// What stays although the cache is full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// The whole URL.
    #[schema(max_length = 2048, example = "http://example.com/")]
    pub url: String,
    /// `false`: it may leave again.
    pub pinned: bool,
}
