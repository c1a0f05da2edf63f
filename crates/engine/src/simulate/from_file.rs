//! Simulates a request with the configuration of a file, without an engine. Opens no socket and fetches no list.

use std::path::Path;
use std::sync::Arc;

use privet_config::Config;
use privet_policy::{Explanation, RuleHitCounters};

use crate::accept::listener;
use crate::https::CertificateUse;
use crate::simulate::SimulatedRequest;
use crate::supervise::configuration::assemble::{Inputs, OwnListener, assemble};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::lists::Lists;
use crate::supervise::start_error::StartError;

/// A request could not be simulated.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the target is not understood: {0}; write host, host:port or a URL")]
    Target(String),
}

impl SimulatedRequest {
    /// Simulates the request with the configuration in `config_path`; lists come from files and from the copies in `data_dir`.
    ///
    /// # Errors
    /// The configuration is not valid, a secret cannot be read, or the target is neither `host:port` nor a URL.
    pub async fn explain_with_file(
        &self,
        config_path: &Path,
        data_dir: &Path,
    ) -> Result<Explanation, OfflineError> {
        let (path, folder) = (config_path.to_owned(), data_dir.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let config = Config::load(&path).map_err(StartError::Config)?.config;
            let mut lists = Lists::open(folder);
            lists.load(&config.filter);
            Ok::<_, StartError>((config, lists))
        });
        let (config, mut lists) = read
            .await
            .map_err(|error| StartError::Threads(std::io::Error::other(error)))??;
        let config = Arc::new(config);
        let snapshot = assemble(Inputs {
            certificates: CertificateUse::None,
            keyring: None,
            cache_folder: None,
            mode: config.mode.clone(),
            own: own(&config),
            config,
            list_texts: lists.text_paths(),
            lists: lists.policy_lists(),
            temporary: Vec::new(),
            hit_counters: RuleHitCounters::default(),
            secrets: KeyringCache::default().with_placeholders(),
            generation: 0,
            previous: None,
        })
        .await?;
        let explained = self.explain(&snapshot).await;
        explained.map_err(|error| OfflineError::Target(error.to_string()))
    }
}

/// The listeners of an engine with this configuration.
fn own(config: &Config) -> Vec<OwnListener> {
    let wanted = listener::wanted(config).into_iter();
    wanted
        .map(|(kind, address)| OwnListener { kind, address })
        .collect()
}
