//! A request that goes to an origin, as the rules of the cache need it once the response is there.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_cache::rules::request::{Request, Target};
use privet_cache::rules::storing::Response;
use privet_cache::shared::PurgeReach;
use privet_cache::site::{page_mark, route_mark, site_of};
use privet_cache::{Cache, Entry, Fields, NewEntry, Timestamp};
use privet_config::HeaderMode;

use super::fields::{ClientFields, SentFields};
use super::scope::{CacheKind, CacheScope};
use super::url::UrlParts;
use crate::exchange::head_observer::SeenHead;
use crate::head::BodyLength;
use crate::headers::response::for_each_field;
use crate::headers::write_field;
use crate::service::Fetch;
use crate::turn;

/// The URL of a request, for longer than that lasts.
pub struct OwnedTarget {
    scheme: &'static str,
    port: u16,
    /// In normal form. Its scheme may be the origin's.
    url: Box<str>,
    parts: UrlParts,
}

impl OwnedTarget {
    /// `None`: the URL has no path.
    pub fn of(url: &str, scheme: &'static str, port: u16) -> Option<Self> {
        Some(Self {
            scheme,
            port,
            url: url.into(),
            parts: UrlParts::of(url)?,
        })
    }

    pub fn get(&self) -> Target<'_> {
        let nothing = Target {
            scheme: self.scheme,
            host: "",
            port: self.port,
            path_and_query: b"",
        };
        let target = self.parts.target(&self.url, self.scheme, self.port);
        target.unwrap_or(nothing)
    }

    /// As [`Target::url`] writes it.
    pub fn url(&self) -> Cow<'_, str> {
        match self.url.strip_prefix(self.scheme) {
            Some(rest) if rest.starts_with("://") => Cow::Borrowed(&self.url),
            _ => Cow::Owned(self.get().url()),
        }
    }
}

/// A request that was sent to an origin, and what becomes of an entry that is made of its response.
pub struct OriginRequest {
    pub cache: Arc<Cache>,
    pub space: Box<str>,
    pub target: OwnedTarget,
    pub mode: HeaderMode,
    /// Field lines of a site that say who asks.
    pub site_fields: Option<Vec<u8>>,
    requested: Instant,
    owner: u64,
    page: u32,
    keep_on_disk: bool,
    isolates: bool,
    /// The way it went: [`NewEntry::route`].
    route: u32,
}

impl OriginRequest {
    /// `page`: the host of the page that caused the request, if one is known. `None`: the URL has no path.
    pub fn new<F: Fetch>(
        fetch: &F,
        scope: CacheScope<'_>,
        (url, port): (&str, u16),
        page: &str,
    ) -> Option<Self> {
        Some(Self {
            cache: scope.cache.clone(),
            space: scope.space.into(),
            target: OwnedTarget::of(url, scope.scheme, port)?,
            mode: fetch.header_mode(),
            site_fields: fetch.site_request().map(|site| site.fields.to_vec()),
            requested: turn::now().into_std(),
            owner: scope.owner(),
            page: match scope.kind {
                CacheKind::Shared => 0,
                CacheKind::Private(_) => page_mark(site_of(page)),
            },
            keep_on_disk: scope.keep_on_disk,
            isolates: scope.isolates,
            route: 0,
        })
    }

    /// It is sent by this way: `route` names the upstreams in order.
    pub fn goes_by(&mut self, route: &str) {
        self.route = match self.isolates {
            true => route_mark(route),
            false => 0,
        };
    }

    /// Whether the validators of a stored response may be sent with it: by another way than the one that the response came
    /// they would join two identities.
    pub fn may_name(&self, entry: &Entry) -> bool {
        self.route == entry.route()
    }

    /// For whom it purges its URL.
    pub fn purge_reach(&self) -> PurgeReach {
        match self.keep_on_disk {
            true => PurgeReach::AllMachines,
            false => PurgeReach::ThisMachine,
        }
    }

    /// When it was sent, where its response arrived at `received`: as many whole seconds before as have passed. The wall
    /// clock would make a second of each one that begins meanwhile.
    pub fn requested(&self, received: Timestamp) -> Timestamp {
        let passed = self.passed().as_secs();
        received.plus(-i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// Since it was sent.
    fn passed(&self) -> Duration {
        let now = turn::now().into_std();
        now.saturating_duration_since(self.requested)
    }

    /// The request as the rules of the cache take it.
    pub fn with_request<T>(&self, seen: &SeenHead<'_>, read: impl FnOnce(&Request<'_>) -> T) -> T {
        let client = ClientFields {
            head: seen.request,
            bytes: seen.request_bytes,
        };
        let sent = SentFields {
            client,
            mode: self.mode,
            site: self.site_fields.as_deref(),
        };
        let method = seen.request.method_span.of_buffer(seen.request_bytes);
        read(&Request::new(method, self.target.get(), &client).with_sent(&sent))
    }

    /// What is known of an entry that is made of the response.
    pub fn new_entry<'a>(&self, url: &'a str, body_len: Option<u64>) -> NewEntry<'a> {
        NewEntry {
            url,
            body_len,
            owner: self.owner,
            page: self.page,
            route: self.route,
            keep_on_disk: self.keep_on_disk,
            took: self.passed(),
        }
    }
}

/// The field lines of a response that belong to the message.
pub fn lines_of(seen: &SeenHead<'_>) -> Vec<u8> {
    let mut lines = Vec::with_capacity(512);
    for_each_field(
        seen.response,
        seen.bytes,
        seen.style,
        false,
        |name, value| write_field(&mut lines, name, value),
    );
    lines
}

/// The response as the rules of the cache take it.
pub fn response_of<'a>(seen: &SeenHead<'_>, fields: &'a dyn Fields) -> Response<'a> {
    Response {
        status: seen.response.status,
        fields,
        body_len: match seen.response.body(seen.request.method) {
            BodyLength::Known(length) => Some(length),
            BodyLength::None => Some(0),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        },
    }
}
