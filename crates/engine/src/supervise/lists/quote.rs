//! Adds the text of list lines to an explanation; parsed lists keep line numbers only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use privet_policy::list::MAX_LIST;
use privet_policy::{Explanation, line_text};

/// Reads each list that an explanation names, once, from the file of its active text. Blocking.
pub(crate) fn quote(explanation: &mut Explanation, texts: &BTreeMap<String, PathBuf>) {
    let mut last: Option<(String, Vec<u8>)> = None;
    explanation.quote(|list, line| {
        if last.as_ref().is_none_or(|(name, _)| name != list) {
            last = Some((list.to_owned(), read(texts.get(list)?)?));
        }
        let (_, bytes) = last.as_ref()?;
        line_text(bytes, line)
    });
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let size = std::fs::metadata(path).ok()?.len();
    (size <= MAX_LIST).then(|| std::fs::read(path).ok())?
}
