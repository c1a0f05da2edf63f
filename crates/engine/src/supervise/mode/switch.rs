//! The supervisor's work on the mode: switch, pause, save, activate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_config::Config;

use crate::supervise::configuration::file::{fingerprint, write_mode};
use crate::supervise::configuration::report::ApplyError;
use crate::supervise::mode::{ModeSelection, ModeState};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeDetail, ChangeOrigin, UndoAction};
use crate::unix_time::from_unix_ms;

impl Supervisor {
    /// Returns to the base mode if a pause is over.
    pub(crate) fn end_pause(&mut self) {
        if self.modes.expire(SystemTime::now()) {
            tracing::info!(mode = %self.modes.base(), "the pause is over");
            self.activate_mode();
        }
    }

    /// Switches the mode; with `pause` for that long only. Returns the new state and the change's number.
    pub(crate) async fn set_mode(
        &mut self,
        name: String,
        pause: Option<Duration>,
        by: ChangeOrigin,
    ) -> Result<(ModeState, Option<u64>), ApplyError> {
        let config = self.shared.snapshot.load().config.clone();
        if !config.modes.contains_key(&name) {
            return Err(ApplyError::unknown_mode(&name, &config));
        }
        let before = self.modes.clone();
        match pause {
            Some(length) => self.modes.pause(name, length, SystemTime::now()),
            None => {
                self.save_mode(&name).await;
                self.file_fingerprint = fingerprint(&self.options.config_path).await;
                self.modes.select(name);
            }
        }
        self.activate_mode();
        let change = self.record_mode_change(&before, by).await;
        Ok((self.modes.state(), change))
    }

    /// Ends the running pause. Returns the change's number; `None`: there is no pause.
    pub(crate) async fn end_pause_now(&mut self, by: ChangeOrigin) -> Option<u64> {
        let before = self.modes.clone();
        self.modes.resume();
        self.activate_mode();
        self.record_pause_end(&before.state(), by).await
    }

    async fn record_mode_change(
        &mut self,
        before: &ModeSelection,
        by: ChangeOrigin,
    ) -> Option<u64> {
        let (was, now) = (before.state(), self.modes.state());
        if let (true, Some(until_ms)) = (now != was, now.until_ms) {
            return Some(self.record_pause(now.name, until_ms, by).await);
        }
        let (from, to) = (before.base().to_owned(), now.name);
        if from == to && was.until_ms.is_some() {
            return self.record_pause_end(&was, by).await;
        }
        let what = vec![ChangeDetail::new(
            "mode",
            [("from", from.clone()), ("to", to.clone())],
        )];
        let text = self.file_text().await;
        match text == self.config_text {
            true if from == to => None,
            true => {
                let undo = UndoAction::SwitchMode { from, to };
                Some(self.record_change(by, what, undo).await)
            }
            false => self.record_text_change(by, what, text).await,
        }
    }

    async fn record_pause(&mut self, mode: String, until_ms: u64, by: ChangeOrigin) -> u64 {
        let until = privet_config::format_timestamp_seconds(from_unix_ms(until_ms));
        let what = ChangeDetail::new("pause", [("mode", mode.clone()), ("until", until)]);
        let undo = UndoAction::EndPause { mode, until_ms };
        self.record_change(by, vec![what], undo).await
    }

    /// Records that the pause in `was` was ended; `None`: there was none.
    async fn record_pause_end(&mut self, was: &ModeState, by: ChangeOrigin) -> Option<u64> {
        let (mode, until_ms) = (was.name.clone(), was.until_ms?);
        let what = ChangeDetail::new("resume", [("mode", mode.clone())]);
        let undo = UndoAction::StartPause { mode, until_ms };
        Some(self.record_change(by, vec![what], undo).await)
    }

    /// Saves the selected mode in the file, if there is one.
    async fn save_mode(&self, name: &str) {
        let (path, name) = (self.options.config_path.clone(), name.to_owned());
        let saved = tokio::task::spawn_blocking(move || write_mode(&path, &name)).await;
        let error = match saved {
            Ok(Ok(())) => return self.shared.problems.clear("mode"),
            Ok(Err(error)) => error,
            Err(error) => error.to_string(),
        };
        self.shared.problems.raise(
            "mode",
            format!("the mode is on, but the file could not be changed: {error}"),
            "write `mode` into the configuration yourself",
        );
    }

    /// Activates the current mode; connections that it forbids are closed.
    pub(crate) fn activate_mode(&mut self) {
        let current = self.shared.snapshot.load_full();
        let Some(mut snapshot) = current.in_mode(self.modes.current(SystemTime::now())) else {
            return;
        };
        if snapshot.config.mode != self.modes.base() {
            // The file holds the new mode as well.
            snapshot.config = Arc::new(Config {
                mode: self.modes.base().to_owned(),
                ..(*snapshot.config).clone()
            });
        }
        self.activate(snapshot);
    }
}
