//! Puts the text of a list's line beside the step that names it: lists keep line numbers only.

use std::path::{Path, PathBuf};

use privet_config::{Config, Source};
use privet_policy::list::MAX_LIST;
use privet_policy::{Explanation, line_text};

use super::Copy;

/// Reads each list that an explanation names, once. Blocking.
pub(crate) fn quote(explanation: &mut Explanation, config: &Config, data_dir: &Path) {
    let mut last: Option<(String, Vec<u8>)> = None;
    explanation.quote(|list, line| {
        if last.as_ref().is_none_or(|(name, _)| name != list) {
            last = Some((list.to_owned(), read(&file_of(list, config, data_dir)?)?));
        }
        let (_, bytes) = last.as_ref()?;
        line_text(bytes, line)
    });
}

fn file_of(list: &str, config: &Config, data_dir: &Path) -> Option<PathBuf> {
    let setting = config
        .filter
        .lists
        .iter()
        .find(|setting| setting.name == list)?;
    match &setting.source {
        Source::Path(path) => Some(path.clone()),
        Source::Url(_) => Some(Copy::of(data_dir, list).text().to_owned()),
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let size = std::fs::metadata(path).ok()?.len();
    (size <= MAX_LIST).then(|| std::fs::read(path).ok())?
}
