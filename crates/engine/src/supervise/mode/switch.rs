//! The supervisor's work on the mode: choosing, pausing, remembering, and putting in force.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_config::Config;

use crate::supervise::configuration::reload::{ApplyError, ChangeOrigin};
use crate::supervise::mode::{ModeState, Modes};
use crate::supervise::supervisor::{Supervisor, fingerprint_of};
use crate::supervise::timeline::{ChangeDetail, UndoAction, moment_text};

impl Supervisor {
    /// Brings the standing mode back if a pause is over.
    pub(crate) fn end_pause(&mut self) {
        if self.modes.expire(SystemTime::now()) {
            tracing::info!(mode = %self.modes.standing(), "the pause is over");
            self.swap_mode();
        }
    }

    /// Chooses a mode, or pauses into it; the state then, and the change's number.
    pub(crate) async fn choose_mode(
        &mut self,
        name: String,
        span: Option<Duration>,
        by: ChangeOrigin,
    ) -> Result<(ModeState, Option<u64>), ApplyError> {
        let config = self.shared.snapshot.load().config.clone();
        if !config.modes.contains_key(&name) {
            return Err(ApplyError::unknown_mode(&name, &config));
        }
        let before = self.modes.clone();
        match span {
            Some(span) => self.modes.pause(name, span, SystemTime::now()),
            None => {
                self.remember_mode(&name).await;
                self.seen = fingerprint_of(&self.options.config_path).await;
                self.modes.stand(name);
            }
        }
        self.swap_mode();
        let change = self.note_mode(&before, by).await;
        Ok((self.modes.state(), change))
    }

    async fn note_mode(&mut self, before: &Modes, by: ChangeOrigin) -> Option<u64> {
        let (was, now) = (before.state(), self.modes.state());
        if let (true, Some(until_ms)) = (now != was, now.until_ms) {
            let mode = now.name;
            let until = moment_text(until_ms);
            let what = ChangeDetail::new("pause", [("mode", mode.clone()), ("until", until)]);
            let undo = UndoAction::Pause { mode, until_ms };
            return Some(self.note(by, vec![what], undo).await);
        }
        let (from, to) = (before.standing().to_owned(), now.name);
        if let (true, Some(until_ms)) = (from == to, was.until_ms) {
            let mode = was.name;
            let what = ChangeDetail::new("resume", [("mode", mode.clone())]);
            let undo = UndoAction::Resume { mode, until_ms };
            return Some(self.note(by, vec![what], undo).await);
        }
        let what = vec![ChangeDetail::new(
            "mode",
            [("from", from.clone()), ("to", to.clone())],
        )];
        let text = self.file_text().await.unwrap_or_default();
        match text == self.text {
            true if from == to => None,
            true => Some(self.note(by, what, UndoAction::Mode { from, to }).await),
            false => self.note_text(by, what, text).await,
        }
    }

    /// A chosen mode outlives the program where a file exists to hold it.
    async fn remember_mode(&self, name: &str) {
        let (path, name) = (self.options.config_path.clone(), name.to_owned());
        let kept = tokio::task::spawn_blocking(move || {
            crate::supervise::configuration::reload::write_mode(&path, &name)
        })
        .await;
        let text = match kept {
            Ok(Ok(())) => return self.shared.problems.settle("mode"),
            Ok(Err(error)) => error,
            Err(error) => error.to_string(),
        };
        let text = format!("the mode is on, but the file could not be changed: {text}");
        self.shared
            .problems
            .raise("mode", text, "write `mode` into the configuration yourself");
    }

    /// Puts the mode that is on now in force; connections that it forbids are closed.
    pub(crate) fn swap_mode(&mut self) {
        let before = self.shared.snapshot.load_full();
        if let Some(mut snapshot) = before.in_mode(self.modes.current(SystemTime::now())) {
            if snapshot.config.mode != self.modes.standing() {
                // The file says so too by now.
                snapshot.config = Arc::new(Config {
                    mode: self.modes.standing().to_owned(),
                    ..(*snapshot.config).clone()
                });
            }
            self.put_in_force(snapshot);
        }
    }
}

/// Waits for the end of the pause that runs; for ever if there is none.
pub(crate) async fn pause_end(modes: &Modes) {
    match modes.left(SystemTime::now()) {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}
