//! Programs as rules name them: by file name, by the id of a Flatpak application, or by path.

use crate::App;

/// A program that a rule names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AppPattern {
    /// A file name in lower case without `.exe`.
    Name(String),
    Path(String),
}

impl AppPattern {
    pub(super) fn new(text: &str) -> AppPattern {
        if text.contains(['/', '\\']) {
            AppPattern::Path(text.to_owned())
        } else {
            AppPattern::Name(without_exe(text).to_lowercase())
        }
    }

    pub(super) fn matches(&self, app: &App) -> bool {
        match self {
            // A Flatpak application is known by its id; its program has a file name too.
            AppPattern::Name(name) => {
                is_named(name, &app.name) || {
                    let file = app.path.as_deref().and_then(|path| path.rsplit('/').next());
                    file.is_some_and(|file| is_named(name, file))
                }
            }
            AppPattern::Path(path) => app.path.as_deref() == Some(path.as_str()),
        }
    }
}

/// Whether `other` is `name`, which is in lower case and has no `.exe`.
fn is_named(name: &str, other: &str) -> bool {
    let other = without_exe(other);
    name.eq_ignore_ascii_case(other) || (!other.is_ascii() && *name == other.to_lowercase())
}

fn without_exe(name: &str) -> &str {
    let cut = name.len().saturating_sub(4);
    match (name.get(..cut), name.get(cut..)) {
        (Some(head), Some(end)) if !head.is_empty() && end.eq_ignore_ascii_case(".exe") => head,
        _ => name,
    }
}
