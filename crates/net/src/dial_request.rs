//! What to connect to, and how.

use std::net::{IpAddr, SocketAddr};

use privet_config::Dns;
use privet_policy::{App, Target};

/// One connection to open.
#[derive(Debug, Clone, Copy)]
pub struct DialRequest<'a> {
    pub target: &'a Target,
    /// The target's addresses, where they were resolved already; empty otherwise.
    pub addresses: &'a [IpAddr],
    /// How the mode resolves names: used for a direct route to a name without `addresses`.
    pub dns: &'a Dns,
    /// The program that connects, for upstreams that isolate by program.
    pub app: Option<&'a App>,
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
