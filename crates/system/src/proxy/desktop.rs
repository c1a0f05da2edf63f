//! The meaning of each desktop's keys: the switch, keys that belong together, and the proxy they name.

use super::proxy_target::{DesiredProxy, ProxyTarget};
use super::settings::{DesktopKind, KeyRole, ProxySettings};
use super::{gnome, kde, macos, windows};

impl DesktopKind {
    pub fn key_role(self, key: &str) -> KeyRole<'_> {
        match self {
            Self::Gnome => gnome::key_role(key),
            Self::Kde => kde::key_role(key),
            Self::MacOs => KeyRole::Part(key),
            Self::Windows => windows::key_role(key),
        }
    }

    /// Whether a part is active while the switch has the value `switch`.
    pub fn is_active(self, switch: &str, part: &str) -> bool {
        match self {
            Self::Gnome => gnome::is_active(switch, part),
            Self::Kde => kde::is_active(switch, part),
            Self::MacOs => true,
            Self::Windows => windows::is_active(switch, part),
        }
    }

    /// The keys and values that set `target`, in the order of writing: the switch last.
    pub fn values_for(self, target: &DesiredProxy, now: &ProxySettings) -> Vec<(String, String)> {
        match self {
            Self::Gnome => gnome::values_for(target),
            Self::Kde => kde::values_for(target),
            Self::MacOs => macos::values_for(target, now),
            Self::Windows => windows::values_for(target),
        }
    }

    pub fn current_target(self, settings: &ProxySettings) -> ProxyTarget {
        match self {
            Self::Gnome => gnome::current_target(settings),
            Self::Kde => kde::current_target(settings),
            Self::MacOs => macos::current_target(settings),
            Self::Windows => windows::current_target(settings),
        }
    }

    /// The keys and values that turn the desktop's proxy off.
    pub fn disabled_values(self, now: &ProxySettings) -> Vec<(String, String)> {
        match self {
            Self::Gnome => vec![("mode".to_owned(), "'none'".to_owned())],
            Self::Kde => vec![("ProxyType".to_owned(), "0".to_owned())],
            Self::MacOs => macos::disabled_values(now),
            Self::Windows => windows::disabled_values(),
        }
    }
}
