//! Changes the file as a careful person would: one value at a time, comments and order left as they are.

mod array;
mod fresh;
mod raw;
mod rules;
mod sync;

use std::fmt;

use serde_json::{Map, Value as Json};
use toml_edit::DocumentMut;

use crate::diagnose::{DiagnosticCode, Diagnostics, Severity};
use crate::findings::Findings;
use crate::read::FILE_NAME;
use fresh::Form;
use sync::{Absent, sync_table};

/// A configuration's text, open for changes. What the changes mean is checked by [`crate::Config::parse`] on [`Document::text`].
#[derive(Clone)]
pub struct Document {
    original: String,
    /// What the library makes of the unchanged text: equal to it but for line ends and a byte order mark.
    unchanged: String,
    doc: DocumentMut,
}

/// Why a change cannot be written. The document may hold a part of the change: throw it away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the change is not an object of the file's keys")]
    NotAnObject,
    #[error("\"{0}\" holds null or a number that the file cannot express")]
    NotExpressible(String),
    #[error(
        "\"{0}\": {{ plain = true }} stands for a secret in the file, and there is none; name its keyring entry, variable or file"
    )]
    NoPlainSecret(String),
    #[error("there is no rule {index}: the file has {count}")]
    NoSuchRule { index: usize, count: usize },
    #[error("nothing named \"{name}\" is in \"{section}\"")]
    NoSuchEntry { section: String, name: String },
    #[error("\"{0}\" is not of the form that this change needs")]
    OtherForm(String),
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

    /// The text with the changes; byte for byte the old one where nothing changed.
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

    /// A JSON merge patch (RFC 7396) in the file's vocabulary: null takes a key out, an object is merged, an array replaces.
    /// Entries of an array that stay, or that keep their name, keep their place in the text and their comments.
    ///
    /// # Errors
    /// [`EditError`] where TOML cannot say it.
    pub fn merge(&mut self, patch: &Json) -> Result<(), EditError> {
        self.sync(
            patch.as_object().ok_or(EditError::NotAnObject)?,
            Absent::Keep,
        )
    }

    /// Makes the file say this and nothing else; comments of what stays survive.
    ///
    /// # Errors
    /// As [`Document::merge`].
    pub fn replace(&mut self, whole: &Json) -> Result<(), EditError> {
        self.sync(
            whole.as_object().ok_or(EditError::NotAnObject)?,
            Absent::Remove,
        )
    }

    /// # Errors
    /// As [`Document::merge`].
    pub fn set_mode(&mut self, name: &str) -> Result<(), EditError> {
        self.merge(&serde_json::json!({ "mode": name }))
    }

    fn sync(&mut self, wanted: &Map<String, Json>, absent: Absent) -> Result<(), EditError> {
        let root = self.doc.as_table_mut();
        let end = fresh::last_position(root) + 1;
        sync_table(root, wanted, "", absent, Form::Block)?;
        fresh::place_at(root, end);
        Ok(())
    }
}

/// Shows no content: it may hold a secret.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.original.len())
            .finish_non_exhaustive()
    }
}
