//! A connection that was dialed: its stream, its route and how long it took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use privet_tls::Alpn;

use crate::Stream;

/// How long the phases of a dial took. `None`: the phase did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialTimings {
    pub dns: Option<Duration>,
    /// From the first SYN to the last hop's success reply, without `dns` and `tls`.
    pub connect: Option<Duration>,
    /// TLS handshakes with upstreams.
    pub tls: Option<Duration>,
}

impl DialTimings {
    /// All phases that happened.
    pub fn total(&self) -> Duration {
        let phases = [self.dns, self.connect, self.tls];
        phases.into_iter().flatten().sum()
    }
}

pub struct Connected {
    pub stream: Stream,
    /// Bytes that arrived together with the last hop's success reply: the first bytes for the client. Nearly always
    /// empty.
    pub preread: Bytes,
    /// The local address of the first socket; `None`: that of [`Connected::stream`], which is asked when it is needed.
    pub local: Option<SocketAddr>,
    /// The target's address, where it is known (direct connections).
    pub remote: Option<SocketAddr>,
    /// "direct", or the names of the hops in order: "office → tor".
    pub route: Arc<str>,
    pub timings: DialTimings,
    /// Set where the last hop is an HTTP proxy and [`HttpProxyMode::AbsoluteForm`](crate::HttpProxyMode) was
    /// requested: requests go to it in absolute-form. `None`: the stream leads to the target itself.
    pub absolute_form: Option<AbsoluteForm>,
    /// What the target speaks, where that is known: TLS with it agreed on it, or the configuration says it.
    pub alpn: Option<Alpn>,
}

impl Connected {
    /// A stream that leads to the target itself; nothing else is known of it.
    pub fn new(stream: Stream, route: Arc<str>) -> Self {
        Self {
            stream,
            preread: Bytes::new(),
            local: None,
            remote: None,
            route,
            timings: DialTimings::default(),
            absolute_form: None,
            alpn: None,
        }
    }

    /// The local address of the first socket: SOCKS replies report it as the bound address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local.or_else(|| self.stream.local_addr())
    }
}

#[derive(Clone, Default)]
pub struct AbsoluteForm {
    /// The value of `Proxy-Authorization`, if the proxy needs one.
    pub authorization: Option<Arc<str>>,
}
