//! The tray icon and its menu, a client of the control API: it shows the engine's state, and a click is a call. Where the
//! desktop has no tray, the engine runs on and the log says so once.

pub mod action;
pub mod icon;
mod menu;
#[cfg(not(all(unix, not(target_os = "macos"))))]
mod no_panel;
pub mod open;
mod panel;
mod run;
mod status_line;
#[cfg(all(unix, not(target_os = "macos")))]
mod status_notifier;
pub mod view;

pub use run::run;
