//! Plans a change of configuration without making it. If planning fails, nothing has changed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::{Config, Diagnostic, LoadedConfig};
use privet_policy::TemporaryRule;

use crate::accept::listener::{self, BoundListener, ListenerKind, Name, PortUse};
use crate::https::CertificateUse;
use crate::snapshot::Snapshot;
use crate::supervise::configuration::assemble::{Inputs, OwnListener, assemble};
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::lists::Lists;
use crate::supervise::mode::ModeSelection;
use crate::supervise::rules::shadow_warning;
use crate::supervise::start_error::StartError;
use crate::supervise::supervisor::Supervisor;

/// A change that was worked out and not made yet.
pub(crate) struct ConfigPlan {
    /// The configuration comes from a file or will be written into one, rather than being the defaults.
    pub(super) has_file: bool,
    pub(super) warnings: Vec<Diagnostic>,
    /// The base mode that the change selects; `None`: it leaves the mode as it is.
    pub(super) select_mode: Option<String>,
    /// The mode in the text; the current one may differ where it was switched since the text was read.
    pub(super) text_mode: String,
    pub(super) lists: Lists,
    pub(super) snapshot: Snapshot,
    /// Listeners to start; none in a dry run.
    pub(super) bound: Vec<BoundListener>,
    /// Addresses that are or would be opened.
    pub(super) opening: Vec<SocketAddr>,
    /// Listeners that stay open and change their kind.
    pub(super) changed_kind: Vec<Name>,
    /// Listeners to close.
    pub(super) closing: Vec<SocketAddr>,
}

impl Supervisor {
    /// Plans the current configuration with these temporary rules.
    pub(crate) async fn plan_temporary_rules(
        &self,
        temporary: Vec<TemporaryRule>,
    ) -> Result<ConfigPlan, ApplyError> {
        let config = self.shared.snapshot.load().config.clone();
        let mut lists = self.lists.clone();
        let modes = self.shared.modes();
        let secrets = self.known_secrets();
        let inputs = self.inputs(config, &modes, &mut lists, self.own_listeners(), secrets);
        let snapshot = assemble(Inputs {
            temporary,
            ..inputs
        });
        Ok(ConfigPlan {
            has_file: false,
            warnings: Vec::new(),
            select_mode: None,
            text_mode: self.shared.modes().base().to_owned(),
            lists,
            snapshot: snapshot.await?,
            bound: Vec::new(),
            opening: Vec::new(),
            changed_kind: Vec::new(),
            closing: Vec::new(),
        })
    }

    /// Plans a configuration. A dry run opens no listener and needs no secret of the keyring.
    pub(super) async fn plan(
        &self,
        source: ConfigSource,
        secrets: &KeyringCache,
        mode: ApplyMode,
    ) -> Result<ConfigPlan, ApplyError> {
        let mode_before = self.mode_before(&source).await;
        let LoadedConfig {
            config,
            mut warnings,
            note,
            ..
        } = self.parse(source).await?;
        let config = Arc::new(config);
        let secrets = self.secrets_for(&config, secrets, mode)?;
        let select_mode = (mode_before.as_ref() != Some(&config.mode)).then(|| config.mode.clone());
        let mut modes = self.shared.modes();
        if let Some(name) = select_mode.as_ref().filter(|name| *name != modes.base()) {
            modes.select(name.clone());
        }
        let text_mode = config.mode.clone();
        let config = match text_mode == modes.base() {
            true => config,
            false => Arc::new(Config {
                mode: modes.base().to_owned(),
                ..(*config).clone()
            }),
        };
        let wanted = self.wanted_listeners(&config);
        let (bound, opening) = self.open_listeners(&wanted, mode)?;
        let closing = self.unwanted_listeners(&wanted);
        let changed_kind = self.listeners_of_another_kind(wanted);
        let mut lists = self.load_lists(&config).await?;
        let mut own = opening.clone();
        own.extend(self.own_listeners());
        let mut inputs = self.inputs(config, &modes, &mut lists, own, secrets);
        if mode == ApplyMode::DryRun {
            inputs.certificates = CertificateUse::Check;
            inputs.cache_folder = None;
        }
        let snapshot = assemble(inputs).await?;
        warnings.extend(snapshot.shadows.iter().map(shadow_warning));
        Ok(ConfigPlan {
            has_file: note.is_none(),
            snapshot,
            warnings,
            select_mode,
            text_mode,
            lists,
            bound,
            opening: opening.iter().map(|listener| listener.address).collect(),
            changed_kind,
            closing,
        })
    }

    /// The inputs of a snapshot for `config`; what is not given is as it is now.
    pub(super) fn inputs(
        &self,
        config: Arc<Config>,
        modes: &ModeSelection,
        lists: &mut Lists,
        own: Vec<OwnListener>,
        secrets: KeyringCache,
    ) -> Inputs {
        let previous = self.shared.snapshot.load_full();
        Inputs {
            mode: modes.current(SystemTime::now()).to_owned(),
            list_texts: lists.text_paths(),
            lists: lists.policy_lists(),
            temporary: self.temporary_rules_for(&config),
            hit_counters: self.hit_counts.hit_counters().clone(),
            own,
            secrets,
            certificates: CertificateUse::Serve(self.options.certificate_folder()),
            keyring: Some(self.options.keyring.clone()),
            cache_folder: Some(self.options.cache_folder()),
            generation: previous.generation + 1,
            previous: Some(previous),
            config,
        }
    }

    /// The running listeners.
    pub(super) fn own_listeners(&self) -> Vec<OwnListener> {
        listener::states(&self.listeners)
    }

    /// Parses a configuration.
    ///
    /// # Errors
    /// It is not valid, or the file that was loaded before has vanished.
    pub(crate) async fn parse(&self, source: ConfigSource) -> Result<LoadedConfig, ApplyError> {
        let path = self.options.config_path.clone();
        let parsed = tokio::task::spawn_blocking(move || match source {
            ConfigSource::Text { text, .. } => {
                Config::parse(&text, path.parent().unwrap_or(Path::new(".")))
            }
            ConfigSource::File => Config::load(&path),
        });
        let loaded = parsed
            .await
            .map_err(|error| ApplyError::panicked(&error))?
            .map_err(ApplyError::Config)?;
        // A note means that there is no file.
        match self.loaded_from_file && loaded.note.is_some() {
            true => Err(ApplyError::FileMissing(self.options.config_path.clone())),
            false => Ok(loaded),
        }
    }

    /// The lists that `config` names; unchanged lists keep their state.
    async fn load_lists(&self, config: &Config) -> Result<Lists, ApplyError> {
        let (mut lists, filter) = (self.lists.clone(), config.filter.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            lists.load(&filter);
            lists
        });
        loaded.await.map_err(|error| ApplyError::panicked(&error))
    }

    /// The listeners of `config` beside those that were handed over at start.
    fn wanted_listeners(&self, config: &Config) -> Vec<Name> {
        let adopted: Vec<ListenerKind> = self
            .listeners
            .values()
            .filter(|running| running.adopted)
            .map(|running| running.kind.get())
            .collect();
        listener::beside(listener::wanted(config), &adopted)
    }

    /// Listeners to close. Those that were handed over at start stay.
    fn unwanted_listeners(&self, wanted: &[Name]) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter(|(at, run)| !run.adopted && !wanted.iter().any(|name| name.1 == **at))
            .map(|(at, _)| *at)
            .collect()
    }

    /// Running listeners whose address is wanted for another kind.
    fn listeners_of_another_kind(&self, wanted: Vec<Name>) -> Vec<Name> {
        let is_of_another_kind = |(kind, at): &Name| {
            let running = self.listeners.get(at);
            running.is_some_and(|running| running.kind.get() != *kind)
        };
        wanted.into_iter().filter(is_of_another_kind).collect()
    }

    /// Binds the listeners that do not run yet, unless it is a dry run. Also returns them.
    fn open_listeners(
        &self,
        wanted: &[Name],
        mode: ApplyMode,
    ) -> Result<(Vec<BoundListener>, Vec<OwnListener>), StartError> {
        let new = wanted
            .iter()
            .filter(|name| !self.listeners.contains_key(&name.1));
        if mode == ApplyMode::DryRun {
            let planned = new.map(|(kind, address)| OwnListener {
                kind: *kind,
                address: *address,
            });
            return Ok((Vec::new(), planned.collect()));
        }
        let bind = |name: &Name| {
            let port = PortUse::of(name.1, &self.listeners);
            BoundListener::bind(*name, self.workers.count(), port)
        };
        let bound: Vec<BoundListener> = new
            .map(bind)
            .collect::<Result<_, _>>()
            .map_err(StartError::listen)?;
        let opening = bound.iter().map(BoundListener::state).collect();
        Ok((bound, opening))
    }

    /// The mode of the text that a change started from; `None`: the change sets the mode in any case.
    pub(super) async fn mode_before(&self, source: &ConfigSource) -> Option<String> {
        let base = match source {
            ConfigSource::File if !self.loaded_from_file => return None,
            ConfigSource::File => self.config_text.clone(),
            ConfigSource::Text { base, .. } => base.clone()?,
        };
        let parsed = self.parse(ConfigSource::explicit(base)).await;
        parsed.ok().map(|loaded| loaded.config.mode)
    }

    /// The secrets that `config` needs: those `read` and those known. A dry run does without.
    ///
    /// # Errors
    /// Some have to be read from the keyring first.
    fn secrets_for(
        &self,
        config: &Arc<Config>,
        read: &KeyringCache,
        mode: ApplyMode,
    ) -> Result<KeyringCache, ApplyError> {
        let secrets = self.known_secrets().merged(read);
        match mode {
            ApplyMode::DryRun => Ok(secrets.with_placeholders()),
            ApplyMode::Commit if !secrets.covers(config) => {
                Err(ApplyError::SecretsNeeded(config.clone()))
            }
            ApplyMode::Commit => Ok(secrets),
        }
    }

    /// The keyring secrets of the current configuration.
    pub(super) fn known_secrets(&self) -> KeyringCache {
        self.shared.snapshot.load().secrets.clone()
    }
}
