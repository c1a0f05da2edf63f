//! What a client asked for, and where it connected.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::{Listener, Protocol, Target};

/// One request of a client: a SOCKS command, a CONNECT or a plain HTTP request.
#[derive(Clone)]
pub struct RequestContext<'a> {
    pub listener: Listener,
    pub client: SocketAddr,
    /// The local address that the client connected to.
    pub local: SocketAddr,
    pub protocol: Protocol,
    /// The authenticated user; `None` where the listener does not authenticate.
    pub user: Option<&'a Arc<str>>,
    pub target: &'a Target,
    /// The whole URL of a plain HTTP request; `None` for everything else.
    pub url: Option<&'a str>,
    /// The host of the page that caused a plain HTTP request (`Origin`, else `Referer`), where the request names it.
    pub page: Option<&'a str>,
}
