//! Records switches of the mode: in the file, in the timeline, and a pause in the data folder.

use privet_config::Document;
use privet_config::unix_time::from_unix_ms;

use super::{ModeState, ModeSwitch, StoredPause};
use crate::supervise::configuration::file::read_text;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeDetail, ChangeOrigin, UndoAction};

impl Supervisor {
    /// Records a switch that was made. Returns the change's number; `None`: it changed nothing.
    pub(crate) async fn record_mode_switch(
        &mut self,
        switch: &ModeSwitch,
        by: ChangeOrigin,
    ) -> Option<u64> {
        self.save_pause().await;
        let (was, now) = (switch.before.state(), switch.after.state());
        if now.then.is_some() {
            return match now == was {
                true => None,
                false => Some(self.record_pause(now, by).await),
            };
        }
        let (from, to) = (switch.before.base().to_owned(), now.name);
        let saved = self.save_mode().await;
        if from == to && was.then.is_some() {
            return Some(self.record_pause_end(was, by).await);
        }
        let what = vec![ChangeDetail::new(
            "mode",
            [("from", from.clone()), ("to", to.clone())],
        )];
        match saved {
            Some(text) => self.record_text_change(by, what, text).await,
            None if from == to => None,
            None => {
                let undo = UndoAction::SwitchMode { from, to };
                Some(self.record_change(by, what, undo).await)
            }
        }
    }

    async fn record_pause(&mut self, now: ModeState, by: ChangeOrigin) -> u64 {
        let (mode, until_ms) = (now.name, now.until_ms);
        let until = match until_ms {
            Some(ms) => privet_config::format_timestamp_seconds(from_unix_ms(ms)),
            None => "restart".to_owned(),
        };
        let what = ChangeDetail::new("pause", [("mode", mode.clone()), ("until", until)]);
        let undo = UndoAction::EndPause { mode, until_ms };
        self.record_change(by, vec![what], undo).await
    }

    async fn record_pause_end(&mut self, was: ModeState, by: ChangeOrigin) -> u64 {
        let (mode, until_ms) = (was.name, was.until_ms);
        let what = ChangeDetail::new("resume", [("mode", mode.clone())]);
        let undo = UndoAction::StartPause { mode, until_ms };
        self.record_change(by, vec![what], undo).await
    }

    /// Saves the selected mode in the file, if the configuration has one. Returns the file's new text, if it changed.
    async fn save_mode(&mut self) -> Option<String> {
        if !self.loaded_from_file {
            return None;
        }
        let base = self.edit_base().await;
        let edited = Document::parse(&base).map_err(|error| error.to_string());
        let edited = edited.and_then(|mut document| {
            let set = document.set_mode(self.shared.modes().base());
            set.map(|()| document.text())
                .map_err(|error| error.to_string())
        });
        let saved = match edited {
            Ok(text) if text == base && base == self.config_text => {
                self.shared.problems.clear("mode");
                return None;
            }
            Ok(text) => {
                // The base is that of the file, unless the file is missing or not valid.
                if read_text(&self.options.config_path).await.as_ref() != Some(&base) {
                    self.copy_rejected_file().await;
                }
                let saved = self.save(text.clone()).await;
                saved.map(|()| text).map_err(|error| error.to_string())
            }
            Err(error) => Err(error),
        };
        match saved {
            Ok(text) => {
                self.shared.problems.clear("mode");
                Some(text)
            }
            Err(error) => {
                self.shared.problems.raise(
                    "mode",
                    format!("the mode is on, but the file could not be changed: {error}"),
                    "write `mode` into the configuration yourself",
                );
                None
            }
        }
    }

    /// Stores the running pause in the data folder, if it changed.
    pub(crate) async fn save_pause(&mut self) {
        let pause = self.shared.modes().current_pause().map(StoredPause::from);
        if pause == self.saved_pause {
            return;
        }
        self.saved_pause.clone_from(&pause);
        let folder = self.options.data_dir.clone();
        let saved =
            tokio::task::spawn_blocking(move || StoredPause::save(&folder, pause.as_ref())).await;
        match saved.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => self.shared.problems.clear("pause"),
            Err(error) => self.shared.problems.raise(
                "pause",
                format!("the pause could not be stored: {error}"),
                "check the disk and the permissions of the data folder; a restart ends the pause",
            ),
        }
    }
}
