//! A connection that was dialed: its stream, its route and how long it took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::Stream;

/// Times of the timings that took place; `None`: the phase did not happen here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialTimings {
    pub dns: Option<Duration>,
    /// From the first SYN to the last hop's consent.
    pub connect: Option<Duration>,
    /// TLS to an upstream.
    pub tls: Option<Duration>,
}

pub struct Connected {
    pub stream: Stream,
    /// What the far end already said in the same packet as the last hop's consent: the first bytes for the client.
    /// Empty nearly always.
    pub preread: Bytes,
    /// Our end of the first socket: what a SOCKS reply reports as the bound address.
    pub local: Option<SocketAddr>,
    /// The target's address where we know it (direct), for the live table.
    pub remote: Option<SocketAddr>,
    /// "direct", or the hops in order: "office → tor". Shared, not made anew for each connection.
    pub route: Arc<str>,
    pub timings: DialTimings,
    /// The last hop is an HTTP proxy reached in the clear or by TLS and was asked for nothing yet: plain requests go to
    /// it in absolute-form with this `Proxy-Authorization`, if any. Only when the caller asked for it.
    pub absolute_form: Option<AbsoluteForm>,
}

#[derive(Clone, Default)]
pub struct AbsoluteForm {
    /// The value of `Proxy-Authorization`, ready to send.
    pub authorization: Option<Arc<str>>,
}
