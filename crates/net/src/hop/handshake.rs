//! The handshake with one hop: the request, the limits, and the errors that name the hop.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use privet_policy::Target;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::config::Hop;
use super::credentials::Credentials;
use super::reply::{MalformedReply, ReplyError, read_reply};
use crate::{DialError, DialErrorKind, Stream};

/// How long a hop may take. The last reply takes longest: the hop dials the target for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeTimeouts {
    /// For a greeting, a login or a TLS handshake.
    pub step: Duration,
    /// For the reply to the request to connect.
    pub reply: Duration,
}

impl HandshakeTimeouts {
    /// Where no other member can take over.
    pub const DEFAULT: Self = Self {
        step: Duration::from_secs(10),
        reply: Duration::from_secs(20),
    };
    /// Where another member of the group can take over.
    pub const WITH_FAILOVER: Self = Self {
        step: Duration::from_secs(4),
        reply: Duration::from_secs(12),
    };
}

/// One request to a hop.
pub(crate) struct HopHandshake<'a> {
    pub(crate) hop: &'a Hop,
    /// The hop's own credentials, or isolated ones.
    pub(crate) login: Option<&'a Credentials>,
    pub(crate) target: &'a Target,
    /// The target's addresses, where they are known: SOCKS4 cannot carry a name.
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) timeouts: HandshakeTimeouts,
}

impl HopHandshake<'_> {
    /// Sends a message and reads one reply, both within `wait`.
    pub(super) async fn exchange<T>(
        &self,
        stream: &mut Stream,
        message: &[u8],
        wait: Duration,
        bound: usize,
        parse: impl Fn(&[u8]) -> Result<Option<(T, usize)>, MalformedReply>,
    ) -> Result<(T, Bytes), DialError> {
        let talk = async {
            stream.write_all(message).await.map_err(ReplyError::Io)?;
            stream.flush().await.map_err(ReplyError::Io)?;
            read_reply(stream, bound, parse).await
        };
        match timeout(wait, talk).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(self.reply_error(&error)),
            Err(_) => Err(self.error(DialErrorKind::TimedOut, "did not answer in time")),
        }
    }

    fn reply_error(&self, error: &ReplyError) -> DialError {
        let kind = match error {
            ReplyError::Io(_) | ReplyError::Closed => DialErrorKind::UpstreamDown,
            ReplyError::MalformedReply(_) | ReplyError::TooLong => DialErrorKind::UpstreamProtocol,
        };
        self.error(kind, &error.to_string())
    }

    /// For example "upstream office refused the login (for example.com:443)".
    pub(super) fn error(&self, kind: DialErrorKind, what: &str) -> DialError {
        let text = format!("upstream {} {what} (for {})", self.hop.name, self.target);
        DialError::at(&self.hop.name, kind, text)
    }

    /// Rejects bytes that came before they were asked for: they would be taken for the reply to the next message.
    pub(super) fn expect_nothing_more(&self, excess: &Bytes) -> Result<(), DialError> {
        if excess.is_empty() {
            return Ok(());
        }
        Err(self.error(
            DialErrorKind::UpstreamProtocol,
            "sent data before it was asked",
        ))
    }
}
