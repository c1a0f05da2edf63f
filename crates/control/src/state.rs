//! What the handlers share: the engine, the edit lock, the limit of event streams, the desktop's proxy and applications.

use std::sync::Arc;

use privet_engine::Engine;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::auth::login_codes::LoginCodes;
use crate::installed_apps::InstalledApps;
use crate::system_proxy::SystemProxyControl;

/// Most event streams at a time, over all servers: each is a connection that stays open.
pub const MAX_EVENT_STREAMS: usize = 32;

/// The state of the API of one engine. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) engine: Engine,
    /// Milliseconds since 1970.
    pub(crate) started_ms: u64,
    pub(crate) event_streams: Arc<Semaphore>,
    /// Held while the configuration is edited.
    pub(crate) edit_lock: Arc<Mutex<()>>,
    /// Held by a change of what has a version, from the check of its version to its end. Taken before `edit_lock`.
    pub(crate) change_lock: Arc<Mutex<()>>,
    pub(crate) closing: CancellationToken,
    pub(crate) system_proxy: SystemProxyControl,
    pub(crate) installed_apps: InstalledApps,
    pub(crate) login_codes: LoginCodes,
}

impl ApiState {
    /// The API of a running engine. Once `closing` is cancelled, event streams end.
    pub fn new(engine: Engine, closing: CancellationToken) -> Self {
        Self {
            engine,
            started_ms: privet_config::unix_time::now_ms(),
            event_streams: Arc::new(Semaphore::new(MAX_EVENT_STREAMS)),
            edit_lock: Arc::default(),
            change_lock: Arc::default(),
            closing,
            system_proxy: SystemProxyControl::disabled(),
            installed_apps: InstalledApps::default(),
            login_codes: LoginCodes::default(),
        }
    }

    /// Lets callers see and switch the desktop's proxy; without this it is left alone.
    #[must_use]
    pub fn with_system_proxy(mut self, system_proxy: SystemProxyControl) -> Self {
        self.system_proxy = system_proxy;
        self
    }
}
