//! Describes the state of the system proxy.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::proxy_target::ProxyTarget;
use super::settings::DesktopKind;

/// The state of the desktop's proxy settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemProxyState {
    /// They are as Privet wrote them.
    On,
    /// They contain nothing of Privet's.
    Off,
    /// Privet turned them on, and something else changed them since.
    Changed,
    /// They name a port of this machine without a listener, and Privet did not write them.
    Leftover,
    /// Privet knows no proxy settings of this desktop.
    Unsupported,
    /// They could not be read.
    Unknown,
}

/// The state of the system proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemProxyReport {
    pub state: SystemProxyState,
    pub desktop: Option<DesktopKind>,
    /// The proxy that the desktop uses now; `None` where that could not be read.
    pub target: Option<ProxyTarget>,
    /// For [`SystemProxyState::Leftover`]: the address without a listener.
    pub dead: Option<SocketAddr>,
    /// One sentence.
    pub text: String,
    /// What to do, if anything.
    pub fix: Option<String>,
    /// The process that restores the settings when this one dies.
    pub guardian: Option<u32>,
}

/// Who may write the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockHolder {
    ThisProcess,
    OtherOrNone,
}

fn report(state: SystemProxyState, text: String) -> SystemProxyReport {
    SystemProxyReport {
        state,
        desktop: None,
        target: None,
        dead: None,
        text,
        fix: None,
        guardian: None,
    }
}

pub(super) fn unsupported(text: String) -> SystemProxyReport {
    report(SystemProxyState::Unsupported, text)
}

pub(super) fn unknown(error: &dyn std::error::Error) -> SystemProxyReport {
    SystemProxyReport {
        fix: Some("look at the desktop's proxy settings".to_owned()),
        ..report(
            SystemProxyState::Unknown,
            format!("the system proxy cannot be read: {error}"),
        )
    }
}

pub(super) fn on(target: ProxyTarget, holder: LockHolder) -> SystemProxyReport {
    // A command beside the engine does not hold the lock; the engine always does.
    let fix = (holder == LockHolder::OtherOrNone)
        .then(|| "if no Privet runs, restore the settings: privet system-proxy off".to_owned());
    SystemProxyReport {
        fix,
        ..report(
            SystemProxyState::On,
            format!("on: the desktop uses {target}"),
        )
    }
    .with_target(target)
}

pub(super) fn changed(target: ProxyTarget, keys: &[String]) -> SystemProxyReport {
    let text = format!(
        "changed by something else since Privet turned it on ({}): the desktop uses {target}",
        keys.join(", ")
    );
    SystemProxyReport {
        fix: Some("turn it on again (privet system-proxy on), or off to leave it so".to_owned()),
        ..report(SystemProxyState::Changed, text)
    }
    .with_target(target)
}

pub(super) fn off(target: ProxyTarget) -> SystemProxyReport {
    let text = format!("off: the desktop uses {target}, which Privet leaves alone");
    report(SystemProxyState::Off, text).with_target(target)
}

pub(super) fn leftover(target: ProxyTarget, dead: SocketAddr) -> SystemProxyReport {
    let text = format!(
        "the desktop uses {target}, and nobody listens on {dead}: another program left it behind"
    );
    SystemProxyReport {
        dead: Some(dead),
        fix: Some("turn it off: privet system-proxy repair; or start that program".to_owned()),
        ..report(SystemProxyState::Leftover, text)
    }
    .with_target(target)
}

impl SystemProxyReport {
    fn with_target(self, target: ProxyTarget) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }
}
