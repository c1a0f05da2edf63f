//! `/api/v1/secrets`: the keyring's entries. A secret is only ever sent to the engine.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// Longest name of an entry, in characters.
pub const MAX_SECRET_NAME: usize = 128;

/// The keyring, and the entries that the configuration refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secrets {
    pub keyring: KeyringState,
    /// Why it is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// The entries that the configuration refers to, each once.
    pub secrets: Vec<SecretEntry>,
}

/// The state of the keyring; reading it prompts nobody for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyringState {
    Open,
    /// Storing or reading a secret now prompts for the keyring's password.
    Locked,
    /// No keyring runs in this session.
    Absent,
    Failed,
}

/// One entry of the keyring, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretEntry {
    pub name: String,
    /// Who refers to it: "upstream office", "user alice".
    pub used_by: Vec<String>,
    /// Whether the keyring has it; `null`: unknown.
    pub stored: Option<bool>,
}

/// A secret to be stored.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretUpdate {
    #[schema(value_type = String, write_only, min_length = 1, max_length = 4096, example = "correct horse")]
    pub value: SecretValue,
}

/// A secret in a JSON body; wiped when dropped.
pub struct SecretValue(pub SecretString);

/// The result of storing a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredSecret {
    pub name: String,
    pub used_by: Vec<String>,
    /// Why those who use it do not have it yet, although it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
}

impl fmt::Debug for SecretUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUpdate")
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = SecretValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<SecretValue, E> {
                Ok(SecretValue(SecretString::from(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_one_string_and_debug_does_not_show_it() {
        let update: SecretUpdate = serde_json::from_str(r#"{"value": "p\u00e4ss"}"#).unwrap();
        assert_eq!(update.value.0.expose_secret(), "päss");
        assert_eq!(format!("{update:?}"), "SecretUpdate");
        for bad in [r#"{"value": 7}"#, r#"{}"#, r#"{"value":"a","also":1}"#] {
            assert!(serde_json::from_str::<SecretUpdate>(bad).is_err(), "{bad}");
        }
    }
}
