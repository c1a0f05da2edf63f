//! Finds the sites in regular use that an update of a list would block.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use crate::{
    Addresses, Host, List, Listener, Policy, Program, Protocol, Request, Target, WhyKind, simulate,
};

/// A site and its number of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitedSite {
    pub host: Host,
    pub connections: u64,
}

/// Those of the `used` sites that no list blocks now and that would be blocked with `list` instead of the list of the same name.
/// Sites that a rule or `[filter] allow` lets pass are not among them. Decided in the current mode or, if that does not filter,
/// in the first that does.
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
        app: Program::Absent,
        target: &target,
        addresses: Addresses::Unresolved,
        url: None,
        page: None,
        at,
    };
    simulate(&request, policy).why.kind == WhyKind::List
}
