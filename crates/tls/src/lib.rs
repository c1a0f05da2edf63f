//! TLS for servers and clients: certificates by server name from files that are read again when they change, a household's
//! own authority, trust in upstreams, reading of ClientHellos, and both sides of inspected connections.
//!
//! The only place where rustls is configured. Nothing here opens a socket.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod certificate;
pub mod client;
pub mod client_hello;
mod error;
pub mod inspection;
mod names;
mod pem;
mod prefixed;
mod provider;
pub mod self_signed;
pub mod server;
mod stream;

#[cfg(test)]
mod test_support;

pub use rustls_pki_types::CertificateDer;

pub use certificate::{CertificateFacts, EXPIRES_SOON, Fingerprint, NotAFingerprint};
pub use client::{ClientError, ClientOptions, ClientTls, Pin, Trust};
pub use error::{CertificateWarning, CertificateWarningKind, Date, LoadError, LoadErrorKind};
pub use names::{CertificateName, NotAName};
pub use prefixed::read_received;
pub use provider::{Alpn, provider};
pub use server::read_hello;
pub use server::{
    Addresses, CertificateSource, CertificateStatus, Handshake, HandshakeError, ServerOptions,
    ServerTls, TlsDemands,
};
pub use stream::TlsStream;
