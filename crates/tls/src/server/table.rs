//! The certificates of a server by name, and which one a handshake gets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;

use super::certificate_source::CertificateSource;
use super::config::{client_verifier, read_authorities, server_config};
use crate::certificate::{self, CertificateFacts, Fingerprint};
use crate::client_hello::SniName;
use crate::error::{CertificateWarning, CertificateWarningKind, LoadError, LoadErrorKind};
use crate::names::CertificateName;
use crate::provider::Alpn;

/// A certificate with its configuration: session tickets are its own.
pub(super) struct Entry {
    pub(super) source: CertificateSource,
    pub(super) names: Vec<CertificateName>,
    pub(super) facts: CertificateFacts,
    pub(super) certificate_names: Arc<[CertificateName]>,
    pub(super) config: Arc<ServerConfig>,
    pub(super) warnings: Vec<CertificateWarning>,
    /// Those about the files, which may change without their content.
    file_warnings: Vec<CertificateWarning>,
    /// Digest of all files that it was read from.
    content: Fingerprint,
}

#[derive(Default)]
pub(super) struct CertificateTable {
    entries: Vec<Arc<Entry>>,
    by_name: HashMap<CertificateName, usize>,
}

impl CertificateTable {
    /// Reads all sources. What is as in `old` is taken from there.
    pub(super) fn load(
        sources: &[CertificateSource],
        alpn: &[Alpn],
        old: Option<&Self>,
    ) -> Result<Self, LoadError> {
        let mut table = Self::default();
        for (number, source) in sources.iter().enumerate() {
            let before = old.and_then(|old| old.entries.get(number));
            let entry = Entry::load(source, alpn, before)?;
            for name in &entry.names {
                if table.by_name.insert(name.clone(), number).is_some() {
                    let kind = LoadErrorKind::DuplicateName(name.to_string());
                    return Err(LoadError::new(&source.cert, kind));
                }
            }
            table.entries.push(entry);
        }
        Ok(table)
    }

    pub(super) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let pairs = self.entries.iter().zip(&other.entries);
        self.entries.len() == other.entries.len()
            && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// The certificate for a name: the exact one, else that of its wildcard.
    pub(super) fn find(&self, name: &CertificateName) -> Option<&Arc<Entry>> {
        let exact = self.by_name.get(name);
        let number = exact.or_else(|| {
            let CertificateName::Host(host) = name else {
                return None;
            };
            let (_, suffix) = host.split_once('.')?;
            self.by_name.get(&CertificateName::Wildcard(suffix.into()))
        })?;
        self.entries.get(*number)
    }

    /// The certificate for a handshake: by the name that the client asks for; where it asks for none, by the address that it
    /// reached. An address in the place of a name has none.
    pub(super) fn select(&self, asked: &SniName, local: IpAddr) -> Option<&Arc<Entry>> {
        match asked {
            SniName::Host(name) => self.find(&CertificateName::Host(name.clone())),
            SniName::Absent => self.find(&CertificateName::Address(local.to_canonical())),
            SniName::Address(_) | SniName::Invalid => None,
        }
    }
}

impl Entry {
    fn load(
        source: &CertificateSource,
        alpn: &[Alpn],
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, LoadError> {
        let files = certificate::read(&source.cert, &source.key)?;
        let demand = &source.demands.client_certificate;
        let authorities = read_authorities(demand)?;
        let content = match &authorities {
            None => files.content,
            Some(file) => Fingerprint::of([files.content.0, file.content.0].as_flattened()),
        };
        let unchanged = before.filter(|entry| {
            let same_files = entry.content == content && entry.file_warnings == files.warnings;
            same_files && entry.source == *source
        });
        if let Some(entry) = unchanged {
            return Ok(entry.clone());
        }
        let loaded = certificate::parse(&files, &source.cert, &source.key)?;
        let names = names(source, &loaded.facts)?;
        let mut warnings = files.warnings.clone();
        let uncovered = names.iter().filter(|name| !loaded.facts.covers(name));
        warnings.extend(uncovered.map(|name| CertificateWarning {
            path: source.cert.clone(),
            kind: CertificateWarningKind::NameNotCovered(name.to_string()),
        }));
        let verifier = client_verifier(demand, authorities.as_ref())?;
        let config = server_config(source, loaded.key, verifier, alpn)?;
        Ok(Arc::new(Self {
            certificate_names: loaded.facts.names.as_slice().into(),
            source: source.clone(),
            facts: loaded.facts,
            names,
            config: Arc::new(config),
            warnings,
            file_warnings: files.warnings,
            content,
        }))
    }
}

/// The names that a source gives, or those of its certificate; each once.
fn names(
    source: &CertificateSource,
    facts: &CertificateFacts,
) -> Result<Vec<CertificateName>, LoadError> {
    let mut names = match source.names.is_empty() {
        true => facts.names.clone(),
        false => {
            let parsed = source.names.iter().map(|name| {
                name.parse()
                    .map_err(|_| LoadError::new(&source.cert, LoadErrorKind::BadName(name.clone())))
            });
            parsed.collect::<Result<_, _>>()?
        }
    };
    names.sort();
    names.dedup();
    match names.is_empty() {
        true => Err(LoadError::new(&source.cert, LoadErrorKind::NoName)),
        false => Ok(names),
    }
}
