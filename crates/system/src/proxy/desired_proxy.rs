//! Where the desktop is to be pointed at.

use std::net::SocketAddr;

/// Our own place, as the desktop is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredProxy {
    /// The address of a PAC file; with it, programs go direct when we are gone, unless the mode has a kill switch.
    Pac { url: String },
    /// One proxy for HTTP and HTTPS, and one for SOCKS where we have it.
    Manual {
        http: SocketAddr,
        socks: Option<SocketAddr>,
    },
}

impl DesiredProxy {
    /// The PAC file that a listener on `address` serves.
    pub fn pac(address: SocketAddr) -> Self {
        Self::Pac {
            url: format!("http://{address}/proxy.pac"),
        }
    }
}

impl std::fmt::Display for DesiredProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pac { url } => write!(f, "{url}"),
            Self::Manual { http, .. } => write!(f, "{http}"),
        }
    }
}
