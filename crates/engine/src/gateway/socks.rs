//! The road for what SOCKS has beyond CONNECT: BIND, and datagrams.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use privet_config::{Config, Isolation};
use privet_connection_log::LiveConnection;
use privet_http::{Ask, Refusal, Ticket};
use privet_net::associate::UpstreamUdp;
use privet_net::bind::Bound;
use privet_net::{DialError, DialErrorKind};
use privet_policy::{DirectPermit, Outbound, Route};

use crate::gateway::{EngineRoad, opening, wish};
use crate::socks::SocksRoad;

impl SocksRoad for EngineRoad {
    async fn bind(&self, ask: &Ask<'_>, ticket: &Ticket) -> Result<Bound, Refusal> {
        loop {
            let (snapshot, ticket) = self.in_force(ask, ticket).await?;
            let wish = wish(&snapshot, ask, &ticket, false);
            let binding = snapshot.outward.bind(&ticket.route, &wish, ask.local.ip());
            if let Some(bound) = self.while_in_force(&snapshot, binding).await {
                return bound.map_err(|error| self.failed(ask, &ticket, error));
            }
        }
    }

    async fn resolve(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        permit: &DirectPermit,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let snapshot = self.0.snapshot.load_full();
        if snapshot.generation == ticket.generation {
            let wish = wish(&snapshot, ask, ticket, false);
            let resolving = snapshot.outward.datagram_addresses(permit, &wish);
            if let Some(found) = self.while_in_force(&snapshot, resolving).await {
                return found.map_err(|error| self.failed(ask, ticket, error));
            }
        }
        // The permit came from a policy that is gone; the next datagram is decided anew.
        let text = "the configuration changed meanwhile".to_owned();
        Err(self.failed(
            ask,
            ticket,
            DialError {
                kind: DialErrorKind::NoRoute,
                hop: None,
                text,
            },
        ))
    }

    async fn associate(&self, ask: &Ask<'_>, ticket: &Ticket) -> Result<UpstreamUdp, Refusal> {
        loop {
            let (snapshot, ticket) = self.in_force(ask, ticket).await?;
            let wish = wish(&snapshot, ask, &ticket, false);
            let opening = snapshot.outward.associate(&ticket.route, &wish);
            if let Some(opened) = self.while_in_force(&snapshot, opening).await {
                return opened.map_err(|error| self.failed(ask, &ticket, error));
            }
        }
    }

    fn association_key(&self, ask: &Ask<'_>, ticket: &Ticket) -> u64 {
        let mut hasher = DefaultHasher::new();
        ticket.key.hash(&mut hasher);
        if let Route::Via { outbound, .. } = &ticket.route
            && isolates_hosts(&self.0.snapshot.load().config, *outbound)
        {
            ask.target.host.hash(&mut hasher);
        }
        hasher.finish()
    }

    fn book_datagrams(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        route: Option<&Arc<str>>,
        remote: Option<SocketAddr>,
    ) -> LiveConnection {
        thread_local!(static DIRECT: Arc<str> = Arc::from("direct"));
        let route = route.cloned().unwrap_or_else(|| DIRECT.with(Arc::clone));
        let opening = opening(ask, ticket.app.clone(), &ticket.why, route);
        let live = self.0.connection_log.open(opening);
        if let Some(remote) = remote {
            live.set_remote(remote);
        }
        if ticket.app.is_none() {
            self.0.programs.find_for(live.row(), ask);
        }
        self.leave_if_forbidden(&live, ticket);
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
