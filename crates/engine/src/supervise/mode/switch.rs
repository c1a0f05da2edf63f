//! Switches the mode at once: no step here waits for the supervisor, a disk, the keyring or the network.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::SystemTime;

use privet_config::{Config, RequestLog, Retention};
use privet_connection_log::CloseReason;

use super::selection::{ModeSelection, PauseLength};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::supervise::configuration::report::ApplyError;
use crate::supervise::configuration::revoke::is_revoked;

/// A switch of the mode that was made and is not recorded yet.
#[derive(Debug, Clone)]
pub(crate) struct ModeSwitch {
    pub(crate) before: ModeSelection,
    pub(crate) after: ModeSelection,
}

impl Shared {
    /// The selected mode and pause.
    pub(crate) fn modes(&self) -> ModeSelection {
        self.lock_modes().clone()
    }

    /// Switches the mode, or pauses into it, and closes the connections that it forbids.
    ///
    /// # Errors
    /// There is no mode of that name.
    pub(crate) fn switch_mode(
        &self,
        name: &str,
        pause: Option<PauseLength>,
    ) -> Result<ModeSwitch, ApplyError> {
        let mut modes = self.lock_modes();
        let current = self.snapshot.load_full();
        if !current.config.modes.contains_key(name) {
            return Err(ApplyError::unknown_mode(name, &current.config));
        }
        let before = modes.clone();
        match pause {
            Some(length) => modes.pause(name.to_owned(), length, SystemTime::now()),
            None => modes.select(name.to_owned()),
        }
        self.make_current((*current).clone(), &mut modes);
        Ok(ModeSwitch {
            before,
            after: modes.clone(),
        })
    }

    /// Ends the running pause before its time.
    pub(crate) fn resume_mode(&self) -> ModeSwitch {
        let mut modes = self.lock_modes();
        let before = modes.clone();
        modes.resume();
        self.make_current((**self.snapshot.load()).clone(), &mut modes);
        ModeSwitch {
            before,
            after: modes.clone(),
        }
    }

    /// Returns to the base mode if a pause is over.
    pub(crate) fn end_pause(&self) {
        let mut modes = self.lock_modes();
        if modes.expire(SystemTime::now()) {
            tracing::info!(mode = %modes.base(), "the pause is over");
            self.make_current((**self.snapshot.load()).clone(), &mut modes);
        }
    }

    /// Makes `snapshot` the current one, in the mode that is current now, and closes the connections that it does not
    /// allow. With `select` that mode becomes the base mode. Returns the number of closed connections.
    pub(crate) fn activate(&self, snapshot: Snapshot, select: Option<String>) -> usize {
        let mut modes = self.lock_modes();
        if let Some(name) = select
            && name != modes.base()
        {
            modes.select(name);
        }
        self.make_current(snapshot, &mut modes)
    }

    /// Lets nothing go direct from now on until a configuration is applied or a mode is selected: what the mode sends goes
    /// through `outbound`, or is refused where that is `None`.
    pub(crate) fn hold_back_direct(&self, outbound: Option<String>) {
        let mut modes = self.lock_modes();
        modes.hold_back(outbound);
        self.make_current((**self.snapshot.load()).clone(), &mut modes);
        tracing::info!(
            "the changed configuration has a kill switch, which holds before the rest of it"
        );
    }

    /// The configuration that is applied next decides about the kill switch.
    pub(crate) fn forget_held_back(&self) {
        self.lock_modes().forget_held_back();
    }

    fn make_current(&self, snapshot: Snapshot, modes: &mut ModeSelection) -> usize {
        let mut current = match snapshot.in_mode(modes.current(SystemTime::now())) {
            Some(current) => current,
            // The mode was removed from the configuration while it was being selected.
            None => {
                modes.select(snapshot.config.mode.clone());
                snapshot
            }
        };
        if let Some(outbound) = modes.held_back() {
            current.policy = current.policy.with_kill_switch(outbound);
        }
        if current.config.mode != modes.base() {
            current.config = Arc::new(Config {
                mode: modes.base().to_owned(),
                ..(*current.config).clone()
            });
        }
        current.generation = self.snapshot.load().generation + 1;
        current.caches.apply_limits();
        current.caches.report(&self.problems);
        current.caches.connect();
        let keeps_history = current.keeps_history();
        if !keeps_history {
            self.connection_log.keep_history(false);
        }
        if self.snapshot.load().keeps_history() != keeps_history {
            // Nothing is carried from a mode with history into one without, nor back.
            current.caches.forget_private();
        }
        let current = Arc::new(current);
        self.snapshot.store(current.clone());
        if keeps_history {
            self.connection_log.keep_history(true);
        }
        self.policy_changes.notify();
        self.mode.store(Arc::new(modes.state()));
        self.connection_log
            .record_requests(requests_off(&current.config, modes).is_none());
        self.pause_changed.notify_one();
        self.connection_log
            .cancel_where(|row| is_revoked(row, &current), CloseReason::Reload)
    }

    fn lock_modes(&self) -> MutexGuard<'_, ModeSelection> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why requests are not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestsOff {
    /// `[log] requests = "none"`.
    Requests,
    /// `[log] connections = "none"`.
    Connections,
    /// The mode has `history = false`.
    Mode,
}

/// Why requests are not recorded, if they are not.
pub(crate) fn requests_off(config: &Config, modes: &ModeSelection) -> Option<RequestsOff> {
    let mode = config.modes.get(modes.current(SystemTime::now()));
    if config.log.requests != RequestLog::Memory {
        Some(RequestsOff::Requests)
    } else if config.log.connections == Retention::None {
        Some(RequestsOff::Connections)
    } else if mode.is_none_or(|mode| !mode.history) {
        Some(RequestsOff::Mode)
    } else {
        None
    }
}

/// Ends every pause at its time.
pub(crate) async fn run_pause_timer(shared: Arc<Shared>) {
    loop {
        let left = shared.modes().left(SystemTime::now());
        let end = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => shared.end_pause(),
            () = shared.pause_changed.notified() => {}
        }
    }
}
