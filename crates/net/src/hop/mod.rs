//! One upstream: how it is asked to connect onward. Each protocol has a file of its own, with its parser pure beside its
//! conversation.

pub mod credentials;
pub mod http;
pub mod reply;
pub mod socks4;
pub mod socks5;
pub(crate) mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use privet_config::{Isolation, Scheme};
use privet_policy::Target;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::socket::entry::EntryAddress;
use crate::{DialError, DialErrorKind, Stream};
use credentials::Credentials;
use reply::ReplyError;

/// An upstream as the configuration defines it, with its secret at hand.
pub(crate) struct Hop {
    pub(crate) name: Arc<str>,
    pub(crate) scheme: Scheme,
    pub(crate) endpoint: Target,
    pub(crate) login: Option<Credentials>,
    pub(crate) isolate: Isolation,
    /// For `https`: how to speak TLS to it.
    pub(crate) tls: Option<tls::TlsClient>,
    pub(crate) entry: EntryAddress,
}

impl Hop {
    pub(crate) fn same(&self, other: &Self) -> bool {
        let login = match (&self.login, &other.login) {
            (Some(one), Some(two)) => one.same(two),
            (None, None) => true,
            _ => false,
        };
        login
            && self.scheme == other.scheme
            && self.isolate == other.isolate
            && self.entry == other.entry
            && self.tls.as_ref().map(tls::TlsClient::ca)
                == other.tls.as_ref().map(tls::TlsClient::ca)
    }
}

/// How long a hop may take. The last reply is the slow one: there the hop dials the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeTimeouts {
    /// For a greeting, a login or a TLS handshake.
    pub step: Duration,
    /// For the answer to the request to connect.
    pub reply: Duration,
}

impl HandshakeTimeouts {
    /// When there is no other way.
    pub const DEFAULT: Self = Self {
        step: Duration::from_secs(10),
        reply: Duration::from_secs(20),
    };
    /// When another member of the group may take over.
    pub const WITH_FAILOVER: Self = Self {
        step: Duration::from_secs(4),
        reply: Duration::from_secs(12),
    };
}

/// What is asked of a hop.
pub(crate) struct HopHandshake<'a> {
    pub(crate) hop: &'a Hop,
    /// The login for this handshake: the hop's own, or one made for isolation.
    pub(crate) login: Option<&'a Credentials>,
    pub(crate) target: &'a Target,
    /// The target's addresses, where they are known: SOCKS4 cannot carry a name.
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) timeouts: HandshakeTimeouts,
}

impl HopHandshake<'_> {
    /// Asks the hop to connect to the target. What came behind its consent in the same read is handed back.
    pub(crate) async fn connect(&self, stream: &mut Stream) -> Result<Bytes, DialError> {
        match self.hop.scheme {
            Scheme::Socks4 | Scheme::Socks4a => socks4::connect(self, stream).await,
            Scheme::Socks5 => {
                socks5::negotiate(self, stream).await?;
                socks5::connect(self, stream).await
            }
            Scheme::Http | Scheme::Https => http::connect(self, stream).await,
        }
    }

    /// Sends and waits for one whole reply, each within `wait`.
    async fn exchange<T>(
        &self,
        stream: &mut Stream,
        message: &[u8],
        wait: Duration,
        bound: usize,
        parse: impl Fn(&[u8]) -> Result<Option<(T, usize)>, reply::MalformedReply>,
    ) -> Result<(T, Bytes), DialError> {
        let talk = async {
            stream.write_all(message).await.map_err(ReplyError::Io)?;
            stream.flush().await.map_err(ReplyError::Io)?;
            reply::read_reply(stream, bound, parse).await
        };
        match timeout(wait, talk).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(broken)) => Err(self.broken(&broken)),
            Err(_) => Err(self.error(DialErrorKind::TimedOut, "did not answer in time")),
        }
    }

    fn broken(&self, broken: &ReplyError) -> DialError {
        let kind = match broken {
            ReplyError::Io(_) | ReplyError::Closed => DialErrorKind::UpstreamDown,
            ReplyError::MalformedReply(_) | ReplyError::TooLong => DialErrorKind::UpstreamProtocol,
        };
        self.error(kind, &broken.to_string())
    }

    /// "upstream office (for example.com:443) refused …"
    fn error(&self, kind: DialErrorKind, what: &str) -> DialError {
        let text = format!("upstream {} {what} (for {})", self.hop.name, self.target);
        DialError::at(&self.hop.name, kind, text)
    }

    /// Bytes before they were asked for: the hop is broken or hostile, and what it says next would be taken for another's.
    fn nothing_more(&self, excess: &Bytes) -> Result<(), DialError> {
        if excess.is_empty() {
            return Ok(());
        }
        Err(self.error(
            DialErrorKind::UpstreamProtocol,
            "sent data before it was asked",
        ))
    }
}

#[cfg(test)]
mod tests;
