//! Watches the files that hold secrets.

use std::path::PathBuf;

use privet_config::{Config, Secret};

use crate::supervise::command::Command;
use crate::supervise::configuration::report::ConfigSource;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::watched_files::WatchedFiles;

impl Supervisor {
    /// Watches the secret files of the running configuration, and those that the file names where it was not taken: a
    /// missing one may be the reason. Returns whether these are others than before.
    pub(crate) async fn watch_secret_files(&mut self) -> bool {
        let mut files = secret_files(&self.shared.snapshot.load().config);
        if let Ok(loaded) = self.parse(ConfigSource::File).await {
            files.extend(secret_files(&loaded.config));
        }
        files.sort();
        files.dedup();
        let are_others = files != self.secret_files.files();
        if are_others {
            let changed = || Command::SecretFilesChanged;
            self.secret_files = WatchedFiles::start(files, self.commands.clone(), changed);
        }
        are_others
    }
}

fn secret_files(config: &Config) -> Vec<PathBuf> {
    let files = config.secrets().filter_map(|(_, secret)| match secret {
        Secret::File(path) => Some(path.clone()),
        _ => None,
    });
    files.collect()
}
