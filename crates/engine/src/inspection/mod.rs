//! HTTPS inspection: the authority and what it mints, what is known of origins, and who is excepted. All of it outlives a
//! change of the configuration.

mod authority;
mod exceptions;
mod first_bytes;
mod session;
mod silent;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use privet_config::{Inspect, Keyring};
use privet_http::service::inspect::Origins;
use privet_tls::LoadError;
use privet_tls::inspection::{InspectionAuthority, LEAVES, Minter, OriginTls};

pub(crate) use authority::{AUTHORITY_ENTRY, AuthorityPlace};
pub use authority::{AuthorityFacts, AuthorityStorage};
pub(crate) use exceptions::{ExceptedClient, Exceptions};
pub use exceptions::{Exception, ExceptionReason};
pub(crate) use session::inspector;

/// A file of `trust`, and when it was changed last: a changed one is read again.
type TrustFile = (PathBuf, Option<SystemTime>);

/// What inspects HTTPS.
pub struct Inspection {
    authority: Arc<AuthorityFacts>,
    minter: Arc<Minter>,
    origins: Arc<Origins>,
    trust: Vec<TrustFile>,
    exceptions: Arc<Exceptions>,
    counts: Arc<AtomicCounts>,
}

/// What happened since the start.
#[derive(Debug, Default)]
struct AtomicCounts {
    inspected: AtomicU64,
    untouched: AtomicU64,
    bad_certificates: AtomicU64,
    refused: AtomicU64,
}

/// What happened to tunnels since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InspectionCounts {
    pub inspected: u64,
    /// Passed untouched for a reason that was found out from what the client or the host sent.
    pub untouched: u64,
    /// Answered by a page, since the host's certificate is not acceptable or the host is not reachable.
    pub bad_certificates: u64,
    /// The client refused the minted certificate.
    pub refused: u64,
}

impl Inspection {
    /// Blocks on the disk.
    ///
    /// # Errors
    /// Why there is no inspection, as a sentence.
    pub(crate) fn build(
        config: &Inspect,
        place: &AuthorityPlace,
        secrets: &dyn Keyring,
        previous: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, String> {
        let trust = trust_files(&config.trust);
        let is_valid = |previous: &&Arc<Self>| previous.authority.is_valid_at(SystemTime::now());
        if let Some(previous) = previous.filter(is_valid) {
            if previous.trust == trust {
                return Ok(previous.clone());
            }
            let certificate = previous.authority.certificate.clone();
            let tls = OriginTls::new(&config.trust, certificate).map_err(explain)?;
            return Ok(Arc::new(Self {
                origins: Arc::new(Origins::new(tls)),
                trust,
                authority: previous.authority.clone(),
                minter: previous.minter.clone(),
                exceptions: previous.exceptions.clone(),
                counts: previous.counts.clone(),
            }));
        }
        let (authority, facts) = authority::load_or_make(place, secrets)?;
        let tls = OriginTls::new(&config.trust, facts.certificate.clone());
        Ok(Arc::new(Self {
            origins: Arc::new(Origins::new(tls.map_err(explain)?)),
            minter: Arc::new(Minter::new(authority, LEAVES).map_err(|error| error.to_string())?),
            authority: facts,
            trust,
            exceptions: previous.map_or_else(Arc::default, |before| before.exceptions.clone()),
            counts: previous.map_or_else(Arc::default, |before| before.counts.clone()),
        }))
    }

    /// Checks what [`Inspection::build`] reads, without the authority. Blocks on the disk.
    ///
    /// # Errors
    /// As a sentence.
    pub(crate) fn check(config: &Inspect) -> Result<(), String> {
        if config.trust.is_empty() {
            return Ok(());
        }
        let any =
            InspectionAuthority::make(SystemTime::now()).map_err(|error| error.to_string())?;
        let checked = OriginTls::new(&config.trust, any.certificate().clone());
        checked.map(drop).map_err(explain)
    }

    pub fn authority(&self) -> &Arc<AuthorityFacts> {
        &self.authority
    }

    pub(crate) fn exceptions(&self) -> &Exceptions {
        &self.exceptions
    }

    /// The exceptions that hold now.
    pub fn excepted(&self) -> Vec<Exception> {
        self.exceptions.list()
    }

    /// Ends exceptions of a host; of one client only, where one is given. Returns how many ended.
    pub fn forget_exceptions(&self, host: &str, client: Option<&str>) -> usize {
        self.exceptions.forget(host, client)
    }

    pub fn counts(&self) -> InspectionCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        InspectionCounts {
            inspected: count(&self.counts.inspected),
            untouched: count(&self.counts.untouched),
            bad_certificates: count(&self.counts.bad_certificates),
            refused: count(&self.counts.refused),
        }
    }
}

fn trust_files(paths: &[PathBuf]) -> Vec<TrustFile> {
    let changed = |path: &PathBuf| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok()
    };
    paths
        .iter()
        .map(|path| (path.clone(), changed(path)))
        .collect()
}

/// What is wrong with a file of `trust`, and what to do.
fn explain(error: LoadError) -> String {
    format!("trust: {error}; {}", error.fix())
}
