//! Would an update of a list block what its user goes to every day?

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use crate::{Host, List, Listener, Policy, Protocol, Request, Target, WhyKind, simulate};

/// A site and how often it was gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitedSite {
    pub host: Host,
    pub connections: u64,
}

/// Of the sites that were `used`, those that no list blocks now and that would be blocked with `list` in the place of the
/// one of its name. A site that a rule or `[filter] allow` speaks for is not among them. Judged as in the mode that is on
/// or, where that does not filter, in the first that does.
pub fn newly_blocked(
    policy: &Policy,
    list: Arc<List>,
    used: &[VisitedSite],
    at: SystemTime,
) -> Vec<VisitedSite> {
    let Some(before) = policy.filtering() else {
        return Vec::new();
    };
    let after = before.with_list(list);
    used.iter()
        .filter(|site| !by_list(site, &before, at) && by_list(site, &after, at))
        .cloned()
        .collect()
}

fn by_list(site: &VisitedSite, policy: &Policy, at: SystemTime) -> bool {
    let target = Target {
        host: site.host.clone(),
        port: 443,
    };
    let request = Request {
        listener: Listener::Mixed,
        client: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        protocol: Protocol::Connect,
        user: None,
        app: None,
        target: &target,
        addresses: &[],
        url: None,
        page: None,
        at,
    };
    simulate(&request, policy).why.kind == WhyKind::List
}
