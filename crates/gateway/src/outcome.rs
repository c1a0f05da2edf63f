//! How a client handshake ended.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use privet_connection_log::LiveConnection;
use privet_net::{Connected, Stream};

/// How a SOCKS or HTTP handshake ended.
#[expect(
    clippy::large_enum_variant,
    reason = "built once per connection and destructured at once: boxing would cost more than it saves"
)]
pub enum HandshakeOutcome {
    /// The connection is open and the client has its success reply: relay it.
    Tunnel {
        /// A plain socket (spliced) or any other byte stream, such as TLS.
        client: Stream,
        /// Bytes the client sent behind its handshake: the first ones for the destination.
        preread: Bytes,
        connected: Connected,
        live: LiveConnection,
    },
    /// The client has its success reply, nothing was dialed, and what it sends is looked at first.
    Inspect {
        client: Stream,
        /// Bytes the client sent behind its handshake.
        preread: Bytes,
        inspector: TunnelInspector,
    },
    /// Refused, closed by the client, or served to its end.
    Done,
}

/// Runs an inspected tunnel to its end: the client's stream, and what it sent already.
pub type TunnelInspector =
    Box<dyn FnOnce(Stream, Bytes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;
