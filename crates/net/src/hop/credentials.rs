//! A name and a password for an upstream.

use std::fmt;

use base64::Engine;
use secrecy::{ExposeSecret, SecretString};

/// RFC 1929 section 2: name and password are 1 to 255 bytes each.
pub const MAX_FIELD: usize = 255;

/// A name and a password. `Debug` shows neither.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) name: String,
    pub(crate) password: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    pub fn new(name: impl Into<String>, password: SecretString) -> Self {
        Self {
            name: name.into(),
            password,
        }
    }

    /// The value of `Proxy-Authorization` (RFC 7617).
    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.name, self.password.expose_secret());
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.password.expose_secret() == other.password.expose_secret()
    }
}
