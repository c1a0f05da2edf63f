//! Starting: configuration, lists, upstreams, listeners, threads. Every step that fails says what to do.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use privet_config::{Diagnostics, Keyring};
use privet_policy::CompileError;

use privet_system::who_listens;

use crate::accept::listener::{ListenError, ListenerKind};

/// How an engine is started.
#[derive(Clone)]
pub struct Options {
    /// The configuration file; a missing one means the defaults.
    pub config_path: PathBuf,
    /// Lists' copies, statistics, the control socket and token.
    pub data_dir: PathBuf,
    /// Where `{ keyring = … }` secrets are read.
    pub keyring: Arc<dyn Keyring + Send + Sync>,
    /// Listening sockets that were handed over at start (systemd socket activation).
    pub adopted: Vec<(ListenerKind, Arc<TcpListener>)>,
    /// Threads of the data plane; `None`: one a core.
    pub threads: Option<usize>,
}

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Config(Diagnostics),
    #[error("{text}")]
    Listen { address: SocketAddr, text: String },
    #[error("{0}")]
    Policy(#[from] CompileError),
    #[error("no mode is called {0:?}")]
    Mode(String),
    #[error("upstream: {0}")]
    Upstream(String),
    #[error("secret: {0}")]
    Secret(String),
    #[error("the system refuses a thread or a runtime: {0}")]
    Threads(#[from] std::io::Error),
}

impl StartError {
    /// The sentence for a listener that failed, with the program that holds the port where it can be found.
    pub(crate) fn listen(error: ListenError) -> Self {
        let holder = match error.source.kind() {
            std::io::ErrorKind::AddrInUse => who_listens(error.address),
            _ => None,
        };
        let by = holder
            .map(|app| format!(", held by {} (pid {})", app.name, app.pid))
            .unwrap_or_default();
        let mend = match error.source.kind() {
            std::io::ErrorKind::AddrInUse => {
                "stop that program or choose another port under [listen]"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports under 1024 need CAP_NET_BIND_SERVICE; choose a higher one"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "no interface of this machine has that address; see [listen]"
            }
            _ => "see [listen] in the configuration",
        };
        let text = format!(
            "cannot listen on {}: {}{by}; {mend}",
            error.address, error.source
        );
        Self::Listen {
            address: error.address,
            text,
        }
    }
}
