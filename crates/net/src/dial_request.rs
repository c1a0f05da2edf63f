//! What to connect to, and how.

use std::net::{IpAddr, SocketAddr};

use privet_config::Dns;
use privet_policy::{App, DirectPermit, Target, Why};

use crate::LookupClient;

/// One connection to open.
#[derive(Clone, Copy)]
pub struct DialRequest<'a> {
    pub target: &'a Target,
    /// The target's addresses, where they were resolved and judged already; empty otherwise.
    pub addresses: &'a [IpAddr],
    /// How the mode resolves names: used for a direct route to a name without `addresses`.
    pub dns: &'a Dns,
    /// The permit to resolve the name here for a hop that cannot carry names (SOCKS4).
    pub resolve_permit: Option<DirectPermit>,
    /// Decides on addresses that are resolved while dialing.
    pub judge: &'a dyn AddressJudge,
    /// The program that connects, for upstreams that isolate by program.
    pub app: Option<&'a App>,
    /// Whom a look-up of the target's name counts for.
    pub lookup_client: &'a dyn LookupClient,
    /// The client's address: a group with the policy "sticky" keeps it on one member.
    pub client: SocketAddr,
    pub http_proxy: HttpProxyMode,
}

/// What to do where the last hop is an HTTP proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpProxyMode {
    /// Open a tunnel to the target with CONNECT (RFC 9110 section 9.3.6).
    Connect,
    /// Send nothing: the caller sends requests in absolute-form (RFC 9112 section 3.2.2) itself.
    AbsoluteForm,
}

/// How addresses that were resolved while dialing are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressUse {
    /// This machine connects to them.
    Direct,
    /// An upstream connects to them.
    Upstream,
}

/// Decides on addresses that were not known when the policy decided. No address is used before it was judged.
pub trait AddressJudge: Sync {
    /// # Errors
    /// What forbids to reach the target at these addresses, and why.
    fn judge(&self, addresses: &[IpAddr], purpose: AddressUse) -> Result<(), Why>;
}

/// Accepts every address: for targets that are configured.
pub struct AnyAddress;

impl AddressJudge for AnyAddress {
    fn judge(&self, _: &[IpAddr], _: AddressUse) -> Result<(), Why> {
        Ok(())
    }
}
