//! Dials by one configuration: direct, or through its upstreams and groups.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use privet_balance::Fallback;
use privet_config::{Config, Dns};
use privet_policy::{DirectPermit, Host, Outbound as OutboundId, Route, Target};
use tokio::sync::Notify;

use crate::attempts::{Attempts, Outbound};
use crate::build::{self, BuildError, Secrets};
use crate::chain::{Chain, DialContext, OpenChain};
use crate::check_url::CheckUrl;
use crate::group::Group;
use crate::health_check;
use crate::hop::isolation::IsolationKey;
use crate::outbound_health::{OutboundHealth, OutboundTest, milliseconds};
use crate::resolve::{EntryResolver, Resolver};
use crate::socket::direct;
use crate::{
    AddressUse, Connected, DialError, DialErrorKind, DialRequest, DialTimings, LookupClient,
    OwnListeners, Stream,
};

/// The upstreams, groups and resolvers of one configuration, with their health.
pub struct Dialer {
    chains: Vec<Arc<Chain>>,
    groups: Vec<Group>,
    own_listeners: OwnListeners,
    entries: Arc<EntryResolver>,
    resolver: Resolver,
    isolation: Arc<IsolationKey>,
    /// The text "direct", shared by all direct connections.
    direct: Arc<str>,
    /// Notified when a failed dial makes a probe due sooner.
    probe_due: Notify,
}

impl Dialer {
    /// Builds the dialer. Health, cached names and the isolation key of what did not change are taken over from
    /// `previous`. Reads files (`ca`, the system's trust store): do not call it on a runtime thread.
    ///
    /// # Errors
    /// A secret, a `ca` file or a check's URL cannot be used.
    pub fn build(
        config: &Config,
        secrets: Secrets<'_>,
        own_listeners: OwnListeners,
        previous: Option<&Dialer>,
    ) -> Result<Self, BuildError> {
        let before = previous.map_or(&[][..], |previous| &previous.chains);
        let chains = build::chains(config, secrets, before)?;
        let before = previous.map_or(&[][..], |previous| &previous.groups);
        let groups = build::groups(config, &chains, before)?;
        let isolation = match previous {
            Some(previous) => previous.isolation.clone(),
            None => Arc::new(IsolationKey::new().ok_or(BuildError::NoRandomness)?),
        };
        let dns_settings = config.modes.values().map(|mode| &mode.dns);
        Ok(Self {
            chains,
            groups,
            own_listeners,
            entries: previous.map(|it| it.entries.clone()).unwrap_or_default(),
            resolver: Resolver::new(dns_settings, previous.map(|it| &it.resolver)),
            isolation,
            direct: "direct".into(),
            probe_due: Notify::new(),
        })
    }

    /// Opens a connection by the route that was decided. A direct connection, also as the fallback when every
    /// upstream is down, needs the policy's permit, which only the policy can create:
    ///
    /// ```compile_fail,E0423
    /// let forged = privet_policy::Route::Direct(privet_policy::DirectPermit(()));
    /// ```
    ///
    /// # Errors
    /// What failed, and at which hop.
    pub async fn dial(
        &self,
        route: &Route,
        request: &DialRequest<'_>,
    ) -> Result<Connected, DialError> {
        match route {
            Route::Direct(permit) => self.dial_direct(permit, request, self.direct.clone()).await,
            // Boxed: most dials are direct and need not reserve room for this future.
            Route::Via { outbound, fallback } => {
                Box::pin(self.dial_via(*outbound, fallback.as_ref(), request)).await
            }
        }
    }

    async fn dial_via(
        &self,
        outbound: OutboundId,
        fallback: Option<&DirectPermit>,
        request: &DialRequest<'_>,
    ) -> Result<Connected, DialError> {
        let outbound = self.outbound(outbound).ok_or_else(no_route)?;
        let resolved = self.addresses_for_socks4(outbound, request).await?;
        let request = &DialRequest {
            addresses: resolved.as_deref().unwrap_or(request.addresses),
            ..*request
        };
        let when_down = match fallback {
            Some(_) => Fallback::Due,
            None => Fallback::LongestDown,
        };
        let mut attempts = Attempts::new(outbound, request.client, when_down);
        while let Some((chain, timeouts)) = attempts.next() {
            match chain.dial(&self.context(), request, timeouts).await {
                Ok(connected) => {
                    attempts.succeeded(&chain, connected.timings.connect);
                    if attempts.has_suspects() {
                        self.probe_due.notify_one();
                    }
                    return Ok(connected);
                }
                Err(error) => {
                    if let Some(error) = attempts.failed(&chain, error) {
                        return Err(error);
                    }
                    self.probe_due.notify_one();
                }
            }
        }
        let error = attempts.into_error();
        match fallback {
            Some(permit) if error.kind.blames_upstream() => {
                let route = format!("direct ({} is down)", outbound.name());
                self.dial_direct(permit, request, route.into()).await
            }
            _ => Err(error),
        }
    }

    /// Resolves the target's name for a SOCKS4 hop, which cannot carry names, where the mode allows it.
    async fn addresses_for_socks4(
        &self,
        outbound: Outbound<'_>,
        request: &DialRequest<'_>,
    ) -> Result<Option<Arc<[IpAddr]>>, DialError> {
        let (Host::Name(name), Some(permit)) = (&request.target.host, request.resolve_permit)
        else {
            return Ok(None);
        };
        if !request.addresses.is_empty()
            || *request.dns == Dns::Upstream
            || !outbound.needs_addresses()
        {
            return Ok(None);
        }
        let found = self
            .resolve_judged(&permit, request, name, AddressUse::Upstream)
            .await?;
        Ok(Some(found))
    }

    /// Resolves a name as the mode does.
    ///
    /// # Errors
    /// `NameNotFound`, `ResolverFailed`, or `Unsupported` where the mode resolves no names.
    pub async fn resolve(
        &self,
        permit: &DirectPermit,
        dns: &Dns,
        host: &str,
        client: &dyn LookupClient,
    ) -> Result<Vec<IpAddr>, DialError> {
        let found = self.resolver.addresses(permit, dns, host, client).await?;
        Ok(found.to_vec())
    }

    /// Resolves the target's name as the mode does, and asks the policy about its addresses.
    ///
    /// # Errors
    /// As [`Dialer::resolve`], and `Forbidden`.
    pub(crate) async fn resolve_judged(
        &self,
        permit: &DirectPermit,
        request: &DialRequest<'_>,
        name: &str,
        purpose: AddressUse,
    ) -> Result<Arc<[IpAddr]>, DialError> {
        let client = request.lookup_client;
        let found = self
            .resolver
            .addresses(permit, request.dns, name, client)
            .await?;
        match request.judge.judge(&found, purpose) {
            Ok(()) => Ok(found),
            Err(why) => Err(DialError::here(
                DialErrorKind::Forbidden(why.kind),
                &*why.text,
            )),
        }
    }

    /// Connects to the last hop of an upstream or group, ready for a request: see [`OpenChain`].
    ///
    /// # Errors
    /// What failed, and at which hop.
    pub async fn open_chain(
        &self,
        outbound: OutboundId,
        request: &DialRequest<'_>,
    ) -> Result<OpenChain, DialError> {
        let outbound = self.outbound(outbound).ok_or_else(no_route)?;
        let mut attempts = Attempts::new(outbound, request.client, Fallback::LongestDown);
        while let Some((chain, timeouts)) = attempts.next() {
            match chain.open(&self.context(), request, timeouts).await {
                Ok(open) => {
                    attempts.succeeded(&chain, open.timings.connect);
                    return Ok(open);
                }
                Err(error) => {
                    if let Some(error) = attempts.failed(&chain, error) {
                        return Err(error);
                    }
                    self.probe_due.notify_one();
                }
            }
        }
        Err(attempts.into_error())
    }

    /// Replaces the isolation key: isolated credentials differ from all earlier ones from now on.
    pub fn rotate_identity(&self) {
        self.isolation.rotate();
    }

    /// Probes the members of groups: at their check's interval, and those that are down until they are up again.
    /// Never completes; drop it to stop.
    pub async fn run_checks(&self) {
        health_check::run(&self.groups, &self.context(), &self.probe_due).await;
    }

    /// Upstreams first, then groups, in the file's order.
    pub fn health(&self) -> Vec<OutboundHealth> {
        let upstreams = self
            .chains
            .iter()
            .map(|chain| chain.record.report(&chain.last().name, &chain.route_name));
        upstreams
            .chain(self.groups.iter().map(Group::report))
            .collect()
    }

    /// Tests an upstream, or a group, once: fetches the page of the group's check if there is one, else connects to the last
    /// hop. Of a group the current member is tested, and the others in turn where it fails, as traffic does. The results are
    /// recorded for the upstreams and do not affect the group's selection.
    pub async fn test(&self, name: &str) -> OutboundTest {
        let mut report = OutboundTest {
            name: name.to_owned(),
            ..OutboundTest::default()
        };
        let Some((chains, check)) = self.chains_to_test(name) else {
            report.error = Some(format!("there is no upstream or group {name}"));
            return report;
        };
        for chain in chains {
            let context = self.context();
            let result = match check {
                Some((url, limit)) => health_check::fetch(&chain, &context, url, *limit).await,
                None => health_check::reach(&chain, &context).await,
            };
            match result {
                Ok(timing) => {
                    chain.record.succeeded(Some(timing.connect));
                    report.connect_ms = Some(milliseconds(timing.connect));
                    report.first_byte_ms = timing.first_byte.map(milliseconds);
                    report.error = None;
                    break;
                }
                Err(error) => {
                    chain.record.failed(&error);
                    report.error = Some(error);
                }
            }
        }
        report
    }

    /// The chains to test in turn, with the check of the group, or of the first group that has the upstream as a member.
    #[expect(clippy::type_complexity, reason = "a pair for one caller")]
    fn chains_to_test(
        &self,
        name: &str,
    ) -> Option<(Vec<Arc<Chain>>, Option<&(CheckUrl, std::time::Duration)>)> {
        if let Some(chain) = self.chains.iter().find(|chain| *chain.last().name == *name) {
            let mut of_groups = self.groups.iter().filter(|group| group.has(chain));
            let check = of_groups.find_map(|group| group.check.as_ref());
            return Some((vec![chain.clone()], check));
        }
        let group = self.groups.iter().find(|group| group.name == name)?;
        let first = group.current().unwrap_or_default();
        let others = (0..group.len()).filter(|member| *member != first);
        let order = std::iter::once(first).chain(others);
        let chains = order.filter_map(|member| group.chain(member).cloned());
        Some((chains.collect(), group.check.as_ref()))
    }

    async fn dial_direct(
        &self,
        permit: &DirectPermit,
        request: &DialRequest<'_>,
        route: Arc<str>,
    ) -> Result<Connected, DialError> {
        let mut timings = DialTimings::default();
        let resolved;
        let addresses: &[IpAddr] = match &request.target.host {
            Host::Ip(ip) => std::slice::from_ref(ip),
            Host::Name(_) if !request.addresses.is_empty() => request.addresses,
            Host::Name(name) => {
                let started = Instant::now();
                resolved = self
                    .resolve_judged(permit, request, name, AddressUse::Direct)
                    .await?;
                timings.dns = Some(started.elapsed());
                &resolved
            }
        };
        let started = Instant::now();
        let stream =
            direct::connect(permit, &self.own_listeners, request.target, addresses).await?;
        timings.connect = Some(started.elapsed());
        Ok(Connected {
            preread: Bytes::new(),
            local: None,
            remote: match addresses {
                // Known without a system call.
                [only] => Some(SocketAddr::new(only.to_canonical(), request.target.port)),
                _ => stream.peer_addr().ok(),
            },
            stream: Stream::Tcp(stream),
            route,
            timings,
            absolute_form: None,
            alpn: None,
        })
    }

    /// Checks addresses against what the permit covers.
    pub(crate) fn check_permit(
        &self,
        permit: &DirectPermit,
        target: &Target,
        addresses: &[IpAddr],
    ) -> Result<(), DialError> {
        let addresses = addresses.iter().copied();
        self.own_listeners.check_permit(permit, target, addresses)
    }

    /// Outbounds are numbered as in the configuration: upstreams first, then groups.
    fn outbound(&self, outbound: OutboundId) -> Option<Outbound<'_>> {
        let index = usize::from(outbound.0);
        match self.chains.get(index) {
            Some(chain) => Some(Outbound::Upstream(chain)),
            None => {
                let index = index.checked_sub(self.chains.len())?;
                self.groups.get(index).map(Outbound::Group)
            }
        }
    }

    fn context(&self) -> DialContext<'_> {
        DialContext {
            own_listeners: &self.own_listeners,
            resolver: &self.entries,
            isolation: &self.isolation,
        }
    }
}

fn no_route() -> DialError {
    DialError::here(
        DialErrorKind::NoRoute,
        "the mode's route leads nowhere: add an upstream or a group",
    )
}
