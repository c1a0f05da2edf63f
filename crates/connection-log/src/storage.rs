//! Opens the database for a connection log and loads what earlier runs left in it.

use crate::connection::Verdict;
use crate::database::read_ended;
use crate::recorder::Recorder;
use crate::settings::{Retention, Settings};
use crate::writer::Writer;

pub(crate) fn start_writer(settings: &Settings, problem: &mut Option<String>) -> Option<Writer> {
    let (Retention::Disk(keep), Some(file)) = (settings.retention, &settings.file) else {
        return None;
    };
    match Writer::start(file, keep) {
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
