//! The window itself: what it is made of, what it refuses, and how it comes to the front.

use std::path::PathBuf;

use tauri::webview::{DownloadEvent, NewWindowResponse, PageLoadEvent};
use tauri::{
    AppHandle, Manager, Url, Webview, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};

use crate::remembered::{LEAST, Monitor, Remembered, page_of};
use crate::watch::Watches;

pub const LABEL: &str = "main";
/// Longest title shown, in characters.
const MAX_TITLE: usize = 200;

/// The folder for what the window remembers, its page's store included.
pub struct Folder(pub PathBuf);

/// Opens the window as it was left.
///
/// # Errors
/// There is no web view.
pub fn open(app: &AppHandle) -> tauri::Result<()> {
    let folder = app.state::<Folder>().0.clone();
    let was = Remembered::load(&folder).on(&monitors(app));
    let address = match &was.page {
        Some(page) => format!("index.html#{page}"),
        None => "index.html".to_owned(),
    };
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App(address.into()))
        .title("Privet")
        .inner_size(was.width, was.height)
        .min_inner_size(LEAST.0, LEAST.1)
        .maximized(was.maximized)
        .data_directory(folder.join("webview"))
        .zoom_hotkeys_enabled(true)
        .disable_drag_drop_handler()
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_document_title_changed(|window, title| {
            let title: String = title.chars().take(MAX_TITLE).collect();
            let _ = window.set_title(&title);
        })
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Started {
                window.state::<Watches>().end_all();
            }
        })
        .on_download(|webview, event| {
            match event {
                DownloadEvent::Requested { destination, .. } => at_home(&webview, destination),
                DownloadEvent::Finished { path, success, .. } => {
                    let path = path.filter(|_| success);
                    let path = path.map(|path| path.display().to_string());
                    let _ = webview.eval(saved(path.as_deref()));
                }
                _ => {}
            }
            true
        });
    if let Some((x, y)) = was.place {
        builder = builder.position(x, y);
    }
    let window = builder.build()?;
    let kept = window.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { .. } | WindowEvent::Focused(false) => {
            remember(&kept, &folder);
        }
        _ => {}
    });
    Ok(())
}

/// The page embedded here, and nothing else; what its own script makes for saving is no navigation.
fn is_own_page(url: &Url) -> bool {
    let own = if cfg!(windows) {
        url.host_str() == Some("tauri.localhost")
    } else {
        url.scheme() == "tauri" && url.host_str() == Some("localhost")
    };
    own || url.scheme() == "blob"
}

/// A user without a folder for downloads finds a file in the home folder, not where this program happened to be started.
fn at_home(webview: &Webview, destination: &mut PathBuf) {
    let paths = webview.path();
    let (Err(_), Ok(home)) = (paths.download_dir(), paths.home_dir()) else {
        return;
    };
    let name = destination.file_name().unwrap_or_default().to_owned();
    let stem = destination.file_stem().unwrap_or_default().to_owned();
    let end = destination.extension().unwrap_or_default().to_owned();
    *destination = home.join(name);
    let mut number = 1_u32;
    while destination.exists() {
        number = number.saturating_add(1);
        let (stem, end) = (stem.to_string_lossy(), end.to_string_lossy());
        *destination = home.join(format!("{stem} ({number}).{end}"));
    }
}

/// Tells the page where a file went, or that it went nowhere.
fn saved(path: Option<&str>) -> String {
    let detail = serde_json::to_string(&path).unwrap_or_else(|_| "null".to_owned());
    format!("window.dispatchEvent(new CustomEvent('privet-saved', {{ detail: {detail} }}))")
}

/// Brings it to the front; `activation` is the leave that the desktop gave to who asked for it.
pub fn show(app: &AppHandle, activation: Option<String>) {
    let Some(window) = app.get_webview_window(LABEL) else {
        return;
    };
    let _ = window.unminimize();
    let _ = window.show();
    #[cfg(target_os = "linux")]
    if let Some(token) = activation {
        let raised = window.clone();
        let _ = window.run_on_main_thread(move || {
            if let Ok(gtk) = raised.gtk_window() {
                gtk::prelude::GtkWindowExt::set_startup_id(&gtk, &token);
            }
        });
    }
    #[cfg(not(target_os = "linux"))]
    drop(activation);
    let _ = window.set_focus();
}

fn remember(window: &WebviewWindow, folder: &std::path::Path) {
    if window.is_minimized().unwrap_or(false) {
        return;
    }
    let mut now = Remembered::load(folder);
    now.maximized = window.is_maximized().unwrap_or(false);
    let scale = window.scale_factor().unwrap_or(1.0);
    if !now.maximized {
        if let Ok(size) = window.inner_size() {
            let size = size.to_logical::<f64>(scale);
            (now.width, now.height) = (size.width, size.height);
        }
        if let Ok(place) = window.outer_position() {
            let place = place.to_logical::<f64>(scale);
            now.place = Some((place.x, place.y));
        }
    }
    if let Ok(url) = window.url() {
        now.page = url.fragment().and_then(page_of);
    }
    if let Err(error) = now.save(folder) {
        eprintln!("privet-desktop: {}: {error}", folder.display());
    }
}

fn monitors(app: &AppHandle) -> Vec<Monitor> {
    let found = app.available_monitors().unwrap_or_default();
    found
        .iter()
        .map(|monitor| {
            let scale = monitor.scale_factor();
            let place = monitor.position().to_logical::<f64>(scale);
            let size = monitor.size().to_logical::<f64>(scale);
            Monitor {
                x: place.x,
                y: place.y,
                width: size.width,
                height: size.height,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(windows))]
    fn only_the_embedded_page_may_be_shown() {
        let table = [
            ("tauri://localhost/index.html#rules", true),
            ("blob:tauri://localhost/1", true),
            ("https://example.test/", false),
            ("http://tauri.localhost/", false),
            ("file:///etc/passwd", false),
            ("data:text/html,x", false),
            ("tauri://elsewhere/", false),
        ];
        for (url, may) in table {
            assert_eq!(is_own_page(&url.parse().unwrap()), may, "{url}");
        }
    }

    #[test]
    fn a_files_name_cannot_break_out_of_its_word() {
        let odd = "/tmp/a'\"</script>\u{2028}.csv";
        let said = saved(Some(odd));
        let json = said
            .split("detail: ")
            .nth(1)
            .unwrap()
            .trim_end_matches(" }))");
        assert_eq!(serde_json::from_str::<String>(json).unwrap(), odd);
    }
}
