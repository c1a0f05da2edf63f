//! `/api/v1/system-proxy`: the desktop's proxy settings as measured, and the switch.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The desktop's proxy settings, as just measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemProxy {
    /// The switch is on; `state` says whether the desktop still follows it.
    pub enabled: bool,
    /// "on", "off", "changed" (by something else, since it was turned on), "leftover" (another program's, on a port where
    /// nothing listens), "unsupported" (this desktop has no settings that we know) or "unknown" (they could not be read).
    #[schema(example = "on")]
    pub state: String,
    /// Whose settings they are: "gnome", "kde", "macos" or "windows".
    pub desktop: Option<String>,
    /// The proxy that the desktop uses now, in words.
    #[schema(example = "the PAC file http://127.0.0.1:7281/proxy.pac")]
    pub target: Option<String>,
    /// The state in one sentence.
    pub text: String,
    /// What to do, if anything.
    pub fix: Option<String>,
    /// The process that restores the settings if the engine dies.
    pub guardian: Option<u32>,
    /// In the answer to a switch: the change's id in the timeline, by which it can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub change: Option<u64>,
}

/// How the desktop is given the engine's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProxyMethod {
    /// The address of the engine's PAC file.
    Pac,
    /// The addresses of the engine's listeners.
    Manual,
}

/// Turns the system proxy on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemProxyRequest {
    /// On, or on again if something else changed it; off restores the settings from before.
    pub enabled: bool,
    /// Absent or null: by PAC if there is a listener for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<ProxyMethod>,
    /// With `enabled: false`: turn off a dead proxy that another program left behind.
    #[serde(default)]
    pub repair: bool,
}
