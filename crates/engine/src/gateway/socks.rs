//! What SOCKS needs beyond CONNECT: BIND and datagrams.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use privet_config::{Config, Isolation};
use privet_connection_log::LiveConnection;
use privet_gateway::{Refusal, RequestContext, RouteDecision, SocksGateway};
use privet_net::bind::BindListener;
use privet_net::udp::UpstreamUdp;
use privet_net::{DialError, DialErrorKind, HttpProxyMode};
use privet_policy::{DirectPermit, Outbound, Route};

use crate::gateway::engine_gateway::EngineGateway;
use crate::gateway::late_addresses::dial_request;

impl SocksGateway for EngineGateway {
    async fn bind(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<BindListener, Refusal> {
        let mut freed = false;
        loop {
            let (snapshot, decision) = self.current_decision(context, decision).await?;
            let late = self.late_addresses(&snapshot, context, &decision);
            let http_proxy = HttpProxyMode::Connect;
            let request = dial_request(&snapshot, context, &decision, &late, http_proxy);
            let near = context.local.ip();
            let binding = snapshot.dialer.bind(&decision.route, &request, near);
            match self.while_current(&snapshot, binding).await {
                Some(Ok(bound)) => return Ok(bound),
                Some(Err(error)) => {
                    self.freed_or_refused(context, &decision, error, &mut freed)
                        .await?;
                }
                None => {}
            }
        }
    }

    async fn resolve(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        permit: &DirectPermit,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        // The association opens its socket when it sends, and cannot wait then.
        if privet_net::udp::lacks_descriptor() {
            self.shared.free_descriptors().await;
        }
        let snapshot = self.shared.snapshot.load_full();
        let mut resolved = None;
        if snapshot.generation == decision.policy_generation {
            let late = self.late_addresses(&snapshot, context, decision);
            let http_proxy = HttpProxyMode::Connect;
            let request = dial_request(&snapshot, context, decision, &late, http_proxy);
            let resolving = snapshot.dialer.datagram_addresses(permit, &request);
            resolved = self.while_current(&snapshot, resolving).await;
        }
        let error = match resolved {
            Some(Ok(addresses)) => return Ok(addresses),
            Some(Err(error)) => error,
            // The permit is of an earlier policy; the next datagram is decided again.
            None => DialError {
                kind: DialErrorKind::NoRoute,
                hop: None,
                text: "the configuration changed meanwhile".to_owned(),
            },
        };
        Err(self.record_failure(context, decision, error).await)
    }

    async fn associate(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<UpstreamUdp, Refusal> {
        let mut freed = false;
        loop {
            let (snapshot, decision) = self.current_decision(context, decision).await?;
            let late = self.late_addresses(&snapshot, context, &decision);
            let http_proxy = HttpProxyMode::Connect;
            let request = dial_request(&snapshot, context, &decision, &late, http_proxy);
            let opening = snapshot.dialer.associate(&decision.route, &request);
            match self.while_current(&snapshot, opening).await {
                Some(Ok(opened)) => return Ok(opened),
                Some(Err(error)) => {
                    self.freed_or_refused(context, &decision, error, &mut freed)
                        .await?;
                }
                None => {}
            }
        }
    }

    async fn free_descriptors(&self) -> bool {
        self.shared.free_descriptors().await
    }

    fn association_key(&self, context: &RequestContext<'_>, decision: &RouteDecision) -> u64 {
        let mut hasher = DefaultHasher::new();
        decision.pool_key.hash(&mut hasher);
        if let Route::Via { outbound, .. } = &decision.route
            && isolates_hosts(&self.shared.snapshot.load().config, *outbound)
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
        let live = self.record_open(context, decision, route);
        if let Some(remote) = remote {
            live.set_remote(remote);
        }
        self.close_if_forbidden(&live, decision);
        live
    }
}

/// Whether some upstream that the outbound may stand for has a login of its own for each host: then two hosts may not
/// share an association.
fn isolates_hosts(config: &Config, outbound: Outbound) -> bool {
    let index = usize::from(outbound.0);
    let isolates = |upstream: &privet_config::Upstream| upstream.isolate == Isolation::Host;
    if let Some(upstream) = config.upstreams.get(index) {
        return isolates(upstream);
    }
    let Some(group) = config.groups.get(index - config.upstreams.len()) else {
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
        let isolated = [0, 1, 2, 3, 4].map(|index| isolates_hosts(&config, Outbound(index)));
        assert_eq!(isolated, [false, true, false, true, false]);
    }
}
