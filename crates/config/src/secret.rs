//! Reads secrets from where they are stored: the keyring, an environment variable, a file, or the configuration.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::model::{Config, Secret};

/// The longest secret that is read, in bytes.
pub const MAX_SECRET: usize = 4096;

/// What the configuration needs of the desktop's keyring.
pub trait Keyring {
    /// The secret stored under `name`. May block while a person unlocks the keyring.
    ///
    /// # Errors
    /// [`KeyringError`], which says whether the keyring or only the entry is missing.
    fn read(&self, name: &str) -> Result<SecretString, KeyringError>;

    /// Stores a secret under a name and replaces the previous one. Blocks as [`Keyring::read`] does.
    ///
    /// # Errors
    /// [`KeyringError`].
    fn write(&self, _name: &str, _secret: &SecretString) -> Result<(), KeyringError> {
        Err(KeyringError::NoService)
    }

    /// Deletes the secret of a name. Blocks as [`Keyring::read`] does.
    ///
    /// # Errors
    /// [`KeyringError`]; `NoEntry` where there was none.
    fn delete(&self, _name: &str) -> Result<(), KeyringError> {
        Err(KeyringError::NoService)
    }

    /// Whether the keyring is locked, and which of the names it has. Never prompts.
    ///
    /// # Errors
    /// [`KeyringError`].
    fn status(&self, _names: &[String]) -> Result<KeyringStatus, KeyringError> {
        Err(KeyringError::NoService)
    }
}

/// What can be learned of a keyring without a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringStatus {
    pub locked: bool,
    /// For each name whether there is an entry; `None` where that cannot be learned without a prompt.
    pub stored: Vec<Option<bool>>,
}

/// Why a keyring gave no secret. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    #[error("no keyring service runs in this session")]
    NoService,
    #[error("the keyring has no entry of that name")]
    NoEntry,
    #[error("the keyring is locked")]
    Locked,
    /// The keyring's library panicked: a bug, not a state that the user can unlock.
    #[error("the keyring's library stopped with an error of its own (the log has it)")]
    Crashed,
    #[error("the keyring failed: {0}")]
    Failed(String),
}

/// For systems without a keyring.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeyring;

impl Keyring for NoKeyring {
    fn read(&self, _name: &str) -> Result<SecretString, KeyringError> {
        Err(KeyringError::NoService)
    }
}

/// Why a secret could not be read. Names the reference and the fix, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(
        "the environment variable {0} is not set: export it before the start, or name another source"
    )]
    EnvMissing(String),
    #[error("the environment variable {0} is not UTF-8")]
    EnvNotText(String),
    #[error("the secret file {} cannot be read ({source}): create it with the secret on its first line, readable by you", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the first line of the secret file {} is not UTF-8", .0.display())]
    FileNotText(PathBuf),
    #[error(
        "the keyring entry \"{name}\" cannot be read: {source}; where no keyring runs, use {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"
    )]
    Keyring { name: String, source: KeyringError },
    #[error("{0} is empty")]
    Empty(String),
    #[error("{0} holds more than {MAX_SECRET} bytes")]
    TooLong(String),
}

impl Config {
    /// Every secret with its owner: "upstream office", "user alice".
    pub fn secrets(&self) -> impl Iterator<Item = (String, &Secret)> {
        let upstreams = self.upstreams.iter().filter_map(|upstream| {
            let password = upstream.password.as_ref()?;
            Some((format!("upstream {}", upstream.name), password))
        });
        let users = self.listen.users.iter();
        let users = users.map(|user| (format!("user {}", user.name), &user.password));
        let redis = self.cache.redis.iter().flat_map(|redis| {
            let password = redis.password.as_ref();
            let password = password.map(|secret| ("cache.redis".to_owned(), secret));
            let secret = redis.secret.as_ref();
            let secret = secret.map(|secret| ("cache.redis secret".to_owned(), secret));
            password.into_iter().chain(secret)
        });
        upstreams.chain(users).chain(redis)
    }
}

impl Secret {
    /// Reads the secret. Blocks on a file or on the keyring: do not call it on a runtime thread.
    ///
    /// # Errors
    /// [`SecretError`], with the name of the reference and what to do.
    pub fn reveal(&self, keyring: &dyn Keyring) -> Result<SecretString, SecretError> {
        let secret = match self {
            Secret::Plain(secret) => return Ok(secret.clone()),
            Secret::Env(name) => from_env(name)?,
            Secret::File(path) => first_line(path)?,
            Secret::Keyring(name) => keyring.read(name).map_err(|source| SecretError::Keyring {
                name: name.clone(),
                source,
            })?,
        };
        match secrecy::ExposeSecret::expose_secret(&secret).len() {
            0 => Err(SecretError::Empty(self.to_string())),
            length if length > MAX_SECRET => Err(SecretError::TooLong(self.to_string())),
            _ => Ok(secret),
        }
    }
}

/// The reference, for messages: "the environment variable OFFICE_PASSWORD".
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Keyring(name) => write!(f, "the keyring entry \"{name}\""),
            Secret::Env(name) => write!(f, "the environment variable {name}"),
            Secret::File(path) => write!(f, "the secret file {}", path.display()),
            Secret::Plain(_) => f.write_str("the secret in the configuration"),
        }
    }
}

fn from_env(name: &str) -> Result<SecretString, SecretError> {
    match std::env::var(name) {
        Ok(value) => Ok(SecretString::from(value)),
        Err(std::env::VarError::NotPresent) => Err(SecretError::EnvMissing(name.to_owned())),
        Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::EnvNotText(name.to_owned())),
    }
}

fn first_line(path: &Path) -> Result<SecretString, SecretError> {
    let failed = |source| SecretError::File {
        path: path.to_owned(),
        source,
    };
    // Room for the longest line, its CR LF, and one byte that shows that the line is longer.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 3));
    let limit = u64::try_from(MAX_SECRET + 3).unwrap_or(u64::MAX);
    privet_regular_file::open(path)
        .map_err(failed)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_SECRET {
        return Err(SecretError::TooLong(format!(
            "the secret file {}",
            path.display()
        )));
    }
    let text = std::str::from_utf8(line).map_err(|_| SecretError::FileNotText(path.to_owned()))?;
    Ok(SecretString::from(text))
}
