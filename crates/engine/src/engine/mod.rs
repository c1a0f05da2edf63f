//! The handle by which control, tray and command line use a running engine.

mod configuration;
mod inspection;
mod lists;
mod rules;
mod scan;
mod sites;
mod timeline;
mod upstreams;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use privet_config::Config;
use privet_connection_log::ConnectionLog;
use tokio::sync::{mpsc, oneshot};

use crate::accept::listener::ListenerState;
use crate::https::HttpsStatus;
use crate::problems::Problem;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::supervise::command::Command;
use crate::supervise::configuration::report::ApplyError;
use crate::supervise::mode::switch::{RequestsOff, requests_off};
use crate::supervise::options::EngineOptions;

/// How long a stop may take beyond its deadline.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a configuration may need further secrets of the keyring while it is applied.
const SECRET_ATTEMPTS: usize = 4;

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) options: Arc<EngineOptions>,
}

impl Engine {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    pub fn config(&self) -> Arc<Config> {
        self.shared.snapshot.load().config.clone()
    }

    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    pub fn connection_log(&self) -> &ConnectionLog {
        &self.shared.connection_log
    }

    /// Why requests are not recorded, if they are not.
    pub fn requests_off(&self) -> Option<RequestsOff> {
        requests_off(&self.config(), &self.shared.modes())
    }

    pub fn problems(&self) -> Vec<Problem> {
        let mut all = self.shared.problems.all();
        all.extend(
            self.shared
                .connection_log
                .problems()
                .into_iter()
                .map(|text| Problem {
                    about: "connection_log".to_owned(),
                    text,
                    fix:
                        "check the disk and the data folder; files that were set aside may be deleted"
                            .to_owned(),
                }),
        );
        all
    }

    /// Opens a problem that was found outside the engine, such as a control port that is in use.
    pub fn raise_problem(&self, about: &str, text: &str, fix: &str) {
        self.shared.problems.raise(about, text, fix);
    }

    /// Closes a problem.
    pub fn clear_problem(&self, about: &str) {
        self.shared.problems.clear(about);
    }

    /// Completes at the first change of configuration, mode or lists after this call.
    pub fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.shared.policy_changes.next()
    }

    /// The listeners with the addresses they are bound to.
    pub fn listeners(&self) -> Vec<ListenerState> {
        self.shared.listening.load().to_vec()
    }

    /// The certificate of the `https` listeners; `None`: there is no such listener.
    pub fn https(&self) -> Option<HttpsStatus> {
        self.shared.snapshot.load().https.as_ref()?.status()
    }

    /// The address programs on this machine should use for HTTP and SOCKS.
    pub fn proxy(&self) -> Option<SocketAddr> {
        self.shared.proxy_for(IpAddr::from([127, 0, 0, 1]))
    }

    /// Stops accepting, waits up to `deadline` for open connections, then ends them.
    pub async fn stop(&self, deadline: Duration) {
        let stopping = self.request(|reply| Command::Stop { deadline, reply });
        // A command that a disk does not let end must not keep the program alive.
        let _ = tokio::time::timeout(deadline + STOP_TIMEOUT, stopping).await;
    }

    /// Sends a command and waits for the reply; `None`: the engine is stopping.
    async fn request<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn stopped<T>() -> Result<T, ApplyError> {
    Err(stopping())
}

fn stopping() -> ApplyError {
    ApplyError::Internal("the engine is stopping".to_owned())
}
