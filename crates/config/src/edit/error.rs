//! Why a change of the file cannot be written.

/// Why a change cannot be written. The document may contain a part of the change: discard it.
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
    /// Counted from 1.
    #[error("there is no rule {number}: the file has {count}")]
    NoSuchRule { number: usize, count: usize },
    #[error("nothing named \"{name}\" is in \"{section}\"")]
    NoSuchEntry { section: String, name: String },
    #[error("\"{0}\" is not of the form that this change needs")]
    OtherForm(String),
}
