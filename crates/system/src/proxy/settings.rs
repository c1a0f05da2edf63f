//! A desktop's proxy settings: every key with its exact text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One value as it is stored: a GVariant text, a line of an INI file, a registry value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub text: String,
    /// Whether it is set. `false` where it is absent or the system's default; `text` is then the default.
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

/// All values of a store, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProxySettings {
    pub values: BTreeMap<String, Value>,
}

impl ProxySettings {
    /// The text of a key; "" where the store has no such key.
    pub fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |value| &value.text)
    }

    /// Applies a change to this copy.
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

/// One write. A value that is not set becomes absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    pub value: Value,
}

/// The kinds of desktops, by how they store proxy settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DesktopKind {
    Gnome,
    Kde,
    MacOs,
    Windows,
}

impl DesktopKind {
    /// The name in the API and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnome => "gnome",
            Self::Kde => "kde",
            Self::MacOs => "macos",
            Self::Windows => "windows",
        }
    }
}

/// The role of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole<'a> {
    /// It selects which parts are active.
    Switch,
    /// Keys of one part (a host and its port) are restored together or not at all.
    Part(&'a str),
}
