//! Everything outward of one configuration: what the engine dials by.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use privet_config::{Config, Dns};
use privet_policy::{App, DirectPermit, Host, Outlet, Route, Target};

use crate::build::{self, BuildError, Secrets};
use crate::chain::{Chain, Ground, OpenChain};
use crate::health::{OutletHealth, OutletKind, OutletState, TestReport};
use crate::hop::Patience;
use crate::hop::login::Identity;
use crate::resolve::{EntryResolver, Resolver};
use crate::socket::direct;
use crate::{DialError, DialErrorKind, Dialed, OwnSockets, Phases, Stream};

/// One connection that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub target: &'a Target,
    /// The target's addresses, where they were resolved already; else empty.
    pub addresses: &'a [IpAddr],
    /// How the mode resolves, for a direct way to a name that has no addresses yet.
    pub dns: &'a Dns,
    pub app: Option<&'a App>,
    pub client: SocketAddr,
    /// Where the last hop is an HTTP proxy: do not CONNECT, hand out the stream to it.
    pub absolute_form: bool,
}

/// Upstreams, groups and resolvers of one configuration, with what is known of their health.
pub struct Outward {
    chains: Vec<Arc<Chain>>,
    groups: Vec<Group>,
    own: OwnSockets,
    entries: EntryResolver,
    resolver: Resolver,
    identity: Arc<Identity>,
    direct: Arc<str>,
}

struct Group {
    name: String,
    members: Vec<usize>,
}

impl Outward {
    /// Sets up the outward side. Health and identity of what did not change are taken over from `previous`. Reads files
    /// (`ca`, the system's authorities): not for a runtime's thread.
    ///
    /// # Errors
    /// [`BuildError`]: a secret or a `ca` file cannot be read.
    pub fn build(
        config: &Config,
        secrets: Secrets<'_>,
        own: OwnSockets,
        previous: Option<&Outward>,
    ) -> Result<Self, BuildError> {
        let chains = build::chains(config, secrets)?;
        let place = |name: &String| config.upstreams.iter().position(|up| up.name == *name);
        let groups = config
            .groups
            .iter()
            .map(|group| Group {
                name: group.name.clone(),
                members: group.members.iter().filter_map(place).collect(),
            })
            .collect();
        let identity = match previous {
            Some(previous) => previous.identity.clone(),
            None => Arc::new(Identity::new().ok_or(BuildError::NoRandomness)?),
        };
        Ok(Self {
            chains: chains.into_iter().map(Arc::new).collect(),
            groups,
            own,
            entries: EntryResolver::default(),
            resolver: Resolver::default(),
            identity,
            direct: "direct".into(),
        })
    }

    /// Opens the way that was decided upon.
    ///
    /// # Errors
    /// [`DialError`]: what failed, at which hop.
    pub async fn dial(&self, route: &Route, wish: &Wish<'_>) -> Result<Dialed, DialError> {
        match route {
            Route::Direct(permit) => self.dial_direct(permit, wish, self.direct.clone()).await,
            Route::Via { outlet, otherwise } => {
                let through = Box::pin(self.dial_outlet(*outlet, wish)).await;
                match (through, otherwise) {
                    (Err(error), Some(permit)) if error.kind.blames_upstream() => {
                        let route = format!("direct ({} is down)", self.name_of(*outlet));
                        self.dial_direct(permit, wish, route.into()).await
                    }
                    (result, _) => result,
                }
            }
        }
    }

    /// The addresses of a name, as the mode resolves.
    ///
    /// # Errors
    /// `NameNotFound`, `ResolverFailed`; `Unsupported` where the mode resolves nothing here.
    pub async fn resolve(
        &self,
        permit: &DirectPermit,
        dns: &Dns,
        host: &str,
    ) -> Result<Vec<IpAddr>, DialError> {
        let found = self.resolver.addresses(permit, dns, host).await?;
        Ok(found.to_vec())
    }

    /// A stream to the last hop of an outlet's chain: method and login done, nothing asked yet.
    ///
    /// # Errors
    /// [`DialError`]: what failed, at which hop.
    pub async fn open_chain(
        &self,
        outlet: Outlet,
        wish: &Wish<'_>,
    ) -> Result<OpenChain, DialError> {
        let mut last = no_route();
        for member in self.members(outlet) {
            match member.open(&self.ground(), wish, Patience::ALONE).await {
                Ok(open) => return Ok(open),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Isolated logins differ from every earlier one from now on.
    pub fn rotate_identity(&self) {
        self.identity.rotate();
    }

    /// Active checks of groups. The caller owns this future and drops it to end them.
    pub async fn run_checks(&self) {
        std::future::pending().await
    }

    /// Upstreams first, then groups, in the file's order.
    pub fn health(&self) -> Vec<OutletHealth> {
        let upstreams = self.chains.iter().map(|chain| {
            let name = chain.last().name.to_string();
            blank(name, OutletKind::Upstream, chain.text.to_string())
        });
        let groups = self
            .groups
            .iter()
            .map(|group| blank(group.name.clone(), OutletKind::Group, String::new()));
        upstreams.chain(groups).collect()
    }

    /// Tries an outlet once.
    pub async fn test(&self, name: &str) -> TestReport {
        TestReport {
            name: name.to_owned(),
            ..TestReport::default()
        }
    }

    async fn dial_outlet(&self, outlet: Outlet, wish: &Wish<'_>) -> Result<Dialed, DialError> {
        let mut last = no_route();
        for member in self.members(outlet) {
            match member.dial(&self.ground(), wish, Patience::ALONE).await {
                Ok(dialed) => return Ok(dialed),
                Err(error) if error.kind.blames_upstream() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    async fn dial_direct(
        &self,
        permit: &DirectPermit,
        wish: &Wish<'_>,
        route: Arc<str>,
    ) -> Result<Dialed, DialError> {
        let mut phases = Phases::default();
        let resolved;
        let addresses: &[IpAddr] = match &wish.target.host {
            Host::Ip(ip) => std::slice::from_ref(ip),
            Host::Name(_) if !wish.addresses.is_empty() => wish.addresses,
            Host::Name(name) => {
                let started = Instant::now();
                resolved = self.resolver.addresses(permit, wish.dns, name).await?;
                phases.dns = Some(started.elapsed());
                &resolved
            }
        };
        let started = Instant::now();
        let stream = direct::connect(permit, &self.own, wish.target, addresses).await?;
        phases.connect = Some(started.elapsed());
        Ok(Dialed {
            prefix: bytes::Bytes::new(),
            local: stream.local_addr().ok(),
            remote: stream.peer_addr().ok(),
            stream: Stream::Tcp(stream),
            route,
            phases,
            absolute_form: None,
        })
    }

    fn members(&self, outlet: Outlet) -> Vec<Arc<Chain>> {
        let place = usize::from(outlet.0);
        match self.chains.get(place) {
            Some(chain) => vec![chain.clone()],
            None => self
                .groups
                .get(place - self.chains.len())
                .map(|group| {
                    let of = |member: &usize| self.chains.get(*member).cloned();
                    group.members.iter().filter_map(of).collect()
                })
                .unwrap_or_default(),
        }
    }

    fn name_of(&self, outlet: Outlet) -> &str {
        let place = usize::from(outlet.0);
        match self.chains.get(place) {
            Some(chain) => &chain.last().name,
            None => self
                .groups
                .get(place - self.chains.len())
                .map_or("", |group| &group.name),
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            own: &self.own,
            resolver: &self.entries,
            identity: &self.identity,
        }
    }
}

fn no_route() -> DialError {
    DialError::here(DialErrorKind::NoRoute, "there is no upstream to go through")
}

fn blank(name: String, kind: OutletKind, route: String) -> OutletHealth {
    OutletHealth {
        name,
        kind,
        state: OutletState::Unknown,
        route,
        last_error: None,
        latency_ms: None,
        failures: 0,
        members: Vec::new(),
        current: None,
    }
}
