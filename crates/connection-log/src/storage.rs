//! Opens the database for a connection log and loads what earlier runs left in it.

use crate::connection::Verdict;
use crate::database::read_ended;
use crate::database_files;
use crate::recorder::Recorder;
use crate::settings::{Retention, Settings};
use crate::writer::Writer;

/// Opens the database and starts its writer where the settings ask for one; else removes what earlier settings left on the
/// disk.
pub(crate) fn start_writer(settings: &Settings, problem: &mut Option<String>) -> Option<Writer> {
    let file = settings.file.as_ref()?;
    let Retention::Disk(keep) = settings.retention else {
        if let Err(error) = database_files::remove(file) {
            *problem = Some(format!(
                "earlier connections could not be deleted from {}: {error}; delete the file",
                file.display()
            ));
        }
        return None;
    };
    let started = database_files::rename_legacy_file(file)
        .map_err(Into::into)
        .and_then(|()| Writer::start(file, keep));
    match started {
        Ok(writer) => Some(writer),
        Err(error) => {
            *problem = Some(format!(
                "statistics are kept in memory only: {} cannot be opened: {error}",
                file.display()
            ));
            None
        }
    }
}

/// Fills the history with connections of earlier runs.
pub(crate) fn load(recorder: &mut Recorder, problem: &mut Option<String>) {
    let Some(file) = recorder.writer.as_ref().map(|writer| writer.file.clone()) else {
        return;
    };
    match read_ended(&file, 0, recorder.settings.history_rows) {
        Ok(rows) => {
            let mut texts = Vec::new();
            for ended in rows.into_iter().map(|row| row.into_ended(&mut texts)) {
                if ended.verdict == Verdict::Blocked {
                    recorder.blocked.push(ended);
                } else {
                    recorder.closed.push(ended);
                }
            }
        }
        Err(error) => *problem = Some(format!("earlier connections cannot be shown: {error}")),
    }
}
