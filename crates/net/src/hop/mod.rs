//! One hop of a chain: the client side of SOCKS4, SOCKS5 and HTTP CONNECT. Each protocol has a file with its parser, which
//! is pure, and its handshake.

mod config;
pub(crate) mod credentials;
pub(crate) mod handshake;
pub mod http;
pub(crate) mod isolation;
pub mod reply;
pub mod socks4;
pub mod socks5;

use bytes::Bytes;
use privet_config::Scheme;

use crate::{DialError, Stream};
pub(crate) use config::Hop;
pub(crate) use handshake::{HandshakeTimeouts, HopHandshake};

/// Asks the hop to connect to the target. Returns the bytes that came behind its reply in the same read.
///
/// # Errors
/// What failed at this hop.
pub(crate) async fn connect(
    handshake: &HopHandshake<'_>,
    stream: &mut Stream,
) -> Result<Bytes, DialError> {
    match handshake.hop.scheme {
        Scheme::Socks4 | Scheme::Socks4a => socks4::connect(handshake, stream).await,
        Scheme::Socks5 => {
            socks5::negotiate(handshake, stream).await?;
            socks5::connect(handshake, stream).await
        }
        Scheme::Http | Scheme::Https => http::connect(handshake, stream).await,
    }
}

#[cfg(test)]
mod fast_socks5_tests;
#[cfg(test)]
mod tests;
