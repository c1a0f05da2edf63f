//! Where secrets are.

use std::path::PathBuf;

use secrecy::SecretString;

/// Where a secret is stored. `Debug` shows the kind and the name, never a value.
#[derive(Debug, Clone)]
pub enum Secret {
    /// An entry of the desktop's keyring.
    Keyring(String),
    /// An environment variable.
    Env(String),
    /// The first line of a file; the path is absolute.
    File(PathBuf),
    /// In the file itself; accepted with a warning.
    Plain(SecretString),
}
