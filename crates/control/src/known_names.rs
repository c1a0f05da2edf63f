//! The names to choose from, for messages about one that is not there.

use privet_api::escape;

/// Names that a message lists.
const MAX_NAMES: usize = 20;

/// `; there are "a", "b"`.
pub(crate) fn known_names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names
        .take(MAX_NAMES)
        .map(|name| format!("\"{}\"", escape(name)))
        .collect();
    match names.is_empty() {
        true => "; there is none at all".to_owned(),
        false => format!("; there are {}", names.join(", ")),
    }
}
