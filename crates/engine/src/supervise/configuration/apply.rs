//! Applies a configuration: from a text through the API, or from the file after it was changed.

use std::sync::Arc;

use privet_config::{Config, to_json};

use crate::supervise::configuration::file::{fingerprint, read_text};
use crate::supervise::configuration::plan::ConfigPlan;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeDetail, ChangeOrigin, ChangeSource, describe};

impl Supervisor {
    /// Applies a text and saves it, or applies the file's content; in a dry run only reports what would change.
    pub(crate) async fn apply(
        &mut self,
        config: ConfigSource,
        mode: ApplyMode,
        by: ChangeOrigin,
    ) -> Result<ApplyReport, ApplyError> {
        let plan = self.plan(config.clone()).await?;
        if mode == ApplyMode::DryRun {
            return self.preview(plan).await;
        }
        let on_disk = self.file_text().await;
        let mut before = self.shared.snapshot.load().config.clone();
        let new_text = match config {
            ConfigSource::Text(text) => {
                before = self.record_manual_edit(before, on_disk).await;
                self.save(text.clone()).await?;
                self.file_fingerprint = fingerprint(&self.options.config_path).await;
                text
            }
            ConfigSource::File => on_disk,
        };
        self.loaded_from_file |= plan.has_file;
        let what = describe(&to_json(&before), &to_json(&plan.snapshot.config));
        let report = self.commit(plan).await;
        let change = self.record_text_change(by, what, new_text).await;
        Ok(ApplyReport { change, ..report })
    }

    /// The file's text, empty where it is missing or cannot be read.
    pub(crate) async fn file_text(&self) -> String {
        let text = read_text(&self.options.config_path).await;
        text.unwrap_or_default()
    }

    /// Records an edit of the file that was made by hand and not seen yet, before the file is overwritten. Returns the
    /// configuration that the file holds.
    async fn record_manual_edit(&mut self, before: Arc<Config>, on_disk: String) -> Arc<Config> {
        if on_disk == self.config_text {
            return before;
        }
        let by = ChangeSource::File.into();
        let Ok(loaded) = self.parse(ConfigSource::Text(on_disk.clone())).await else {
            let what = vec![ChangeDetail::new("text", [])];
            self.record_text_change(by, what, on_disk).await;
            return before;
        };
        let what = describe(&to_json(&before), &to_json(&loaded.config));
        self.record_text_change(by, what, on_disk).await;
        Arc::new(loaded.config)
    }

    async fn save(&self, text: String) -> Result<(), ApplyError> {
        let path = self.options.config_path.clone();
        let saved = tokio::task::spawn_blocking(move || privet_config::save(&path, &text)).await;
        saved
            .map_err(|error| ApplyError::panicked(&error))?
            .map_err(ApplyError::Save)
    }

    /// Carries out a plan.
    pub(crate) async fn commit(&mut self, plan: ConfigPlan) -> ApplyReport {
        let (opened, closed) = self.listener_changes(&plan);
        self.lists = plan.lists;
        self.modes = plan.modes;
        for (kind, at) in plan.changed_kind {
            if let Some(running) = self.listeners.get(&at) {
                running.kind.set(kind);
            }
        }
        self.update_connection_log(&plan.snapshot.config).await;
        let connections_closed = self.activate(plan.snapshot);
        for at in plan.closing {
            if let Some(running) = self.listeners.remove(&at) {
                running.stop.cancel();
            }
        }
        self.start_listeners(plan.bound).await;
        self.save_lists().await;
        self.clear_removed_list_problems();
        self.report_list_problems();
        self.watch_list_files();
        self.start_health_checks();
        self.start_fetches(None);
        ApplyReport {
            warnings: plan.warnings,
            opened,
            closed,
            connections_closed,
            replay: None,
            change: None,
        }
    }
}
