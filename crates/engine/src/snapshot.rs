//! All that a connection is decided by, as one value that is swapped whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use privet_config::Config;
use privet_net::Dialer;
use privet_policy::{Policy, ShadowedRule, TemporaryRule};

use crate::gateway::authenticate::Users;

/// One generation of the configuration, ready to use. Never changed, only replaced.
pub struct Snapshot {
    pub config: Arc<Config>,
    pub policy: Policy,
    pub dialer: Arc<Dialer>,
    /// The file that each list's text came from.
    pub(crate) texts: Arc<BTreeMap<String, PathBuf>>,
    /// The rules of no file.
    pub(crate) temporary: Arc<[TemporaryRule]>,
    /// Rules of the file that can never match.
    pub(crate) shadows: Arc<[ShadowedRule]>,
    pub(crate) users: Arc<Users>,
    /// A rule or an isolating upstream has to know the program.
    pub(crate) needs_app: bool,
    /// Something has to be looked up before deciding: the program, or a name's addresses.
    pub(crate) asks_ahead: bool,
    /// Counts up with every swap; connections to origins are shared only within one generation.
    pub generation: u64,
}

impl Snapshot {
    /// The same configuration in another of its modes; `None` where it has none of that name.
    pub(crate) fn in_mode(&self, name: &str) -> Option<Self> {
        Some(Self {
            config: self.config.clone(),
            policy: self.policy.in_mode(name)?,
            dialer: self.dialer.clone(),
            texts: self.texts.clone(),
            temporary: self.temporary.clone(),
            shadows: self.shadows.clone(),
            users: self.users.clone(),
            needs_app: self.needs_app,
            asks_ahead: self.asks_ahead,
            generation: self.generation + 1,
        })
    }
}
