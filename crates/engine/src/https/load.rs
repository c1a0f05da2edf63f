//! Reads the certificate of the `https` listeners, or makes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use privet_config::{Config, ListenTls};
use privet_tls::self_signed::{self, SelfSigned, SelfSignedError, SelfSignedNotice};
use privet_tls::{CertificateSource, LoadError, ServerOptions, ServerTls, TlsDemands};

use super::https_tls::{Authority, HttpsTls, MAX_HANDSHAKES, PROTOCOLS};
use super::names;
use crate::supervise::start_error::StartError;

/// What is done for the certificates of a configuration.
#[derive(Debug, Clone)]
pub(crate) enum CertificateUse {
    /// They are read. The installation's own are in this folder, and are made there if they are missing.
    Serve(PathBuf),
    /// Files are read and checked; nothing is made.
    Check,
    /// Nothing: no listener is opened.
    None,
}

/// Why there is no certificate, and what to do.
#[derive(Debug)]
pub(crate) struct HttpsError {
    pub(crate) text: String,
    pub(crate) fix: String,
}

impl From<LoadError> for HttpsError {
    fn from(error: LoadError) -> Self {
        Self {
            text: error.to_string(),
            fix: error.fix().to_owned(),
        }
    }
}

impl From<SelfSignedError> for HttpsError {
    fn from(error: SelfSignedError) -> Self {
        Self {
            text: error.to_string(),
            fix: "check the data folder".to_owned(),
        }
    }
}

/// As [`read`], for a start or a change of the configuration.
pub(crate) fn load(
    config: &Config,
    purpose: &CertificateUse,
) -> Result<Option<HttpsTls>, StartError> {
    read(config, purpose).map_err(|error| StartError::Tls(format!("{}; {}", error.text, error.fix)))
}

/// The certificate that the configuration names; `None`: no listener needs one, or it would have to be made and must not be.
/// Blocks on the disk.
pub(super) fn read(
    config: &Config,
    purpose: &CertificateUse,
) -> Result<Option<HttpsTls>, HttpsError> {
    if config.listen.https.is_empty() {
        return Ok(None);
    }
    match (&config.listen.tls, purpose) {
        (_, CertificateUse::None) => Ok(None),
        (Some(ListenTls::Files { cert, key }), _) => Ok(Some(HttpsTls {
            server: server(cert.clone(), key.clone())?,
            authority: None,
            notices: Vec::new(),
        })),
        (Some(ListenTls::SelfSigned), CertificateUse::Serve(folder)) => {
            let made = ensure(config, folder)?;
            Ok(Some(HttpsTls {
                server: server(made.leaf.clone(), made.leaf.clone())?,
                notices: made.notices.clone(),
                authority: Some(ArcSwap::from_pointee(Authority::from(made))),
            }))
        }
        (Some(ListenTls::SelfSigned), CertificateUse::Check) | (None, _) => Ok(None),
    }
}

fn server(cert: PathBuf, key: PathBuf) -> Result<ServerTls, LoadError> {
    let source = CertificateSource {
        names: Vec::new(),
        cert,
        key,
        demands: TlsDemands::default(),
    };
    let options = ServerOptions {
        alpn: PROTOCOLS.to_vec(),
        max_handshakes: MAX_HANDSHAKES,
    };
    ServerTls::load(vec![source], options)
}

fn ensure(config: &Config, folder: &Path) -> Result<SelfSigned, SelfSignedError> {
    let names = names::of_this_machine(config);
    self_signed::ensure(folder, &names, SystemTime::now())
}

impl From<SelfSigned> for Authority {
    fn from(made: SelfSigned) -> Self {
        Self {
            path: made.authority,
            pem: made.authority_pem.into(),
            fingerprint: made.fingerprint,
        }
    }
}

impl HttpsTls {
    /// Reads the files again; a certificate of our own is renewed first where that is due. Returns what was done about our
    /// own. Blocks on the disk.
    ///
    /// # Errors
    /// What is wrong. The certificate in use stays.
    pub(crate) fn reload(
        &self,
        config: &Config,
        folder: &Path,
    ) -> Result<Vec<SelfSignedNotice>, HttpsError> {
        let mut notices = Vec::new();
        if let Some(authority) = &self.authority {
            let mut made = ensure(config, folder)?;
            notices.append(&mut made.notices);
            authority.store(Arc::new(made.into()));
        }
        self.server.reload()?;
        Ok(notices)
    }
}
