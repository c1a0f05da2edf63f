//! The content of the icon and its menu, independent of the panel.

use std::time::Duration;

use privet_api::status::Status;

use crate::icon::IconState;

/// The mode that a pause switches to.
pub const PAUSE_MODE: &str = "off";

/// What a click does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    TurnSystemProxyOn,
    TurnSystemProxyOff,
    SetMode(String),
    /// Sets the route of a mode.
    SetRoute {
        mode: String,
        route: String,
    },
    Pause(PauseLength),
    NewIdentity,
    CloseAll,
    /// Copies the commands of the recipe with this id.
    CopyProxy(&'static str),
    /// Allows this host for an hour.
    Unblock(String),
    OpenWindow,
    Quit,
}

/// How long a pause lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseLength {
    For(Duration),
    UntilRestart,
}

/// One entry of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MenuEntry {
    /// Text that cannot be clicked.
    Label(String),
    Button {
        label: String,
        action: Action,
    },
    Checkbox {
        label: String,
        checked: bool,
        action: Action,
    },
    /// One of several.
    Choice(Vec<MenuChoice>),
    Submenu {
        label: String,
        entries: Vec<Self>,
    },
    Separator,
}

/// One option of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuChoice {
    pub label: String,
    pub selected: bool,
    pub action: Action,
}

/// Icon, tooltip and menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrayView {
    pub icon: IconState,
    pub tooltip: String,
    pub menu: Vec<MenuEntry>,
}

/// A host that was blocked lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedHost {
    pub host: String,
    pub app: Option<String>,
}

/// What the view is built from.
pub struct TrayInputs<'a> {
    pub status: &'a Status,
    /// Names of groups, then of upstreams.
    pub outbounds: &'a [String],
    /// Newest first, each host once.
    pub blocked: &'a [BlockedHost],
    /// The mode before a pause without an end.
    pub paused_from: Option<&'a str>,
    pub can_copy: bool,
    /// Unix milliseconds.
    pub now_ms: u64,
}

impl TrayInputs<'_> {
    /// Whether the mode "off" is a pause; a user may also have chosen it.
    pub fn is_paused(&self) -> bool {
        let mode = &self.status.mode;
        mode.name == PAUSE_MODE && (mode.then.is_some() || self.paused_from.is_some())
    }
}

impl MenuEntry {
    pub(crate) fn button(label: impl Into<String>, action: Action) -> Self {
        Self::Button {
            label: label.into(),
            action,
        }
    }

    pub(crate) fn submenu(label: impl Into<String>, entries: Vec<Self>) -> Self {
        Self::Submenu {
            label: label.into(),
            entries,
        }
    }
}
