//! How an engine is started.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use privet_config::Keyring;

use crate::accept::listener::ListenerKind;

/// How an engine is started.
#[derive(Clone)]
pub struct EngineOptions {
    /// The configuration file; a missing one means the defaults.
    pub config_path: PathBuf,
    /// Folder of lists, statistics, the control socket and its token.
    pub data_dir: PathBuf,
    /// Where `{ keyring = … }` secrets are read.
    pub keyring: Arc<dyn Keyring + Send + Sync>,
    /// Listening sockets that were handed over at start (systemd socket activation).
    pub adopted: Vec<(ListenerKind, Arc<TcpListener>)>,
    /// Threads of the data plane; `None`: one for each core.
    pub threads: Option<usize>,
}

impl EngineOptions {
    /// The folder of what the caches keep.
    pub(crate) fn cache_folder(&self) -> PathBuf {
        self.data_dir.join("cache")
    }

    /// The folder of certificates that Privet makes itself.
    pub(crate) fn certificate_folder(&self) -> PathBuf {
        self.data_dir.join("tls")
    }
}
