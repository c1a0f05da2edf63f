//! A connection to the far end, and how it came to be.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream to the target: a bare socket wherever the chain allows, so that the relay can splice.
pub enum Stream {
    Tcp(TcpStream),
    /// A chain with TLS to a proxy in it.
    Boxed(Pin<Box<dyn Duplex>>),
}

pub trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// Times of the phases that took place; `None`: the phase did not happen here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    pub dns: Option<Duration>,
    /// From the first SYN to the last hop's consent.
    pub connect: Option<Duration>,
    /// TLS to an upstream.
    pub tls: Option<Duration>,
}

pub struct Dialed {
    pub stream: Stream,
    /// Our end of the first socket: what a SOCKS reply reports as the bound address.
    pub local: Option<SocketAddr>,
    /// The target's address where we know it (direct), for the live table.
    pub remote: Option<SocketAddr>,
    /// "direct", or the hops in order: "office → tor". Shared, not made anew for each connection.
    pub route: Arc<str>,
    pub phases: Phases,
    /// The last hop is an HTTP proxy reached in the clear or by TLS and was asked for nothing yet: plain requests go to
    /// it in absolute-form with this `Proxy-Authorization`, if any. Only when the caller asked for it.
    pub absolute_form: Option<AbsoluteForm>,
}

#[derive(Clone, Default)]
pub struct AbsoluteForm {
    /// The value of `Proxy-Authorization`, ready to send.
    pub authorization: Option<Arc<str>>,
}
