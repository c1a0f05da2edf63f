//! Stream isolation: separate credentials for each host or program, so that an upstream such as Tor gives each its
//! own circuit.

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::{hmac, rand};
use privet_config::Isolation;

use super::config::Hop;
use super::credentials::Credentials;
use crate::DialRequest;

/// Hexadecimal digits of a derived name or password: 64 bits.
const DERIVED_DIGITS: usize = 16;

/// The random key that isolated credentials are derived from. Replacing it gives a new identity.
pub(crate) struct IsolationKey {
    key: ArcSwap<hmac::Key>,
}

impl IsolationKey {
    /// `None`: the system has no random bytes.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            key: ArcSwap::from_pointee(random_key()?),
        })
    }

    /// Replaces the key, so that all later credentials differ from the earlier ones. Without random bytes the old key
    /// stays.
    pub(crate) fn rotate(&self) {
        if let Some(key) = random_key() {
            self.key.store(Arc::new(key));
        }
    }

    /// The credentials for this hop and request; `None` where the hop does not isolate. A configured name becomes the
    /// prefix ("bob-1f2e…") and a configured password stays as it is: providers of rotating exits expect both.
    pub(crate) fn credentials(&self, hop: &Hop, request: &DialRequest<'_>) -> Option<Credentials> {
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
