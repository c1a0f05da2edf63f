//! `/api/v1/first-run`: whether Privet has been set up, and the proxy settings that the desktop had before.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The query of GET /api/v1/first-run.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FirstRunQuery {
    /// Measure the desktop's proxy settings [default: true]. Without it `found` is `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false)]
    pub measure: Option<bool>,
}

/// What a first run starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirstRun {
    /// It has not been completed, and the configuration has no upstream, rule or list.
    pub pending: bool,
    pub found: FoundProxy,
}

/// The desktop's proxy settings before Privet changes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundProxy {
    pub kind: FoundProxyKind,
    /// In one sentence.
    pub text: String,
    /// The proxy that the desktop uses, in words.
    pub target: Option<String>,
    /// Proxies that can be used as upstreams, the best first.
    pub upstreams: Vec<FoundUpstream>,
    /// The address on which nothing listens.
    #[schema(example = "127.0.0.1:7890")]
    pub dead: Option<String>,
    /// Privet can set this desktop's proxy.
    pub can_switch: bool,
}

/// The kind of the desktop's proxy settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FoundProxyKind {
    /// No proxy.
    Nothing,
    /// Proxies that can be used as upstreams.
    Proxy,
    /// Another program's proxy, on a port of this machine where nothing listens.
    Leftover,
    /// A PAC file of somebody else.
    Pac,
    /// Announced by the network, or set in the environment.
    Elsewhere,
    /// Privet itself.
    Ours,
    /// The settings cannot be read, or this desktop has none.
    Unknown,
}

/// A proxy of the desktop as an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundUpstream {
    /// A name that no upstream or group has.
    #[schema(example = "proxy.corp.example")]
    pub name: String,
    #[schema(example = "http://proxy.corp.example:3128")]
    pub url: String,
}

/// Ends the first run, or starts it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstRunUpdate {
    pub done: bool,
}
