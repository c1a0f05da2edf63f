//! When the web view draws first. Where it draws without OpenGL, WebKit's first draw waits up to 500 ms for the web process to
//! paint, and that process waits for the page's files, which this same thread serves: the wait ends by its timeout, and the
//! window is shown after it. So the view draws nothing until its page has content.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gtk::glib::{self, Propagation};
use gtk::prelude::{Cast, ObjectExt, WidgetExt};
use tauri::WebviewWindow;

/// The view draws after this time in any case: the page may have failed.
const LONGEST: Duration = Duration::from_secs(5);
/// Property of `WebKitWebView`: the title of its page.
const TITLE: &str = "title";

/// Lets the view of this window draw once its page has another title than `first`, that of the file: the page's script sets it
/// together with the first content. Called before the window's first draw.
///
/// # Errors
/// The window has no view.
pub fn await_content(window: &WebviewWindow, first: &'static str) -> tauri::Result<()> {
    window.with_webview(move |webview| hold(webview.inner().upcast_ref(), first))
}

fn hold(view: &gtk::Widget, first: &'static str) {
    let may_draw = Rc::new(Cell::new(false));
    let allowed = may_draw.clone();
    view.connect_draw(move |_, _| match allowed.get() {
        true => Propagation::Proceed,
        false => Propagation::Stop,
    });
    let allow = move |view: &gtk::Widget| {
        if !may_draw.replace(true) {
            view.queue_draw();
        }
    };
    let later = allow.clone();
    view.connect_notify_local(Some(TITLE), move |view, _| {
        let title: Option<String> = view.property(TITLE);
        if title.is_some_and(|title| !title.is_empty() && title != first) {
            allow(view);
        }
    });
    let view = view.downgrade();
    glib::timeout_add_local_once(LONGEST, move || {
        if let Some(view) = view.upgrade() {
            later(&view);
        }
    });
}
