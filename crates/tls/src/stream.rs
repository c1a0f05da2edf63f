//! An established TLS connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream as RustlsStream;

use crate::prefixed::Prefixed;
use crate::provider::Alpn;
use crate::server::Handshake;

/// A TLS connection over `S`. A peer that ends its connection without close_notify makes reads fail with
/// [`io::ErrorKind::UnexpectedEof`]: the content may be truncated. Dropping it sends close_notify as far as the socket
/// takes it at once, unless [`TlsStream::abort`] was called.
#[derive(Debug)]
pub struct TlsStream<S: AsyncRead + AsyncWrite + Unpin> {
    inner: RustlsStream<Prefixed<S>>,
    handshake: Option<Arc<Handshake>>,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Dropping it sends close_notify.
    CloseNotify,
    /// close_notify was sent, or must not be.
    Nothing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    pub(crate) fn server(
        inner: tokio_rustls::server::TlsStream<Prefixed<S>>,
        handshake: Arc<Handshake>,
    ) -> Self {
        Self {
            inner: inner.into(),
            handshake: Some(handshake),
            ending: Ending::CloseNotify,
        }
    }

    /// A server whose certificate was made for the client's tunnel.
    pub(crate) fn minted(inner: tokio_rustls::server::TlsStream<Prefixed<S>>) -> Self {
        Self {
            inner: inner.into(),
            handshake: None,
            ending: Ending::CloseNotify,
        }
    }

    pub(crate) fn client(inner: tokio_rustls::client::TlsStream<Prefixed<S>>) -> Self {
        Self {
            inner: inner.into(),
            handshake: None,
            ending: Ending::CloseNotify,
        }
    }

    /// What the handshake settled, where this side is the server.
    pub fn handshake(&self) -> Option<&Arc<Handshake>> {
        self.handshake.as_ref()
    }

    /// The protocol that was negotiated; `None`: none, or one that is not known here.
    pub fn alpn(&self) -> Option<Alpn> {
        let (_, state) = self.inner.get_ref();
        state.alpn_protocol().and_then(Alpn::from_id)
    }

    /// The host name that the client asked for, in lower case. `None` on the client's side.
    pub fn server_name(&self) -> Option<&str> {
        self.handshake.as_ref()?.name.as_deref()
    }

    /// The stream that carries this one.
    pub fn io(&self) -> &S {
        self.inner.get_ref().0.get_ref()
    }

    /// Makes the end visible as a truncation: no close_notify is sent on drop.
    pub fn abort(&mut self) {
        self.ending = Ending::Nothing;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for TlsStream<S> {
    fn drop(&mut self) {
        if self.ending == Ending::CloseNotify {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.inner).poll_shutdown(&mut cx);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// Sends close_notify and ends the stream below for writing.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        if shut.is_ready() {
            self.ending = Ending::Nothing;
        }
        shut
    }
}

/// What tests look at.
#[cfg(test)]
mod facts {
    use std::io::{self, BufRead};

    use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};
    use rustls_pki_types::CertificateDer;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio_rustls::TlsStream as RustlsStream;

    use super::TlsStream;

    impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
        /// Decrypted bytes that were not read yet. A socket that is not readable does not mean that nothing is to be read.
        pub(crate) fn buffered(&mut self) -> usize {
            fn len(chunk: io::Result<&[u8]>) -> usize {
                chunk.map_or(0, <[u8]>::len)
            }
            match &mut self.inner {
                RustlsStream::Client(stream) => len(stream.get_mut().1.reader().fill_buf()),
                RustlsStream::Server(stream) => len(stream.get_mut().1.reader().fill_buf()),
            }
        }

        /// The peer's certificates, its own first; `None`: it sent none.
        pub(crate) fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
            self.inner.get_ref().1.peer_certificates()
        }

        /// `true`: a session was resumed, without certificates.
        pub(crate) fn is_resumed(&self) -> bool {
            self.inner.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
        }

        pub(crate) fn version(&self) -> Option<ProtocolVersion> {
            self.inner.get_ref().1.protocol_version()
        }

        /// The key exchange; `None` where a resumed session of TLS 1.2 needed none.
        pub(crate) fn key_exchange(&self) -> Option<NamedGroup> {
            let group = self.inner.get_ref().1.negotiated_key_exchange_group();
            group.map(|group| group.name())
        }
    }
}
