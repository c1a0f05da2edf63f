//! Which part of the cache a client may use: what one of them stored never answers another.

use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

use privet_cache::Cache;
use privet_config::{Config, Isolation};
use privet_gateway::{CacheAccess, RequestContext};
use privet_policy::{App, Route};
use privet_system::ProgramState;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::gateway::engine_gateway::EngineGateway;
use crate::snapshot::Snapshot;

/// What a decision needs of the snapshot for the cache.
pub(super) struct CacheFacts {
    cache: Arc<Cache>,
    config: Arc<Config>,
    history: bool,
}

impl CacheFacts {
    /// `None`: the cache is off.
    pub(super) fn of(snapshot: &Snapshot) -> Option<Self> {
        let cache = snapshot.caches.forward.as_ref()?;
        Some(Self {
            cache: cache.clone(),
            config: snapshot.config.clone(),
            history: snapshot.keeps_history(),
        })
    }
}

impl EngineGateway {
    /// `None`: the request is no plain HTTP.
    pub(super) async fn cache_access(
        &self,
        context: &RequestContext<'_>,
        route: &Route,
        decided: Option<&Arc<App>>,
        facts: CacheFacts,
    ) -> Option<CacheAccess> {
        context.url?;
        let asker = match facts.cache.policy().shared {
            true => None,
            false => {
                let app = match decided {
                    Some(app) => Some(app.clone()),
                    None => match self.program_of_rule().await {
                        ProgramState::Known(app) => Some(app),
                        _ => None,
                    },
                };
                Some(self.asker(context, route, app.as_deref(), &facts))
            }
        };
        let isolates = is_isolated(route, &facts.config);
        Some(CacheAccess {
            cache: facts.cache,
            asker,
            keep_on_disk: facts.history,
            isolates,
        })
    }

    /// Who asks: login, else address and user of the program; program, route with its isolation, identity.
    fn asker(
        &self,
        context: &RequestContext<'_>,
        route: &Route,
        app: Option<&App>,
        facts: &CacheFacts,
    ) -> [u8; 16] {
        let mut hasher = SipHasher13::new_with_key(&facts.cache.secret().0);
        match context.user {
            Some(user) => (1_u8, user).hash(&mut hasher),
            None => {
                let address = context.client.ip().to_canonical();
                (2_u8, address, app.and_then(|app| app.user)).hash(&mut hasher);
            }
        }
        app.map(|app| (&app.name, &app.path)).hash(&mut hasher);
        route_name(route, &facts.config).hash(&mut hasher);
        let epoch = self.shared.identity_epoch.load(Ordering::Relaxed);
        hasher.write_u64(epoch);
        if is_isolated(route, &facts.config) {
            hasher.write(&run_identity());
        }
        hasher.finish128().as_bytes()
    }
}

/// Whether connections on a route have credentials of this run, so that what was stored before belongs to another identity.
fn is_isolated(route: &Route, config: &Config) -> bool {
    let name = route_name(route, config);
    let members = config
        .groups
        .iter()
        .filter(|group| Some(group.name.as_str()) == name);
    let members = members.flat_map(|group| group.members.iter().map(String::as_str));
    let names: Vec<&str> = name.into_iter().chain(members).collect();
    let mut upstreams = config.upstreams.iter();
    upstreams.any(|upstream| {
        upstream.isolate != Isolation::None && names.contains(&upstream.name.as_str())
    })
}

/// Random bytes of this run.
fn run_identity() -> [u8; 16] {
    static RUN: LazyLock<[u8; 16]> = LazyLock::new(|| {
        let mut bytes = [0; 16];
        if let Err(error) = getrandom::fill(&mut bytes) {
            tracing::warn!("no random bytes for the identities of the cache: {error}");
        }
        bytes
    });
    *RUN
}

/// A route by its name: numbers change with the file.
fn route_name<'a>(route: &Route, config: &'a Config) -> Option<&'a str> {
    let Route::Via { outbound, .. } = route else {
        return None;
    };
    let upstreams = config
        .upstreams
        .iter()
        .map(|upstream| upstream.name.as_str());
    let groups = config.groups.iter().map(|group| group.name.as_str());
    let name = upstreams.chain(groups).nth(usize::from(outbound.0));
    Some(name.unwrap_or_default())
}
