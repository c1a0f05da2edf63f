//! Copies text to the desktop's clipboard.

use std::sync::{Mutex, PoisonError};

use arboard::Clipboard;

/// The text could not be copied.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClipboardError(#[from] arboard::Error);

/// Kept after a copy: on X11 and Wayland the process that copied serves the text until another one copies.
static CLIPBOARD: Mutex<Option<Clipboard>> = Mutex::new(None);

/// Whether this session has a display, and with it a clipboard.
pub fn is_available() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(unix)) || cfg!(target_os = "macos") || is_set("WAYLAND_DISPLAY") || is_set("DISPLAY")
}

/// Copies `text`. Blocks on the display.
///
/// # Errors
/// There is no display, or it refuses the text.
pub fn copy(text: &str) -> Result<(), ClipboardError> {
    let mut kept = CLIPBOARD.lock().unwrap_or_else(PoisonError::into_inner);
    // After a failure the connection is opened again: the display may have been restarted.
    let mut clipboard = match kept.take() {
        Some(clipboard) => clipboard,
        None => Clipboard::new()?,
    };
    clipboard.set_text(text)?;
    *kept = Some(clipboard);
    Ok(())
}
