//! TLS servers: certificates chosen by server name or by the address reached, reloaded without a restart.
//!
//! A name or address that no certificate is given for gets no handshake. Session tickets are of one certificate with one set
//! of demands each, so that a session is never resumed for another name or without its client certificate.

mod accept;
mod certificate_source;
mod config;
mod handshake;
mod handshake_limit;
mod misdirected;
mod table;

pub use accept::{HandshakeError, read_hello};
pub use certificate_source::{CertificateSource, ClientCertificate, MinVersion, TlsDemands};
pub use handshake::{Addresses, Handshake};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::certificate::CertificateFacts;
use crate::error::{CertificateWarning, CertificateWarningKind, LoadError};
use crate::names::CertificateName;
use crate::provider::Alpn;
use handshake_limit::HandshakeLimit;
use table::CertificateTable;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// Protocols, most preferred first. Empty: nothing is negotiated.
    pub alpn: Vec<Alpn>,
    /// Handshakes at a time, of which one client has an eighth at most; the others wait for their turn, within their deadline.
    pub max_handshakes: usize,
}

/// The TLS side of one or several listeners.
pub struct ServerTls {
    sources: Vec<CertificateSource>,
    options: ServerOptions,
    table: ArcSwap<CertificateTable>,
    handshake_limit: HandshakeLimit,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls")
            .field("sources", &self.sources)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    pub cert: PathBuf,
    /// The names that it is served for.
    pub names: Vec<CertificateName>,
    pub facts: CertificateFacts,
}

impl ServerTls {
    /// Reads and checks the certificates. Blocks on the disk.
    ///
    /// # Errors
    /// The first certificate, key or authority file that cannot be used, or a name that is given twice.
    pub fn load(
        sources: Vec<CertificateSource>,
        options: ServerOptions,
    ) -> Result<Self, LoadError> {
        let table = CertificateTable::load(&sources, &options.alpn, None)?;
        Ok(Self {
            handshake_limit: HandshakeLimit::new(options.max_handshakes),
            table: ArcSwap::from_pointee(table),
            sources,
            options,
        })
    }

    /// Reads the files again. Certificates that did not change keep their session tickets; connections keep theirs. Returns
    /// whether something changed. Blocks on the disk.
    ///
    /// # Errors
    /// As [`ServerTls::load`]. All certificates stay as they were.
    pub fn reload(&self) -> Result<bool, LoadError> {
        let old = self.table.load_full();
        let new = CertificateTable::load(&self.sources, &self.options.alpn, Some(&old))?;
        let changed = !new.is_same(&old);
        if changed {
            self.table.store(Arc::new(new));
        }
        Ok(changed)
    }

    /// What should be looked at, as of `now`.
    pub fn warnings(&self, now: SystemTime) -> Vec<CertificateWarning> {
        let table = self.table.load();
        let entries = table.entries().iter();
        let all = entries.flat_map(|entry| {
            let of_certificate = |kind: CertificateWarningKind| CertificateWarning {
                path: entry.source.cert.clone(),
                kind,
            };
            let validity = entry.facts.validity_warning(now).map(of_certificate);
            entry.warnings.iter().cloned().chain(validity)
        });
        all.collect()
    }

    /// The certificates in use, in the order of the sources.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        let table = self.table.load();
        let status = |entry: &Arc<table::Entry>| CertificateStatus {
            cert: entry.source.cert.clone(),
            names: entry.names.clone(),
            facts: entry.facts.clone(),
        };
        table.entries().iter().map(status).collect()
    }

    /// Whether a certificate is served for this name or address.
    pub fn serves(&self, name: &CertificateName) -> bool {
        self.table.load().find(name).is_some()
    }

    /// The files to watch for changes.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self
            .sources
            .iter()
            .flat_map(|source| {
                let authorities = source.demands.client_certificate.authorities();
                [&source.cert, &source.key].into_iter().chain(authorities)
            })
            .cloned()
            .collect();
        files.sort();
        files.dedup();
        files
    }

    pub fn sources(&self) -> &[CertificateSource] {
        &self.sources
    }

    pub fn options(&self) -> &ServerOptions {
        &self.options
    }
}

#[cfg(test)]
mod tests;
