//! Translates `[log] connections` into the connection log's settings.

use std::path::Path;

use privet_config::{Config, Retention};
use privet_connection_log::Settings;

/// Name of the database in the data folder.
const FILE: &str = "ledger.db";

pub(crate) fn settings(data_dir: &Path, config: &Config) -> Settings {
    let retention = match config.log.connections {
        Retention::None => privet_connection_log::Retention::None,
        Retention::Memory => privet_connection_log::Retention::Memory,
        Retention::Disk(span) => privet_connection_log::Retention::Disk(span),
    };
    let file =
        matches!(retention, privet_connection_log::Retention::Disk(_)).then(|| data_dir.join(FILE));
    Settings {
        retention,
        file,
        ..Settings::default()
    }
}
