//! What a desktop keeps of its proxy: every key with its exact text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One value as its store writes it: a GVariant text, a line of an INI file, a registry value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub text: String,
    /// Somebody set it. `false`: it is absent or the system's default, and `text` is what that default reads as.
    pub set: bool,
}

impl Value {
    pub fn set(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            set: true,
        }
    }

    pub fn default_of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            set: false,
        }
    }
}

/// All of a store's values at one moment, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProxySettings {
    pub values: BTreeMap<String, Value>,
}

impl ProxySettings {
    /// The text of a key; "" where the store does not have it.
    pub fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |value| &value.text)
    }

    /// Makes one change in this copy.
    pub fn apply(&mut self, change: &Change) {
        self.values.insert(change.key.clone(), change.value.clone());
    }
}

impl FromIterator<(String, Value)> for ProxySettings {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(values: T) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }
}

/// One write. A value that nobody had set goes back to being absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    pub value: Value,
}
