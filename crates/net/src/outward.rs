//! Everything outward of one configuration: what the engine dials by.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use privet_config::{Config, Dns};
use privet_policy::{App, DirectPermit, Host, Outbound as OutletId, Route, Target};
use tokio::sync::Notify;

use crate::attempts::{Attempts, Outbound};
use crate::build::{self, BuildError, Secrets};
use crate::chain::{Chain, Ground, OpenChain};
use crate::checks;
use crate::group::Group;
use crate::health::{OutletHealth, TestReport, milliseconds};
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
    /// For a group that is "sticky": a client address stays with its member.
    pub client: SocketAddr,
    /// Where the last hop is an HTTP proxy: do not CONNECT, hand out the stream to it.
    pub absolute_form: bool,
}

/// Upstreams, groups and resolvers of one configuration, with what is known of their health.
pub struct Outward {
    chains: Vec<Arc<Chain>>,
    groups: Vec<Group>,
    own: OwnSockets,
    entries: Arc<EntryResolver>,
    resolver: Resolver,
    identity: Arc<Identity>,
    /// "direct", shared by all connections that go so.
    direct: Arc<str>,
    /// Told when a failed dial has made a probe due sooner.
    stirred: Notify,
}

impl Outward {
    /// Sets up the outward side. Health, names and identity of what did not change are taken over from `previous`. Reads
    /// files (`ca`, the system's authorities): not for a runtime's thread.
    ///
    /// # Errors
    /// [`BuildError`]: a secret, a `ca` file or a check's URL cannot be used.
    pub fn build(
        config: &Config,
        secrets: Secrets<'_>,
        own: OwnSockets,
        previous: Option<&Outward>,
    ) -> Result<Self, BuildError> {
        let before = previous.map_or(&[][..], |previous| &previous.chains);
        let chains = build::chains(config, secrets, before)?;
        let before = previous.map_or(&[][..], |previous| &previous.groups);
        let groups = build::groups(config, &chains, before)?;
        let identity = match previous {
            Some(previous) => previous.identity.clone(),
            None => Arc::new(Identity::new().ok_or(BuildError::NoRandomness)?),
        };
        let ways = config.modes.values().map(|mode| &mode.dns);
        Ok(Self {
            chains,
            groups,
            own,
            entries: previous.map(|it| it.entries.clone()).unwrap_or_default(),
            resolver: Resolver::new(ways, previous.map(|it| &it.resolver)),
            identity,
            direct: "direct".into(),
            stirred: Notify::new(),
        })
    }

    /// Opens the way that was decided upon. A direct way, or a direct way out when all else is down, needs the policy's
    /// permit, which nobody else can make:
    ///
    /// ```compile_fail,E0423
    /// let forged = privet_policy::Route::Direct(privet_policy::DirectPermit(()));
    /// ```
    ///
    /// # Errors
    /// [`DialError`]: what failed, at which hop.
    pub async fn dial(&self, route: &Route, wish: &Wish<'_>) -> Result<Dialed, DialError> {
        match route {
            Route::Direct(permit) => self.dial_direct(permit, wish, self.direct.clone()).await,
            // Boxed: most dials are direct, and need not carry this one's state.
            Route::Via { outbound, fallback } => {
                Box::pin(self.dial_via(*outbound, fallback.as_ref(), wish)).await
            }
        }
    }

    async fn dial_via(
        &self,
        outbound: OutletId,
        fallback: Option<&DirectPermit>,
        wish: &Wish<'_>,
    ) -> Result<Dialed, DialError> {
        let outbound = self.outbound(outbound).ok_or_else(no_route)?;
        let resolved = self.addresses_for_socks4(outbound, fallback, wish).await?;
        let wish = &Wish {
            addresses: resolved.as_deref().unwrap_or(wish.addresses),
            ..*wish
        };
        let mut attempts = Attempts::new(outbound, wish.client, fallback.is_some());
        while let Some((chain, patience)) = attempts.next() {
            match chain.dial(&self.ground(), wish, patience).await {
                Ok(dialed) => {
                    attempts.won(&chain, dialed.phases.connect);
                    return Ok(dialed);
                }
                Err(error) => {
                    if let Some(error) = attempts.lost(&chain, error) {
                        return Err(error);
                    }
                    self.stirred.notify_one();
                }
            }
        }
        let error = attempts.given_up();
        match fallback {
            Some(permit) if error.kind.blames_upstream() => {
                let route = format!("direct ({} is down)", outbound.name());
                self.dial_direct(permit, wish, route.into()).await
            }
            _ => Err(error),
        }
    }

    /// SOCKS4 carries no names. Where one may be resolved here, it is, before such a hop is asked; else the hop says no.
    async fn addresses_for_socks4(
        &self,
        outbound: Outbound<'_>,
        permit: Option<&DirectPermit>,
        wish: &Wish<'_>,
    ) -> Result<Option<Arc<[IpAddr]>>, DialError> {
        let (Host::Name(name), Some(permit)) = (&wish.target.host, permit) else {
            return Ok(None);
        };
        if !wish.addresses.is_empty() || *wish.dns == Dns::Upstream || !outbound.needs_addresses() {
            return Ok(None);
        }
        let found = self.resolver.addresses(permit, wish.dns, name).await?;
        Ok(Some(found))
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

    /// A stream to the last hop of an outbound's chain: method and login done where it speaks SOCKS5, nothing asked yet.
    ///
    /// # Errors
    /// [`DialError`]: what failed, at which hop.
    pub async fn open_chain(
        &self,
        outbound: OutletId,
        wish: &Wish<'_>,
    ) -> Result<OpenChain, DialError> {
        let outbound = self.outbound(outbound).ok_or_else(no_route)?;
        let mut attempts = Attempts::new(outbound, wish.client, false);
        while let Some((chain, patience)) = attempts.next() {
            match chain.open(&self.ground(), wish, patience).await {
                Ok(open) => {
                    attempts.won(&chain, open.phases.connect);
                    return Ok(open);
                }
                Err(error) => {
                    if let Some(error) = attempts.lost(&chain, error) {
                        return Err(error);
                    }
                    self.stirred.notify_one();
                }
            }
        }
        Err(attempts.given_up())
    }

    /// Isolated logins differ from every earlier one from now on.
    pub fn rotate_identity(&self) {
        self.identity.rotate();
    }

    /// Probes the members of groups: by their check's interval, and those that are down until they are up again. Never
    /// ends by itself; the caller owns this future and drops it.
    pub async fn run_checks(&self) {
        checks::run(&self.groups, &self.ground(), &self.stirred).await;
    }

    /// Upstreams first, then groups, in the file's order.
    pub fn health(&self) -> Vec<OutletHealth> {
        let upstreams = self
            .chains
            .iter()
            .map(|chain| chain.record.show(&chain.last().name, &chain.text));
        upstreams
            .chain(self.groups.iter().map(Group::show))
            .collect()
    }

    /// Tries an upstream, or the member that a group would take now, once: the page of a group's check is fetched where
    /// there is one, else the last hop is reached. What it shows counts for the upstream's record, not for a group's choice.
    pub async fn test(&self, name: &str) -> TestReport {
        let mut report = TestReport {
            name: name.to_owned(),
            ..TestReport::default()
        };
        let Some((chain, check)) = self.to_test(name) else {
            report.error = Some(format!("there is no upstream or group {name}"));
            return report;
        };
        let result = match check {
            Some((url, limit)) => checks::fetch(&chain, &self.ground(), url, *limit).await,
            None => checks::reach(&chain, &self.ground()).await,
        };
        match result {
            Ok(timing) => {
                chain.record.succeeded(Some(timing.connect));
                report.connect_ms = Some(milliseconds(timing.connect));
                report.first_byte_ms = timing.first_byte.map(milliseconds);
            }
            Err(error) => {
                chain.record.failed(&error);
                report.error = Some(error);
            }
        }
        report
    }

    /// The chain to test, with the check of its group, or of the first group that the upstream is a member of.
    #[expect(clippy::type_complexity, reason = "a pair for one caller")]
    fn to_test(
        &self,
        name: &str,
    ) -> Option<(Arc<Chain>, Option<&(checks::CheckUrl, std::time::Duration)>)> {
        if let Some(chain) = self.chains.iter().find(|chain| *chain.last().name == *name) {
            let mut of_groups = self.groups.iter().filter(|group| group.has(chain));
            let check = of_groups.find_map(|group| group.check.as_ref());
            return Some((chain.clone(), check));
        }
        let group = self.groups.iter().find(|group| group.name == name)?;
        let member = group.members().current().unwrap_or_default();
        Some((group.chain(member)?.clone(), group.check.as_ref()))
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
            prefix: Bytes::new(),
            local: stream.local_addr().ok(),
            remote: match addresses {
                // Known without asking the kernel.
                [only] => Some(SocketAddr::new(only.to_canonical(), wish.target.port)),
                _ => stream.peer_addr().ok(),
            },
            stream: Stream::Tcp(stream),
            route,
            phases,
            absolute_form: None,
        })
    }

    /// Outlets are numbered as in the configuration: upstreams first, then groups.
    fn outbound(&self, outbound: OutletId) -> Option<Outbound<'_>> {
        let place = usize::from(outbound.0);
        match self.chains.get(place) {
            Some(chain) => Some(Outbound::Upstream(chain)),
            None => {
                let place = place.checked_sub(self.chains.len())?;
                self.groups.get(place).map(Outbound::Group)
            }
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
    DialError::here(
        DialErrorKind::NoRoute,
        "the mode's route leads nowhere: add an upstream or a group",
    )
}
