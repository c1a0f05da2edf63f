//! Applies a configuration: from a text through the API, or from the file after it was changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use privet_config::{Config, Diagnostic, DiagnosticCode, Document, Severity, to_json};

use crate::caches::Caches;
use crate::supervise::configuration::file::{fingerprint, read_text};
use crate::supervise::configuration::plan::ConfigPlan;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeDetail, ChangeOrigin, ChangeSource, describe};

impl Supervisor {
    /// Applies a text and saves it, or applies the file's content; in a dry run only reports what would change.
    /// `secrets` are those of the keyring that were read for it.
    pub(crate) async fn apply(
        &mut self,
        config: ConfigSource,
        secrets: &KeyringCache,
        mode: ApplyMode,
        by: ChangeOrigin,
    ) -> Result<ApplyReport, ApplyError> {
        let plan = self.plan(config.clone(), secrets, mode).await?;
        if mode == ApplyMode::DryRun {
            return self.preview(plan).await;
        }
        let on_disk = read_text(&self.options.config_path).await;
        let mut before = self.shared.snapshot.load().config.clone();
        let mut rejected = None;
        let new_text = match config {
            ConfigSource::Text { text, .. } => {
                let text = self.with_selected_mode(text, &plan);
                match on_disk {
                    Some(on_disk) => {
                        (before, rejected) = self.record_manual_edit(before, on_disk).await;
                    }
                    None => rejected = self.copy_rejected_file().await,
                }
                self.save(text.clone()).await?;
                text
            }
            ConfigSource::File => on_disk.unwrap_or_default(),
        };
        self.loaded_from_file |= plan.has_file;
        let mut what = describe(&to_json(&before), &to_json(&plan.snapshot.config));
        if by.source == ChangeSource::Expiry {
            what.iter_mut().for_each(ChangeDetail::mark_expired);
        }
        let mut report = self.commit(plan).await;
        report.warnings.extend(rejected.as_deref().map(overwritten));
        let change = self.record_text_change(by, what, new_text).await;
        Ok(ApplyReport { change, ..report })
    }

    /// The text that an edit starts from: the file's if it is valid, else that of the current configuration.
    pub(crate) async fn edit_base(&self) -> String {
        match read_text(&self.options.config_path).await {
            Some(text) if text == self.config_text => text,
            Some(text) if self.is_valid(&text).await => text,
            None if !self.loaded_from_file => String::new(),
            _ => self.config_text.clone(),
        }
    }

    /// The file's text or, where it is missing or cannot be read, that of the current configuration.
    pub(crate) async fn file_text(&self) -> String {
        match read_text(&self.options.config_path).await {
            Some(text) => text,
            None if !self.loaded_from_file => String::new(),
            None => self.config_text.clone(),
        }
    }

    async fn is_valid(&self, text: &str) -> bool {
        let source = ConfigSource::explicit(text.to_owned());
        self.parse(source).await.is_ok()
    }

    /// A text that does not change the mode keeps the one that was selected since it was read.
    fn with_selected_mode(&self, text: String, plan: &ConfigPlan) -> String {
        let modes = self.shared.modes();
        if plan.select_mode.is_some() || plan.text_mode == modes.base() {
            return text;
        }
        let Ok(mut document) = Document::parse(&text) else {
            return text;
        };
        match document.set_mode(modes.base()) {
            Ok(()) => document.text(),
            Err(_) => text,
        }
    }

    /// Records an edit of the file that was made by hand and not seen yet, before the file is overwritten. One that is
    /// not valid is copied to `NAME.rejected`. Returns the configuration that the file holds, and the path of the copy.
    async fn record_manual_edit(
        &mut self,
        before: Arc<Config>,
        on_disk: String,
    ) -> (Arc<Config>, Option<PathBuf>) {
        if on_disk == self.config_text {
            return (before, None);
        }
        let by = ChangeSource::File.into();
        let parsed = self.parse(ConfigSource::explicit(on_disk.clone())).await;
        let Ok(loaded) = parsed else {
            let copy = self.copy_rejected_file().await;
            let what = vec![ChangeDetail::new("text-invalid", [])];
            self.record_text_change(by, what, on_disk).await;
            return (before, copy);
        };
        let what = describe(&to_json(&before), &to_json(&loaded.config));
        self.record_text_change(by, what, on_disk).await;
        (Arc::new(loaded.config), None)
    }

    /// Copies the file, if there is one, before it is overwritten. Returns the path of the copy.
    pub(crate) async fn copy_rejected_file(&self) -> Option<PathBuf> {
        let path = self.options.config_path.clone();
        let copied = tokio::task::spawn_blocking(move || {
            let mut name = path.clone().into_os_string();
            name.push(".rejected");
            if !std::fs::metadata(&path)?.is_file() {
                return Err(std::io::Error::other("it is not a regular file"));
            }
            std::fs::copy(&path, Path::new(&name)).map(|_| name)
        });
        match copied.await {
            Ok(Ok(name)) => {
                let copy = PathBuf::from(name);
                tracing::warn!("{}", overwritten(&copy).cause);
                return Some(copy);
            }
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
            Ok(Err(error)) => tracing::warn!("the invalid file could not be copied: {error}"),
            Err(error) => tracing::error!("copying the invalid file panicked: {error}"),
        }
        None
    }

    /// Writes the configuration file.
    pub(crate) async fn save(&mut self, text: String) -> Result<(), ApplyError> {
        let path = self.options.config_path.clone();
        let saved = tokio::task::spawn_blocking(move || privet_config::save(&path, &text)).await;
        saved
            .map_err(|error| ApplyError::panicked(&error))?
            .map_err(ApplyError::Save)?;
        self.file_fingerprint = fingerprint(&self.options.config_path).await;
        self.shared.problems.clear("config");
        Ok(())
    }

    /// Carries out a plan. The policy comes first; what may take its time follows.
    pub(crate) async fn commit(&mut self, plan: ConfigPlan) -> ApplyReport {
        let closed = self.closing_addresses(&plan);
        self.lists = plan.lists;
        for (kind, at) in plan.changed_kind {
            if let Some(running) = self.listeners.get(&at) {
                running.kind.set(kind);
            }
        }
        let config = plan.snapshot.config.clone();
        self.shared.forget_held_back();
        let caches_before = self.shared.snapshot.load().caches.clone();
        let connections_closed = self.activate(plan.snapshot, plan.select_mode);
        for at in plan.closing {
            if let Some(running) = self.listeners.remove(&at) {
                running.stop.cancel();
            }
        }
        self.start_listeners(plan.bound).await;
        self.start_health_checks();
        self.retire_caches(caches_before).await;
        self.update_connection_log(&config).await;
        self.save_lists().await;
        self.save_pause().await;
        self.clear_removed_list_problems();
        self.report_list_problems();
        self.watch_scan_rules();
        self.watch_list_files();
        self.watch_certificates();
        self.watch_secret_files().await;
        self.reload_certificates().await;
        self.start_fetches(None);
        ApplyReport {
            warnings: plan.warnings,
            opened: plan.opening,
            closed,
            connections_closed,
            replay: None,
            change: None,
        }
    }

    /// Lets go of the caches that the configuration no longer has, and removes what they kept on disk.
    async fn retire_caches(&self, before: Caches) {
        let now = self.shared.snapshot.load().caches.clone();
        let folder = self.options.cache_folder();
        if let Err(error) = tokio::task::spawn_blocking(move || before.retire(&now, &folder)).await
        {
            tracing::error!("removing a cache panicked: {error}");
        }
    }
}

/// An edit of the file that could not be kept.
fn overwritten(copy: &Path) -> Diagnostic {
    let cause = format!(
        "the file held an edit that is not valid; it was overwritten, and a copy is {}",
        copy.display()
    );
    let help = "correct the edit in the copy, and move it back".to_owned();
    Diagnostic::without_place(Severity::Warning, DiagnosticCode::File, cause, help)
}
