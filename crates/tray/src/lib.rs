//! The icon in the desktop's panel and its menu. A door to the control API: it shows what the engine tells, and a click is a
//! call. Without a tray on this desktop the engine runs on, and says so once.

pub mod act;
pub mod icon;
#[cfg(all(unix, not(target_os = "macos")))]
mod notifier;
#[cfg(not(all(unix, not(target_os = "macos"))))]
mod nowhere;
mod run;
pub mod view;

use tokio::sync::mpsc;

use crate::view::{Action, View};

pub use run::run;

/// A panel that shows icons.
pub(crate) trait Panel: Send {
    /// Shows this from now on. Blocks for a moment.
    fn show(&mut self, view: &View);

    /// Whether it is gone for good; then it is started anew.
    fn is_gone(&self) -> bool;
}

/// What comes from the panel.
#[derive(Debug)]
pub(crate) enum Event {
    Click(Action),
    /// The menu is about to be looked at.
    Looked,
    /// What is shown has become old.
    Due,
    /// No panel shows icons now.
    NoPanel,
    /// One does again.
    Panel,
}

/// No icon can be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PanelError {
    #[cfg(all(unix, not(target_os = "macos")))]
    #[error("no session bus: {0}")]
    NoBus(String),
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    #[error("this version has no icon on this system")]
    NotHere,
}

/// Events that wait; a person clicks slower than that.
pub(crate) const WAITING: usize = 32;

pub(crate) type Events = mpsc::Sender<Event>;
