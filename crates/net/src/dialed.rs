//! A connection to the far end, and how it came to be.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
    /// What the far end already said in the same packet as the last hop's consent: the first bytes for the client.
    /// Empty nearly always.
    pub prefix: Bytes,
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

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl Stream {
    /// Our end of the socket, where it is bare.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Boxed(_) => None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Boxed(stream) => stream.as_mut().poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Boxed(stream) => stream.as_mut().poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Boxed(stream) => stream.as_mut().poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Boxed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Boxed(stream) => stream.as_mut().poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Boxed(stream) => stream.as_mut().poll_shutdown(cx),
        }
    }
}
