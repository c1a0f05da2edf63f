//! The cryptography of every TLS connection: aws-lc-rs with X25519MLKEM768 first.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Protocols that are negotiated by ALPN (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alpn {
    H2,
    Http11,
}

impl Alpn {
    /// The name as the handshake carries it.
    pub fn id(self) -> &'static [u8] {
        match self {
            Self::H2 => b"h2",
            Self::Http11 => b"http/1.1",
        }
    }

    pub fn from_id(id: &[u8]) -> Option<Self> {
        [Self::H2, Self::Http11]
            .into_iter()
            .find(|alpn| alpn.id() == id)
    }
}

pub(crate) fn alpn_ids(protocols: &[Alpn]) -> Vec<Vec<u8>> {
    protocols.iter().map(|alpn| alpn.id().to_vec()).collect()
}

/// The provider that all configurations share. The hybrid of X25519 and ML-KEM comes first, for servers and clients.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let made = PROVIDER.get_or_init(|| {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![
            aws_lc_rs::kx_group::X25519MLKEM768,
            aws_lc_rs::kx_group::X25519,
            aws_lc_rs::kx_group::SECP256R1,
            aws_lc_rs::kx_group::SECP384R1,
        ];
        Arc::new(provider)
    });
    made.clone()
}
