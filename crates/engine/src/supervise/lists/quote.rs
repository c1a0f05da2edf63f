//! Adds the text of list lines to an explanation; parsed lists keep line numbers only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use privet_policy::{Explanation, line_text};

use super::read::read_text;

/// Reads each list that an explanation names, once, from the file of its active text. Blocking.
pub(crate) fn quote(explanation: &mut Explanation, texts: &BTreeMap<String, PathBuf>) {
    let mut last: Option<(String, Vec<u8>)> = None;
    explanation.quote(|list, line| {
        if last.as_ref().is_none_or(|(name, _)| name != list) {
            last = Some((list.to_owned(), read_text(texts.get(list)?).ok()?));
        }
        let (_, bytes) = last.as_ref()?;
        line_text(bytes, line)
    });
}
