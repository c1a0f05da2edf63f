//! Translates `[log] connections` into the connection log's settings.

use std::path::Path;

use privet_config::{Config, Retention};
use privet_connection_log::Settings;

/// Name of the database in the data folder.
const FILE: &str = "connections.db";

pub(crate) fn settings(data_dir: &Path, config: &Config) -> Settings {
    let retention = match config.log.connections {
        Retention::None => privet_connection_log::Retention::None,
        Retention::Memory => privet_connection_log::Retention::Memory,
        Retention::Disk(span) => privet_connection_log::Retention::Disk(span),
    };
    Settings {
        retention,
        // Named whatever the retention: what an earlier one left there is removed.
        file: Some(data_dir.join(FILE)),
        ..Settings::default()
    }
}
