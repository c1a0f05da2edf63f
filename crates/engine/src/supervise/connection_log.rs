//! `[log] connections` as the ledger's settings.

use std::path::Path;

use privet_config::{Config, Retention};
use privet_ledger::Settings;

/// The database's name in the data folder.
const FILE: &str = "ledger.db";

pub(crate) fn settings(data_dir: &Path, config: &Config) -> Settings {
    let retention = match config.log.connections {
        Retention::None => privet_ledger::Retention::None,
        Retention::Memory => privet_ledger::Retention::Memory,
        Retention::Disk(span) => privet_ledger::Retention::Disk(span),
    };
    let file = matches!(retention, privet_ledger::Retention::Disk(_)).then(|| data_dir.join(FILE));
    Settings {
        retention,
        file,
        ..Settings::default()
    }
}
