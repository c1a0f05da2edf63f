//! Changes the file's text value by value, and leaves comments and order as they are.

mod compare;
mod entries;
mod error;
mod new_entry;
mod pairing;
mod positions;
mod spacing;
mod sync;

use std::fmt;

use serde_json::{Map, Value as Json};
use toml_edit::DocumentMut;

use crate::diagnose::{DiagnosticCode, Diagnostics, Severity};
use crate::findings::Findings;
use crate::read::FILE_NAME;
pub use error::EditError;
use new_entry::TableStyle;
use sync::{MissingKeys, sync_table};

/// A configuration's text that can be changed. [`crate::Config::parse`] on [`Document::text`] checks the result.
#[derive(Clone)]
pub struct Document {
    original: String,
    /// The unchanged text as the library prints it: equal but for line ends and a byte order mark.
    unchanged: String,
    doc: DocumentMut,
}

impl Document {
    /// # Errors
    /// Where the text is not TOML, with line and column.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        let doc: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let findings = Findings::new(text);
            let cause = error.message().trim().replace('\n', ", ");
            findings.add(
                Severity::Error,
                DiagnosticCode::Syntax,
                error.span().unwrap_or(0..0),
                cause,
                None,
            );
            Diagnostics {
                file: FILE_NAME.to_owned(),
                list: findings.into_diagnostics(),
            }
        })?;
        Ok(Self {
            original: text.to_owned(),
            unchanged: doc.to_string(),
            doc,
        })
    }

    /// The text with the changes; the same bytes where nothing changed.
    pub fn text(&self) -> String {
        let text = self.doc.to_string();
        if text == self.unchanged {
            return self.original.clone();
        }
        if self.original.contains("\r\n") {
            return text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        text
    }

    /// Applies a JSON merge patch (RFC 7396) with the file's keys: null removes a key, an object is merged, an array replaces.
    /// Entries of an array that stay, or that keep their name, keep their position in the text and their comments.
    ///
    /// # Errors
    /// [`EditError`] where TOML cannot express the change.
    pub fn merge(&mut self, patch: &Json) -> Result<(), EditError> {
        self.sync(
            patch.as_object().ok_or(EditError::NotAnObject)?,
            MissingKeys::Keep,
        )
    }

    /// Replaces the whole content; comments of what stays are kept.
    ///
    /// # Errors
    /// As [`Document::merge`].
    pub fn replace(&mut self, whole: &Json) -> Result<(), EditError> {
        self.sync(
            whole.as_object().ok_or(EditError::NotAnObject)?,
            MissingKeys::Remove,
        )
    }

    /// # Errors
    /// As [`Document::merge`].
    pub fn set_mode(&mut self, name: &str) -> Result<(), EditError> {
        self.merge(&serde_json::json!({ "mode": name }))
    }

    fn sync(&mut self, wanted: &Map<String, Json>, missing: MissingKeys) -> Result<(), EditError> {
        let root = self.doc.as_table_mut();
        let end = positions::last_position(root) + 1;
        sync_table(root, wanted, "", missing, TableStyle::Header)?;
        positions::place_at(root, end);
        Ok(())
    }
}

/// Shows no content: it may contain a secret.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.original.len())
            .finish_non_exhaustive()
    }
}
