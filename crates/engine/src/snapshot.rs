//! Everything that decides about a connection, as one value that is replaced as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use privet_config::{Config, ScanHold};
use privet_net::Dialer;
use privet_policy::{Policy, ShadowedRule, TemporaryRule};
use privet_scan::{RequestScanner, Scanner};
use privet_sites::SiteTable;

use crate::caches::Caches;
use crate::gateway::authenticate::Users;
use crate::https::HttpsTls;
use crate::inspection::Inspection;
use crate::supervise::configuration::secrets::KeyringCache;

/// One generation of the configuration, compiled. Immutable.
#[derive(Clone)]
pub struct Snapshot {
    pub config: Arc<Config>,
    pub policy: Policy,
    pub dialer: Arc<Dialer>,
    pub sites: Arc<SiteTable>,
    pub caches: Caches,
    /// What scans bodies; `None`: it is off.
    pub scanner: Option<Arc<Scanner>>,
    /// File of each list's text.
    pub(crate) list_texts: Arc<BTreeMap<String, PathBuf>>,
    /// Temporary rules.
    pub(crate) temporary: Arc<[TemporaryRule]>,
    /// Rules of the file that can never match.
    pub(crate) shadows: Arc<[ShadowedRule]>,
    pub(crate) users: Arc<Users>,
    /// The certificates of the `https` listeners, where there are some.
    pub(crate) https: Option<Arc<HttpsTls>>,
    /// What inspects HTTPS; `None`: it is off.
    pub(crate) inspection: Option<Arc<Inspection>>,
    /// The keyring secrets of the configuration.
    pub(crate) secrets: KeyringCache,
    /// A rule or an isolating upstream needs to know the program.
    pub(crate) needs_app: bool,
    /// Something must be looked up before a decision: the program, or a name's addresses.
    pub(crate) asks_ahead: bool,
    /// Counts up with every swap; pooled connections to origins are shared within one generation only.
    pub generation: u64,
}

impl Snapshot {
    /// Whether the mode keeps history.
    pub(crate) fn keeps_history(&self) -> bool {
        let mode = self.config.modes.get(&*self.policy.mode().name);
        mode.is_none_or(|mode| mode.history)
    }

    /// The scanner as the mode uses it.
    pub(crate) fn scanning(&self) -> Option<RequestScanner> {
        let scanning = RequestScanner::new(self.scanner.clone()?);
        let Some(mode) = self.config.modes.get(&*self.policy.mode().name) else {
            return Some(scanning);
        };
        let scanning = match mode.scan_hold {
            Some(hold) => scanning.holding_all(hold == ScanHold::All),
            None => scanning,
        };
        Some(match mode.history {
            true => scanning,
            false => scanning.without_spool(),
        })
    }

    /// The same configuration in another of its modes; `None`: it has no mode of that name.
    pub(crate) fn in_mode(&self, name: &str) -> Option<Self> {
        Some(Self {
            policy: self.policy.in_mode(name)?,
            ..self.clone()
        })
    }
}
