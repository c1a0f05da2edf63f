//! One site, compiled from its configuration.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use privet_config::{Balance, Site as SiteConfig, SiteHealth};
use privet_net::EndpointTls;

use crate::access::{Access, AccessRefusal};
use crate::backend_pool::{BackendPool, PoolConfig};
use crate::counters::SiteCounters;
use crate::error_page::SiteError;
use crate::hash_key::HashOn;
use crate::rate_limit::{Rate, RateLimiter};
use crate::response_fields::BackendNames;
use crate::route_table::{PathRefusal, RouteTable};

/// A site. Immutable; its counters, its clients' rates and its backends' states are taken over at a reload.
pub struct Site {
    pub name: Arc<str>,
    pub config: SiteConfig,
    access: Access,
    limiter: Option<Arc<RateLimiter>>,
    routes: RouteTable,
    /// The site's own backends, then those of each route in the configuration's order.
    pools: Vec<Arc<BackendPool>>,
    pub(crate) names: BackendNames,
    pub(crate) hash_on: HashOn,
    pub counters: Arc<SiteCounters>,
}

impl Site {
    /// # Errors
    /// A backend cannot be used, as a sentence.
    pub(crate) fn build(
        config: &SiteConfig,
        tls: Option<&EndpointTls>,
        previous: Option<&Self>,
        now: Instant,
    ) -> Result<Self, String> {
        let name: Arc<str> = config.name.as_str().into();
        let rate = Rate::new(config.limit.requests_per_second, config.limit.burst);
        let kept = previous.and_then(|site| site.limiter.clone());
        let limiter = rate.map(|rate| match kept {
            Some(kept) if kept.rate() == rate => kept,
            _ => Arc::new(RateLimiter::new(rate, now)),
        });
        let mut site = Self {
            access: Access::new(&config.allow, &config.deny),
            limiter,
            routes: RouteTable::new(config.routes.iter().map(|route| route.path.as_str())),
            pools: Vec::new(),
            names: BackendNames::new(backend_urls(config), &config.hosts),
            hash_on: HashOn::parse(config.hash_on.as_deref()),
            counters: previous
                .map(|site| site.counters.clone())
                .unwrap_or_default(),
            config: config.clone(),
            name,
        };
        for pool in pool_configs(config) {
            let before = previous.and_then(|site| site.pool_of_route(pool.route_path()));
            let pool = BackendPool::build(pool, tls, before, now)?;
            site.pools.push(Arc::new(pool));
        }
        Ok(site)
    }

    /// The site's own backends, then those of each route.
    pub fn pools(&self) -> &[Arc<BackendPool>] {
        &self.pools
    }

    fn pool_of_route(&self, path: Option<&str>) -> Option<&BackendPool> {
        self.pools
            .iter()
            .find(|pool| pool.route_path() == path)
            .map(|pool| &**pool)
    }

    pub fn health(&self) -> Option<&SiteHealth> {
        self.config.health.as_ref()
    }

    pub fn balance(&self) -> Balance {
        self.config.balance
    }

    /// # Errors
    /// Why `allow` or `deny` refuses the client.
    pub fn check_access(&self, client: IpAddr) -> Result<(), AccessRefusal> {
        self.access.check(client)
    }

    /// Counts a request of the client against `limit.requests_per_second`.
    ///
    /// # Errors
    /// The client has to wait.
    pub fn check_rate(&self, client: IpAddr, now: Instant) -> Result<(), SiteError> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        limiter
            .admit(client, now)
            .map_err(|wait| SiteError::TooManyRequests {
                retry_after: wait
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(u64::MAX),
            })
    }

    /// `limit.header_bytes`; `None`: no limit.
    pub fn max_head(&self) -> Option<u64> {
        (self.config.limit.header_bytes > 0).then_some(self.config.limit.header_bytes)
    }

    /// `limit.body`; `None`: no limit.
    pub fn max_body(&self) -> Option<u64> {
        (self.config.limit.body > 0).then_some(self.config.limit.body)
    }

    /// The backends of a path.
    ///
    /// # Errors
    /// The path could be read as one of another route, or no route has it and the site has no backends of its own.
    pub fn pool_for(&self, path: &[u8]) -> Result<&Arc<BackendPool>, SiteError> {
        let route = self.routes.find(path).map_err(|refusal| match refusal {
            PathRefusal::AboveRoot | PathRefusal::Ambiguous => SiteError::AmbiguousPath,
        })?;
        let place = route.map_or(0, |route| route + 1);
        match self.pools.get(place) {
            Some(pool) if route.is_some() || !pool.backends().is_empty() => Ok(pool),
            _ => Err(SiteError::NotFound),
        }
    }
}

/// All backends that the site names.
fn backend_urls(config: &SiteConfig) -> impl Iterator<Item = &privet_config::BackendUrl> {
    let own = config.backends.iter().map(|backend| &backend.url);
    own.chain(config.routes.iter().flat_map(|route| &route.backends))
}

fn pool_configs(config: &SiteConfig) -> impl Iterator<Item = PoolConfig<'_>> {
    let own = config
        .backends
        .iter()
        .map(|backend| (&backend.url, backend.weight));
    let own = PoolConfig {
        site: config,
        route: None,
        backends: own.collect(),
    };
    let of_route = |route| PoolConfig::of_route(config, route);
    std::iter::once(own).chain(config.routes.iter().map(of_route))
}
