//! `privet:` links from untrusted sources: validated here, shown by the page, carried out only after confirmation there.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tauri::{AppHandle, Manager};

/// Longest link, in bytes.
pub const MAX_LINK: usize = 2048;
/// Event that makes the page fetch the link.
const LINK_EVENT: &str = "window.dispatchEvent(new Event('privet-link'))";

/// A link for the page, or why it was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    Valid(String),
    /// It does not begin with `privet:`.
    WrongScheme,
    TooLong,
    /// It contains spaces or control characters.
    InvalidCharacters,
}

/// The newest link that the page has not fetched.
#[derive(Default)]
pub struct PendingLink(Mutex<Option<Link>>);

/// Validates a link.
pub fn validate(text: &str) -> Link {
    if text.len() > MAX_LINK {
        Link::TooLong
    } else if !text.starts_with("privet:") {
        Link::WrongScheme
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Link::InvalidCharacters
    } else {
        Link::Valid(text.to_owned())
    }
}

/// Stores the link and notifies the page.
pub fn receive(app: &AppHandle, text: &str) {
    *lock(&app.state::<PendingLink>()) = Some(validate(text));
    if let Some(window) = app.get_webview_window(crate::window::LABEL) {
        let _ = window.eval(LINK_EVENT);
    }
}

/// Takes the pending link.
#[tauri::command]
pub fn link(pending: tauri::State<'_, PendingLink>) -> Option<Link> {
    lock(&pending).take()
}

fn lock(pending: &PendingLink) -> std::sync::MutexGuard<'_, Option<Link>> {
    pending.0.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_links_reach_the_page() {
        let good = "privet:import?upstream=socks5%3A%2F%2F127.0.0.1%3A1080";
        assert_eq!(validate(good), Link::Valid(good.to_owned()));
        assert_eq!(validate("https://example.test/"), Link::WrongScheme);
        assert_eq!(validate("privet:import? x"), Link::InvalidCharacters);
        assert_eq!(validate("privet:\u{7}"), Link::InvalidCharacters);
        assert_eq!(
            validate(&format!("privet:{}", "a".repeat(MAX_LINK))),
            Link::TooLong
        );
    }
}
