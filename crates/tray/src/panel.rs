//! The interface of a panel that shows icons.

use tokio::sync::mpsc;

use crate::view::{Action, TrayView};

/// Events that wait; further clicks are dropped.
pub(crate) const EVENT_QUEUE: usize = 32;

pub(crate) type Events = mpsc::Sender<PanelEvent>;

/// A panel that shows an icon.
pub(crate) trait Panel: Send {
    /// Shows `view` from now on. Blocks.
    fn show(&mut self, view: &TrayView);

    /// Whether it ended and has to be started again.
    fn is_gone(&self) -> bool;
}

/// An event of a panel.
#[derive(Debug)]
pub(crate) enum PanelEvent {
    Click(Action),
    /// The menu is about to be shown.
    MenuOpened,
    /// The view has to be refreshed.
    RefreshDue,
    /// No panel shows icons now.
    PanelGone,
    /// A panel shows icons again.
    PanelBack,
}

/// No icon can be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PanelError {
    #[cfg(all(unix, not(target_os = "macos")))]
    #[error("no session bus: {0}")]
    NoBus(String),
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    #[error("this version has no icon on this system")]
    Unsupported,
}
