//! The gateway for what SOCKS has beyond CONNECT: BIND, and datagrams.

use privet_net::HttpProxyMode;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use privet_config::{Config, Isolation};
use privet_connection_log::LiveConnection;
use privet_gateway::{Refusal, RequestContext, RouteDecision};
use privet_net::bind::BindListener;
use privet_net::udp::UpstreamUdp;
use privet_net::{DialError, DialErrorKind};
use privet_policy::{DirectPermit, Outbound, Route};

use crate::gateway::{EngineGateway, dial_request, opening};
use privet_gateway::SocksGateway;

impl SocksGateway for EngineGateway {
    async fn bind(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<BindListener, Refusal> {
        loop {
            let (snapshot, decision) = self.in_force(context, decision).await?;
            let dial_request = dial_request(&snapshot, context, &decision, HttpProxyMode::Connect);
            let binding = snapshot
                .dialer
                .bind(&decision.route, &dial_request, context.local.ip());
            if let Some(bound) = self.while_in_force(&snapshot, binding).await {
                return bound.map_err(|error| self.failed(context, &decision, error));
            }
        }
    }

    async fn resolve(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        permit: &DirectPermit,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let snapshot = self.0.snapshot.load_full();
        if snapshot.generation == decision.policy_generation {
            let dial_request = dial_request(&snapshot, context, decision, HttpProxyMode::Connect);
            let resolving = snapshot.dialer.datagram_addresses(permit, &dial_request);
            if let Some(found) = self.while_in_force(&snapshot, resolving).await {
                return found.map_err(|error| self.failed(context, decision, error));
            }
        }
        // The permit came from a policy that is gone; the next datagram is decided anew.
        let text = "the configuration changed meanwhile".to_owned();
        Err(self.failed(
            context,
            decision,
            DialError {
                kind: DialErrorKind::NoRoute,
                hop: None,
                text,
            },
        ))
    }

    async fn associate(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<UpstreamUdp, Refusal> {
        loop {
            let (snapshot, decision) = self.in_force(context, decision).await?;
            let dial_request = dial_request(&snapshot, context, &decision, HttpProxyMode::Connect);
            let opening = snapshot.dialer.associate(&decision.route, &dial_request);
            if let Some(opened) = self.while_in_force(&snapshot, opening).await {
                return opened.map_err(|error| self.failed(context, &decision, error));
            }
        }
    }

    fn association_key(&self, context: &RequestContext<'_>, decision: &RouteDecision) -> u64 {
        let mut hasher = DefaultHasher::new();
        decision.pool_key.hash(&mut hasher);
        if let Route::Via { outbound, .. } = &decision.route
            && isolates_hosts(&self.0.snapshot.load().config, *outbound)
        {
            context.target.host.hash(&mut hasher);
        }
        hasher.finish()
    }

    fn record_datagrams(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Option<&Arc<str>>,
        remote: Option<SocketAddr>,
    ) -> LiveConnection {
        thread_local!(static DIRECT: Arc<str> = Arc::from("direct"));
        let route = route.cloned().unwrap_or_else(|| DIRECT.with(Arc::clone));
        let opening = opening(context, decision.app.clone(), &decision.why, route);
        let live = self.0.connection_log.open(opening);
        if let Some(remote) = remote {
            live.set_remote(remote);
        }
        if decision.app.is_none() {
            self.0.programs.find_for(live.row(), context);
        }
        self.leave_if_forbidden(&live, decision);
        live
    }
}

/// Whether some upstream that the outbound may stand for has a login of its own for each host: then two hosts may not
/// share an association.
fn isolates_hosts(config: &Config, outbound: Outbound) -> bool {
    let place = usize::from(outbound.0);
    let isolates = |upstream: &privet_config::Upstream| upstream.isolate == Isolation::Host;
    if let Some(upstream) = config.upstreams.get(place) {
        return isolates(upstream);
    }
    let Some(group) = config.groups.get(place - config.upstreams.len()) else {
        return false;
    };
    let mut members = config.upstreams.iter();
    members.any(|upstream| group.members.contains(&upstream.name) && isolates(upstream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn hosts_share_an_association_unless_an_upstream_of_the_route_isolates_them() {
        let text = "
            mode = \"standard\"
            [[upstream]]
            name = \"plain\"
            url = \"socks5://127.0.0.1:1\"
            [[upstream]]
            name = \"tor\"
            url = \"socks5://127.0.0.1:2\"
            isolate = \"host\"
            [[group]]
            name = \"one\"
            policy = \"failover\"
            members = [\"plain\"]
            [[group]]
            name = \"both\"
            policy = \"failover\"
            members = [\"plain\", \"tor\"]
        ";
        let config = Config::parse(text, Path::new("/")).unwrap().config;
        let isolated = [0, 1, 2, 3, 4].map(|place| isolates_hosts(&config, Outbound(place)));
        assert_eq!(isolated, [false, true, false, true, false]);
    }
}
