//! Who we are to a hop: its configured login, or one of its own for each host or app, so that a Tor-like upstream gives
//! each a circuit of its own.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use privet_config::Isolation;
use secrecy::{ExposeSecret, SecretString};

use super::Hop;
use crate::DialRequest;

/// RFC 1929 section 2: name and password are 1 to 255 bytes each.
pub const MAX_FIELD: usize = 255;
/// Bytes of a derived name or password, in hexadecimal digits: 64 bits each.
const DERIVED_DIGITS: usize = 16;

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

    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name && self.password.expose_secret() == other.password.expose_secret()
    }
}

/// The random key that isolated logins are derived from; changing it is a new identity.
pub(crate) struct IsolationKey {
    key: ArcSwap<hmac::Key>,
}

impl IsolationKey {
    /// `None`: the system gave no randomness.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            key: ArcSwap::from_pointee(random_key()?),
        })
    }

    /// Every later login differs from every earlier one. Without randomness the old key stays.
    pub(crate) fn rotate(&self) {
        if let Some(key) = random_key() {
            self.key.store(Arc::new(key));
        }
    }

    /// The login for this hop and request; `None` where the hop's own, if any, is used as it is. A configured name is kept in
    /// front ("bob-1f2e…") and a configured password as it is, as providers of rotating exits want it.
    pub(crate) fn login(&self, hop: &Hop, request: &DialRequest<'_>) -> Option<Credentials> {
        let of = match hop.isolate {
            Isolation::None => return None,
            Isolation::Host => request.target.host.to_string(),
            Isolation::App => request
                .app
                .map(|app| app.name.to_string())
                .unwrap_or_default(),
        };
        let name = self.derive(&[b"name", hop.name.as_bytes(), of.as_bytes()]);
        Some(match &hop.login {
            Some(own) => Credentials::new(format!("{}-{name}", own.name), own.password.clone()),
            None => {
                let password = self.derive(&[b"password", hop.name.as_bytes(), of.as_bytes()]);
                Credentials::new(name, password.into())
            }
        })
    }

    fn derive(&self, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.key.load());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let digits: String = context
            .sign()
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        digits.chars().take(DERIVED_DIGITS).collect()
    }
}

fn random_key() -> Option<hmac::Key> {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes).ok()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}
