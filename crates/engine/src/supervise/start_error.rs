//! Why an engine could not start, or a configuration could not be applied.

use std::net::SocketAddr;

use privet_config::Diagnostics;
use privet_policy::CompileError;
use privet_system::who_listens;

use crate::accept::listener::{ListenError, ListenerKind};

/// The engine could not start, or a configuration could not be applied. The text says what to do.
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
    #[error("{0}")]
    Site(String),
    #[error("[scan] {0}")]
    Scan(String),
    #[error("secret: {0}")]
    Secret(String),
    #[error("{0}")]
    SharedStore(String),
    #[error("[listen] tls: {0}")]
    Tls(String),
    #[error("[inspect]: {0}")]
    Inspect(String),
    #[error("the system refuses a thread or a runtime: {0}")]
    Threads(#[from] std::io::Error),
}

impl StartError {
    /// The error of a listener, with the program that holds the port if it can be found.
    pub(crate) fn listen(error: ListenError) -> Self {
        let holder = match error.source.kind() {
            std::io::ErrorKind::AddrInUse => who_listens(error.address),
            _ => None,
        };
        let by = holder
            .map(|app| format!(", held by {} (pid {})", app.name, app.pid))
            .unwrap_or_default();
        let section = match error.kind {
            ListenerKind::Site => "`listen` of the [[site]]",
            _ => "[listen]",
        };
        let fix = match error.source.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("stop that program or choose another port under {section}")
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports under 1024 need CAP_NET_BIND_SERVICE; choose a higher one".to_owned()
            }
            std::io::ErrorKind::AddrNotAvailable => {
                format!("no interface of this machine has that address; see {section}")
            }
            _ => format!("see {section} in the configuration"),
        };
        let text = format!(
            "cannot listen on {}: {}{by}; {fix}",
            error.address, error.source
        );
        Self::Listen {
            address: error.address,
            text,
        }
    }
}
