//! A request on its way to a backend: which one, and how its heads are rewritten.

use std::sync::Arc;
use std::time::Instant;

use privet_balance::Lease;
use privet_cache::Cache;
use privet_config::{BackendScheme, HeaderMode};
use privet_http::cache::{CacheKind, CacheScope};
use privet_http::headers::response::ResponseStyle;
use privet_http::headers::site::{SiteFields, SiteRequest};
use privet_http::service::{Fetch, OriginProtocol};
use privet_policy::Target;
use privet_scan::RequestScanner;
use smallvec::SmallVec;

use crate::backend_pool::{Backend, BackendPool};
use crate::response_fields::{FieldRewrite, PublicOrigin};
use crate::site::Site;

/// A request on its way to a backend.
pub struct SiteFetch {
    pub(crate) site: Arc<Site>,
    pub(crate) pool: Arc<BackendPool>,
    /// In flight at this backend.
    pub(crate) lease: Option<Lease>,
    pub(crate) tried: SmallVec<[usize; 4]>,
    pub(crate) key: u64,
    pub(crate) attempt_started: Instant,
    /// The value of `Host`, then the field lines that say who asks.
    pub(crate) fields: Vec<u8>,
    pub(crate) host_len: usize,
    pub(crate) tls: bool,
    /// HTTP/2 has no form for the request.
    pub(crate) http1_only: bool,
    pub(crate) strip: usize,
    /// Where the site has one.
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) scanner: Option<RequestScanner>,
}

impl SiteFetch {
    pub(crate) fn backend(&self) -> Option<&Backend> {
        self.pool.backends().get(self.lease.as_ref()?.member())
    }

    pub(crate) fn host(&self) -> &[u8] {
        self.fields.get(..self.host_len).unwrap_or_default()
    }

    /// Takes another backend. `false`: there is none.
    pub(crate) fn select(&mut self, now: Instant) -> bool {
        self.lease = self.pool.select(self.key, &self.tried, now);
        self.attempt_started = now;
        self.lease.is_some()
    }
}

impl Fetch for SiteFetch {
    fn pool_key(&self) -> u64 {
        self.backend().map_or(0, |backend| backend.pool_key)
    }

    fn target<'a>(&'a self, requested: &'a Target) -> &'a Target {
        self.backend().map_or(requested, |backend| &backend.target)
    }

    fn header_mode(&self) -> HeaderMode {
        HeaderMode::Untouched
    }

    fn protocol(&self) -> OriginProtocol {
        let Some(backend) = self.backend() else {
            return OriginProtocol::Http1;
        };
        match backend.endpoint.url().scheme() {
            BackendScheme::Http => OriginProtocol::Http1,
            BackendScheme::H2c => OriginProtocol::Http2,
            BackendScheme::Https if self.http1_only => OriginProtocol::Http1,
            BackendScheme::Https => backend.spoken.get(),
        }
    }

    fn use_http1(&mut self) -> bool {
        let speaks_both = self.scheme() == "https" && !self.http1_only;
        self.http1_only |= speaks_both;
        speaks_both
    }

    fn scheme(&self) -> &'static str {
        match self.backend().map(|it| it.endpoint.url().scheme()) {
            Some(BackendScheme::Https) => "https",
            _ => "http",
        }
    }

    fn site_request(&self) -> Option<SiteRequest<'_>> {
        Some(SiteRequest {
            host: self.host(),
            strip: self.strip,
            fields: self.fields.get(self.host_len..).unwrap_or_default(),
        })
    }

    fn response_style(&self) -> ResponseStyle<'_> {
        ResponseStyle::Site(self)
    }

    fn cache(&self) -> Option<CacheScope<'_>> {
        Some(CacheScope {
            cache: self.cache.as_ref()?,
            space: &self.site.name,
            scheme: if self.tls { "https" } else { "http" },
            kind: CacheKind::Shared,
            keep_on_disk: true,
            isolates: false,
        })
    }

    fn scanner(&self) -> Option<&RequestScanner> {
        self.scanner.as_ref()
    }

    fn max_request_body(&self) -> u64 {
        self.site.max_body().unwrap_or(u64::MAX)
    }
}

impl SiteFields for SiteFetch {
    fn emit(&self, name: &[u8], value: &[u8], emit: &mut dyn FnMut(&[u8], &[u8])) {
        let origin = PublicOrigin {
            tls: self.tls,
            host: self.host(),
            prefix: self.pool.stripped_prefix(),
        };
        match self.site.names.rewrite(name, value, &origin) {
            FieldRewrite::Keep => emit(name, value),
            FieldRewrite::Drop => {}
            FieldRewrite::Replace(value) => emit(name, &value),
        }
    }
}
