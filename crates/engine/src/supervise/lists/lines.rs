//! The lines of a list that were skipped, with their texts and reasons.

use std::path::Path;

use privet_policy::line_text;

use super::read::read_text;
use crate::snapshot::Snapshot;

/// What reading a list's text left out.
#[derive(Debug, Clone, Default)]
pub struct ListLines {
    /// Active entries.
    pub entries: u64,
    /// Those that hold for every connection, HTTPS too.
    pub host_entries: u64,
    /// Valid lines that do not concern a proxy.
    pub ignored: u64,
    /// All skipped lines; `lines` has the first of them.
    pub skipped: u64,
    pub lines: Vec<SkippedLine>,
}

/// A line that was skipped.
#[derive(Debug, Clone)]
pub struct SkippedLine {
    /// From 1.
    pub line: u32,
    /// Its text, where the source can be read.
    pub text: Option<String>,
    pub reason: String,
}

/// The skipped lines of a list that is in use; `None`: no list in use has this name.
pub(crate) async fn skipped_lines(snapshot: &Snapshot, name: &str) -> Option<ListLines> {
    let mut lists = snapshot.policy.lists().iter();
    let list = lists.find(|list| list.name() == name)?.clone();
    let path = snapshot.list_texts.get(name).cloned();
    let read = tokio::task::spawn_blocking(move || {
        let stats = list.stats();
        let source = path.as_deref().filter(|_| !stats.errors.is_empty());
        let source = source.and_then(|path: &Path| read_text(path).ok());
        let lines = stats.errors.iter().map(|error| SkippedLine {
            line: error.line,
            text: source
                .as_ref()
                .and_then(|source| line_text(source, error.line)),
            reason: error.fault.to_string(),
        });
        ListLines {
            entries: stats.entries as u64,
            host_entries: stats.host_entries as u64,
            ignored: stats.ignored as u64,
            skipped: stats.skipped as u64,
            lines: lines.collect(),
        }
    });
    read.await.ok()
}
