//! Keeps the control servers, the log level and the tray in step with the engine until it is stopped.

use std::pin::pin;
use std::time::Duration;

use privet_control::ControlServer;
use privet_engine::Engine;
use privet_system::notify::{ServiceState, notify};
use tokio::sync::Notify;

use crate::logging;
use crate::signals::{Signal, Signals};

/// How often the servers, the log level and the system proxy are compared with what is configured after a change:
/// listeners open after the configuration was applied.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// Comparisons at that interval after each change.
const FOLLOW_AFTER_CHANGE: u32 = 3;
/// How often they are compared when nothing changes: another program may have ended the guardian of the system proxy.
const REST_INTERVAL: Duration = Duration::from_secs(10);

/// What follows the engine: the control servers, the log level, the system proxy, the tray.
pub struct Follower<'a> {
    pub engine: &'a Engine,
    pub control: &'a mut ControlServer,
    pub level: &'a mut logging::LogLevel,
    /// Notified after each change.
    pub changed: &'a Notify,
}

impl Follower<'_> {
    /// Runs until a signal or the tray stops the engine. Returns the signals, to listen for a second one.
    pub async fn run_until_stopped(&mut self, mut signals: Signals, quit: &Notify) -> Signals {
        let mut changed = pin!(self.engine.changed());
        let mut soon = FOLLOW_AFTER_CHANGE;
        loop {
            let interval = match soon {
                0 => REST_INTERVAL,
                _ => FOLLOW_INTERVAL,
            };
            let signal = tokio::select! {
                signal = signals.next() => Some(signal),
                () = quit.notified() => Some(Signal::Stop),
                () = &mut changed => {
                    changed.set(self.engine.changed());
                    soon = FOLLOW_AFTER_CHANGE;
                    None
                }
                () = tokio::time::sleep(interval) => {
                    soon = soon.saturating_sub(1);
                    None
                }
            };
            match signal {
                None => self.follow(soon > 0).await,
                Some(Signal::Reload) => {
                    let _ = notify(ServiceState::Reloading);
                    reload(self.engine, self.level).await;
                    self.control.follow().await;
                    let _ = notify(ServiceState::Ready);
                }
                Some(Signal::Stop) => return signals,
            }
        }
    }

    async fn follow(&mut self, has_changed: bool) {
        self.control.follow().await;
        self.level.set(&self.engine.config().log.level);
        if has_changed {
            self.changed.notify_one();
        }
    }
}

async fn reload(engine: &Engine, level: &mut logging::LogLevel) {
    let reloaded = engine.reload().await;
    level.set(&engine.config().log.level);
    match reloaded {
        Ok(applied) => tracing::info!("reloaded: {applied}"),
        Err(error) => {
            tracing::error!("reload failed, the previous configuration stays in use: {error}")
        }
    }
}
