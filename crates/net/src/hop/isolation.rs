//! Stream isolation: credentials of their own for each host or program, so that an upstream such as Tor gives each a
//! circuit of its own.

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::{hmac, rand};
use privet_config::Isolation;

use super::config::Hop;
use super::credentials::Credentials;
use crate::DialRequest;

/// Hexadecimal digits of a derived name or password: 64 bits.
const DERIVED_DIGITS: usize = 16;

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
