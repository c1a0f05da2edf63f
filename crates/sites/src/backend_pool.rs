//! The backends of a site or of one of its routes, with their state.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use privet_balance::{
    Dice, Fallback, Lease, MemberConfig, MemberId, MemberView, Policy, Pool, Request, RetryBudget,
    RetrySettings, Selector, Settings, hash_key,
};
use privet_config::{BackendHost, BackendUrl, Balance, Site, SiteHealth, SiteRoute};
use privet_http::service::OriginProtocol;
use privet_net::{Endpoint, EndpointTls};
use privet_policy::{Host, Target};
use privet_tls::Alpn;

/// What a pool is built from.
pub(crate) struct PoolConfig<'a> {
    pub(crate) site: &'a Site,
    pub(crate) route: Option<&'a SiteRoute>,
    pub(crate) backends: Vec<(&'a BackendUrl, u32)>,
}

impl<'a> PoolConfig<'a> {
    pub(crate) fn of_route(site: &'a Site, route: &'a SiteRoute) -> Self {
        Self {
            site,
            route: Some(route),
            backends: route.backends.iter().map(|url| (url, 1)).collect(),
        }
    }

    pub(crate) fn route_path(&self) -> Option<&'a str> {
        self.route.map(|route| route.path.as_str())
    }
}

/// The backends that a request of one route may go to.
pub struct BackendPool {
    /// Unique in this process: the key of what each thread keeps for the pool.
    number: u64,
    route: Option<SiteRoute>,
    backends: Vec<Backend>,
    members: Arc<Pool>,
    policy: Policy,
}

/// One backend.
pub struct Backend {
    /// Identifies the backend of this route in the API and over reloads.
    pub id: Arc<str>,
    pub endpoint: Endpoint,
    /// For upstream connections.
    pub target: Target,
    /// Requests with equal keys may share a connection.
    pub pool_key: u64,
    /// The route of its connections in the connection log.
    pub route: Arc<str>,
    pub last_check: Arc<LastCheck>,
    pub(crate) spoken: Arc<SpokenProtocol>,
}

/// What an https backend agreed on when it was last connected to, for all threads.
#[derive(Debug, Default)]
pub(crate) struct SpokenProtocol {
    is_http1: AtomicBool,
}

impl SpokenProtocol {
    /// HTTP/2 until a connection found otherwise: the first request then has others wait for the connection it opens.
    pub(crate) fn get(&self) -> OriginProtocol {
        match self.is_http1.load(Ordering::Relaxed) {
            true => OriginProtocol::Http1,
            false => OriginProtocol::Http2,
        }
    }

    pub(crate) fn set(&self, alpn: Option<Alpn>) {
        let is_http1 = alpn != Some(Alpn::H2);
        // Written when it changes only: every thread reads it for each request.
        if is_http1 != self.is_http1.load(Ordering::Relaxed) {
            self.is_http1.store(is_http1, Ordering::Relaxed);
        }
    }
}

/// The result of the last health check of a backend.
#[derive(Debug, Default)]
pub struct LastCheck(Mutex<Option<CheckResult>>);

/// How a health check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    pub at: SystemTime,
    pub took: Duration,
    /// "200", or why it failed.
    pub outcome: Result<u16, String>,
}

impl LastCheck {
    pub fn get(&self) -> Option<CheckResult> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, result: CheckResult) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

impl BackendPool {
    /// Backends that `previous` has too keep their state.
    ///
    /// # Errors
    /// A backend cannot be used, as a sentence.
    pub(crate) fn build(
        config: PoolConfig<'_>,
        tls: Option<&EndpointTls>,
        previous: Option<&Self>,
        now: Instant,
    ) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let route_path = config.route_path().unwrap_or_default();
        let site = config.site;
        let mut backends: Vec<Backend> = Vec::new();
        let mut members = Vec::new();
        for (url, weight) in config.backends {
            if backends.iter().any(|known| known.endpoint.url() == url) {
                continue;
            }
            let identity = format!("{}\n{route_path}\n{url}", site.name);
            let id: Arc<str> = format!("{:016x}", hash_key(identity.as_bytes())).into();
            members.push(MemberConfig::new(MemberId::of(&identity), weight));
            let before = previous.and_then(|pool| pool.backends.iter().find(|it| it.id == id));
            backends.push(Backend {
                endpoint: Endpoint::new(url, tls)?,
                target: target(url),
                pool_key: hash_key(identity.as_bytes()),
                route: format!("site {} → {url}", site.name).into(),
                last_check: before.map(|it| it.last_check.clone()).unwrap_or_default(),
                spoken: before.map(|it| it.spoken.clone()).unwrap_or_default(),
                id,
            });
        }
        let settings = settings(site.health.as_ref());
        let members = match previous {
            Some(previous) => previous.members.rebuild(settings, members, now),
            None => Pool::new(settings, members, now),
        };
        Ok(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            route: config.route.cloned(),
            backends,
            members: Arc::new(members),
            policy: policy(site.balance),
        })
    }

    /// The route's prefix; `None`: the site's own backends.
    pub fn route_path(&self) -> Option<&str> {
        self.route.as_ref().map(|route| route.path.as_str())
    }

    /// The prefix that backends do not see; empty: they see the whole path.
    pub fn stripped_prefix(&self) -> &[u8] {
        match &self.route {
            Some(route) if route.strip_prefix => route.path.as_bytes(),
            _ => b"",
        }
    }

    /// In the configuration's order, each URL once.
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// The states of the backends, in their order.
    pub fn members(&self) -> &Arc<Pool> {
        &self.members
    }

    /// The backends with their states.
    pub fn view(&self) -> impl Iterator<Item = (&Backend, MemberView)> {
        self.backends.iter().zip(self.members.view())
    }

    /// Takes a backend for a request. `tried`: those that it was sent to already.
    pub(crate) fn select(
        self: &Arc<Self>,
        key: u64,
        tried: &[usize],
        now: Instant,
    ) -> Option<Lease> {
        with_thread_state(self, now, |state, dice| {
            if tried.is_empty() {
                state.budget.requested(now);
            }
            state.selector.select(&Request {
                key,
                tried,
                fallback: Fallback::All,
                now,
                dice,
            })
        })
        .flatten()
    }

    /// Whether a request may be sent once more.
    pub(crate) fn may_retry(self: &Arc<Self>, now: Instant) -> bool {
        with_thread_state(self, now, |state, _| state.budget.try_retry(now)).unwrap_or(false)
    }

    /// The places of the backends that a request would be sent to, in order. For display: nothing is counted.
    pub(crate) fn order(&self, key: u64, now: Instant, dice: u64) -> Vec<usize> {
        let mut selector = Selector::new(self.members.clone(), self.policy);
        selector.order(&Request {
            key,
            tried: &[],
            fallback: Fallback::All,
            now,
            dice,
        })
    }
}

/// What a thread keeps for one pool.
struct ThreadState {
    number: u64,
    of: Weak<BackendPool>,
    selector: Selector,
    budget: RetryBudget,
}

struct ThreadStates {
    pools: Vec<ThreadState>,
    dice: Option<Dice>,
}

fn with_thread_state<T>(
    pool: &Arc<BackendPool>,
    now: Instant,
    use_it: impl FnOnce(&mut ThreadState, u64) -> T,
) -> Option<T> {
    thread_local! {
        static STATES: RefCell<ThreadStates> = const {
            RefCell::new(ThreadStates { pools: Vec::new(), dice: None })
        };
    }
    STATES.with_borrow_mut(|states| {
        let dice = states.dice.get_or_insert_with(|| Dice::new(seed())).roll();
        let found = states
            .pools
            .iter()
            .position(|state| state.number == pool.number);
        let place = found.unwrap_or_else(|| {
            // A new pool comes with a reload: those that are gone are dropped then.
            states.pools.retain(|state| state.of.strong_count() > 0);
            states.pools.push(ThreadState {
                number: pool.number,
                of: Arc::downgrade(pool),
                selector: Selector::new(pool.members.clone(), pool.policy),
                budget: RetryBudget::new(RetrySettings::default(), now),
            });
            states.pools.len() - 1
        });
        states.pools.get_mut(place).map(|state| use_it(state, dice))
    })
}

/// A random number: what was started together takes different turns.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

fn policy(balance: Balance) -> Policy {
    match balance {
        Balance::RoundRobin => Policy::RoundRobin,
        Balance::LeastConnections => Policy::LeastConnections,
        Balance::LeastTime => Policy::PeakEwma,
        Balance::Hash => Policy::Hash,
    }
}

fn settings(health: Option<&SiteHealth>) -> Settings {
    match health {
        Some(health) => Settings::with_probes(
            health.interval,
            health.unhealthy_after,
            health.healthy_after,
        ),
        None => Settings::without_probes(),
    }
}

fn target(url: &BackendUrl) -> Target {
    let host = match url.host() {
        BackendHost::Ip(ip) => Host::Ip(*ip),
        BackendHost::Name(name) => Host::Name((&**name).into()),
    };
    Target {
        host,
        port: url.port(),
    }
}
