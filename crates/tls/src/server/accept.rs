//! A server's handshake: reads the ClientHello, chooses the certificate, and hands over to rustls.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::ServerTls;
use super::handshake::{Addresses, Handshake};
use super::table::Entry;
use crate::client_hello::{self, ClientHello, HelloRead, MalformedHello, SniName};
use crate::prefixed::Prefixed;
use crate::stream::TlsStream;

/// A browser's hello fits into the first read.
const FIRST_READ: usize = 4096;
/// Fatal alerts (RFC 8446, section 6.2), as records without encryption.
const UNRECOGNIZED_NAME: [u8; 7] = alert(112);
const DECODE_ERROR: [u8; 7] = alert(50);

const fn alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}

/// Why there is no TLS connection.
pub enum HandshakeError<S> {
    /// The client does not speak TLS; its stream, and what was read from it.
    NotTls {
        io: S,
        received: Bytes,
    },
    Malformed(MalformedHello),
    /// No certificate is given for what the client asked for. It got the alert `unrecognized_name`.
    NoCertificate(SniName),
    /// The deadline passed.
    TimedOut,
    /// The client closed the connection before its hello was complete.
    Closed,
    /// The connection broke, or the handshake failed: the client refused the certificate, for example.
    Failed(io::Error),
}

impl<S> fmt::Debug for HandshakeError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<S> fmt::Display for HandshakeError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls { .. } => f.write_str("the client does not speak TLS"),
            Self::Malformed(why) => why.fmt(f),
            Self::NoCertificate(SniName::Host(name)) => {
                write!(f, "no certificate is served for {name}")
            }
            Self::NoCertificate(SniName::Absent) => {
                f.write_str("the client names no host, and no certificate is for the address")
            }
            Self::NoCertificate(SniName::Address(address)) => {
                write!(f, "the client gave the address {address} as a host name")
            }
            Self::NoCertificate(SniName::Invalid) => {
                f.write_str("the client gave something that is no host name")
            }
            Self::TimedOut => f.write_str("the TLS handshake took too long"),
            Self::Closed => f.write_str("the client closed the connection"),
            Self::Failed(error) => write!(f, "the TLS handshake failed: {error}"),
        }
    }
}

impl<S> std::error::Error for HandshakeError<S> {}

impl ServerTls {
    /// Runs the handshake until `deadline`. `received`: bytes of the client that were read already.
    ///
    /// # Errors
    /// [`HandshakeError`]; where possible the client was told by an alert.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut io: S,
        received: Bytes,
        addresses: Addresses,
        deadline: Instant,
    ) -> Result<TlsStream<S>, HandshakeError<S>> {
        let Addresses { local, peer } = addresses;
        let mut bytes = BytesMut::from(received);
        let read = timeout_at(deadline, read_hello(&mut io, &mut bytes)).await;
        let read = read.map_err(|_| HandshakeError::TimedOut)?;
        let hello = match read.map_err(HandshakeError::Failed)? {
            HelloRead::Hello(hello) => hello,
            HelloRead::NeedMore => return Err(HandshakeError::Closed),
            HelloRead::NotTls => {
                let received = bytes.freeze();
                return Err(HandshakeError::NotTls { io, received });
            }
            HelloRead::Malformed(why) => {
                refuse(&mut io, &DECODE_ERROR, deadline).await;
                return Err(HandshakeError::Malformed(why));
            }
        };
        let entry = self.table.load().select(&hello.name, local).cloned();
        let Some(entry) = entry else {
            refuse(&mut io, &UNRECOGNIZED_NAME, deadline).await;
            return Err(HandshakeError::NoCertificate(hello.name));
        };
        let running = async {
            let turn = self.handshake_limit.take(peer).await;
            let io = Prefixed::new(bytes.freeze(), io);
            let stream = self.shake_hands(io, &entry, &hello, local).await;
            drop(turn);
            stream
        };
        timeout_at(deadline, running)
            .await
            .unwrap_or(Err(HandshakeError::TimedOut))
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: Prefixed<S>,
        entry: &Entry,
        hello: &ClientHello,
        local: IpAddr,
    ) -> Result<TlsStream<S>, HandshakeError<S>> {
        let acceptor = TlsAcceptor::from(entry.config.clone());
        let stream = acceptor.accept(io).await.map_err(HandshakeError::Failed)?;
        // Both readers of the hello have to agree on the name.
        let name = stream.get_ref().1.server_name();
        let agrees = match (name, hello.name.host()) {
            (Some(name), Some(host)) => name.eq_ignore_ascii_case(host),
            (None, None) => true,
            _ => false,
        };
        if !agrees {
            return Err(HandshakeError::Malformed(MalformedHello::Structure));
        }
        let handshake = Handshake {
            name: hello.name.host().map(Into::into),
            local,
            demands: entry.source.demands.clone(),
            certificate_names: entry.certificate_names.clone(),
        };
        Ok(TlsStream::server(stream, Arc::new(handshake)))
    }
}

/// Reads until the hello is complete, or is known to be none. [`HelloRead::NeedMore`]: the client closed the connection.
/// What was read is in `bytes`, also where this is cancelled.
///
/// # Errors
/// The connection's.
pub async fn read_hello<S: AsyncRead + Unpin>(
    io: &mut S,
    bytes: &mut BytesMut,
) -> io::Result<HelloRead> {
    loop {
        match client_hello::read(bytes) {
            HelloRead::NeedMore => {}
            read => return Ok(read),
        }
        bytes.reserve(FIRST_READ);
        if io.read_buf(bytes).await? == 0 {
            return Ok(HelloRead::NeedMore);
        }
    }
}

/// Sends an alert and ends the stream. The client may be gone.
async fn refuse<S: AsyncWrite + Unpin>(io: &mut S, alert: &[u8], deadline: Instant) {
    let sending = async {
        io.write_all(alert).await?;
        io.shutdown().await
    };
    let _ = timeout_at(deadline, sending).await;
}
