//! A `privet:` link, from whoever made it: checked here, shown by the page, carried out only by a click there.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tauri::{AppHandle, Manager};

/// Longest link, in bytes.
pub const MAX_LINK: usize = 2048;
/// What the page listens to.
const ARRIVED: &str = "window.dispatchEvent(new Event('privet-link'))";

/// A link that waits for the page, or why one is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    Asks(String),
    /// It begins with something else than `privet:`.
    Foreign,
    TooLong,
    /// It holds spaces or control characters.
    Unclean,
}

/// The newest link that the page has not taken.
#[derive(Default)]
pub struct Waiting(Mutex<Option<Link>>);

/// What may be shown of a link.
pub fn check(text: &str) -> Link {
    if text.len() > MAX_LINK {
        Link::TooLong
    } else if !text.starts_with("privet:") {
        Link::Foreign
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Link::Unclean
    } else {
        Link::Asks(text.to_owned())
    }
}

/// Keeps it for the page, and tells a page that is there.
pub fn arrived(app: &AppHandle, text: &str) {
    *lock(&app.state::<Waiting>()) = Some(check(text));
    if let Some(window) = app.get_webview_window(crate::window::LABEL) {
        let _ = window.eval(ARRIVED);
    }
}

/// The link that waits, once.
#[tauri::command]
pub fn link(waiting: tauri::State<'_, Waiting>) -> Option<Link> {
    lock(&waiting).take()
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, Option<Link>> {
    waiting.0.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clean_links_of_ours_that_are_short_reach_the_page() {
        let good = "privet:import?upstream=socks5%3A%2F%2F127.0.0.1%3A1080";
        assert_eq!(check(good), Link::Asks(good.to_owned()));
        assert_eq!(check("https://example.test/"), Link::Foreign);
        assert_eq!(check("privet:import? x"), Link::Unclean);
        assert_eq!(check("privet:\u{7}"), Link::Unclean);
        assert_eq!(
            check(&format!("privet:{}", "a".repeat(MAX_LINK))),
            Link::TooLong
        );
    }
}
