//! A byte stream to a client, an upstream or a destination.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use privet_tls::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection to a client, an upstream or a destination. The relay splices where both of its sides are plain sockets.
pub enum Stream {
    /// A plain socket.
    Tcp(TcpStream),
    /// Anything else, such as TLS.
    Boxed(Pin<Box<dyn Duplex>>),
}

/// A byte stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send {
    /// The plain socket that carries the stream, to be looked at only.
    fn socket(&self) -> Option<&TcpStream> {
        None
    }

    /// Drops the stream without the end that would make it look complete, such as TLS's close_notify.
    fn abort(self: Pin<&mut Self>) {}
}

impl Duplex for TlsStream<Stream> {
    fn socket(&self) -> Option<&TcpStream> {
        self.io().socket()
    }

    fn abort(self: Pin<&mut Self>) {
        self.get_mut().abort();
    }
}

/// Takes the place of a stream for a moment.
impl Duplex for tokio::io::Empty {}

/// Streams of tests.
impl Duplex for tokio::io::DuplexStream {}
impl Duplex for TcpStream {}
impl<S: Duplex> Duplex for tokio::io::BufWriter<S> {}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl Stream {
    /// The plain socket, or the one that carries this stream.
    pub fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Boxed(stream) => stream.socket(),
        }
    }

    /// The local address, where a socket carries the stream.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket()?.local_addr().ok()
    }

    /// Writes what the socket takes at once.
    ///
    /// # Errors
    /// The socket's; `WouldBlock` where its buffer is full, and always where the stream is not a plain socket.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Boxed(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Waits until the peer closes the connection. What the peer sends stays in the socket, and the wait never ends
    /// once it has sent something. It also never ends where no socket carries the stream.
    pub async fn closed(&mut self) {
        if let Some(socket) = self.socket()
            && matches!(socket.peek(&mut [0]).await, Ok(0) | Err(_))
        {
            return;
        }
        std::future::pending().await
    }

    /// Makes the close a reset (RST) without the end of TLS, so that the peer learns that the stream is incomplete.
    pub fn reset_on_close(&mut self) {
        if let Some(socket) = self.socket() {
            // It fails only on a socket that is gone already.
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
        if let Self::Boxed(stream) = self {
            stream.as_mut().abort();
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
