//! The certificates of the `https` listeners, as they are used and shown.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use privet_tls::self_signed::SelfSignedNotice;
use privet_tls::{Alpn, CertificateName, CertificateStatus, Fingerprint, ServerTls};

/// What clients may speak after the handshake, most preferred first.
pub(crate) const PROTOCOLS: &[Alpn] = &[Alpn::H2, Alpn::Http11];
/// TLS handshakes at a time, on all threads together.
pub(crate) const MAX_HANDSHAKES: usize = 1024;

/// The certificates of the `https` listeners.
#[derive(Debug)]
pub(crate) struct HttpsTls {
    pub(crate) server: ServerTls,
    /// Set where the certificate is signed by this installation's own authority.
    pub(crate) authority: Option<ArcSwap<Authority>>,
    /// What was done about our own certificates when they were read first.
    pub(crate) notices: Vec<SelfSignedNotice>,
}

/// This installation's certificate authority, which clients have to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// PEM file with its certificate.
    pub path: PathBuf,
    /// Its certificate in PEM.
    pub pem: Arc<str>,
    /// SHA-256 of its certificate.
    pub fingerprint: Fingerprint,
}

/// The certificate of the `https` listeners as status shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsStatus {
    pub certificate: CertificateStatus,
    pub authority: Option<Authority>,
}

impl HttpsTls {
    pub(crate) fn authority(&self) -> Option<Arc<Authority>> {
        self.authority.as_ref().map(ArcSwap::load_full)
    }

    pub(crate) fn status(&self) -> Option<HttpsStatus> {
        Some(HttpsStatus {
            certificate: self.server.certificates().into_iter().next()?,
            authority: self.authority().map(|authority| (*authority).clone()),
        })
    }

    /// The name by which a client that reached `address` should connect: the address if the certificate is for it, else
    /// `host`, else the first host name in the certificate.
    pub(crate) fn name_for(&self, address: std::net::IpAddr, host: Option<&str>) -> Option<String> {
        let address = CertificateName::Address(address.to_canonical());
        let host = host.and_then(|host| host.parse::<CertificateName>().ok());
        let served = [Some(address), host]
            .into_iter()
            .flatten()
            .find(|name| self.server.serves(name));
        let name = served.or_else(|| {
            let certificate = self.server.certificates().into_iter().next()?;
            let mut names = certificate.names.into_iter();
            names.find(|name| matches!(name, CertificateName::Host(_)))
        })?;
        Some(match name {
            CertificateName::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
            name => name.to_string(),
        })
    }
}
