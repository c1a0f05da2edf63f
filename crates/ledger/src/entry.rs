//! One connection in the books.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::{App, Listener, Protocol, Target, Why};

/// What is known when a row is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    pub listener: Listener,
    pub client: SocketAddr,
    pub protocol: Protocol,
    pub user: Option<Arc<str>>,
    pub app: Option<Arc<App>>,
    pub target: Target,
    /// "direct", an upstream, a chain: as the dialer names it.
    pub route: Arc<str>,
    pub why: Why,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Both sides said so.
    Finished,
    /// A side reset it, or an error broke it.
    Broken,
    /// No byte for the idle timeout.
    Idle,
    /// Closed by the user.
    Closed,
    /// The new configuration does not allow it.
    Reload,
    /// Privet stopped.
    Shutdown,
    /// Never stood: the verdict was block.
    Blocked,
    /// Never stood: the dial failed.
    Failed,
}
