//! The window: how it is built, what it refuses, and how it comes to the front.

use std::path::PathBuf;

use tauri::webview::{DownloadEvent, NewWindowResponse, PageLoadEvent};
use tauri::{
    AppHandle, Manager, Url, Webview, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};

use crate::startup::Startup;
use crate::watch::EventStreams;
use crate::window_state::{MIN_SIZE, Monitor, WindowState, page_of};

pub const LABEL: &str = "main";
/// The title until the page's script sets another; `ui/index.html` has it too.
const TITLE: &str = "Privet";
/// Longest title, in characters.
const MAX_TITLE: usize = 200;

/// Folder of the window's state and of the web view's data.
pub struct StateFolder(pub PathBuf);

/// Opens the window in its saved state.
///
/// # Errors
/// The web view could not be created.
pub fn open(app: &AppHandle) -> tauri::Result<()> {
    let folder = app.state::<StateFolder>().0.clone();
    let state = WindowState::load(&folder).fit_to(&monitors(app));
    let address = match &state.page {
        Some(page) => format!("index.html#{page}"),
        None => "index.html".to_owned(),
    };
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App(address.into()))
        .title(TITLE)
        .inner_size(state.width, state.height)
        .min_inner_size(MIN_SIZE.0, MIN_SIZE.1)
        .maximized(state.maximized)
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
                window.state::<EventStreams>().end_all();
            }
        })
        .on_download(|webview, event| {
            match event {
                DownloadEvent::Requested { destination, .. } => {
                    fall_back_to_home(&webview, destination)
                }
                DownloadEvent::Finished { path, success, .. } => {
                    let path = path.filter(|_| success);
                    let path = path.map(|path| path.display().to_string());
                    let _ = webview.eval(saved(path.as_deref()));
                }
                _ => {}
            }
            true
        });
    if let Some(script) = app.state::<Startup>().script() {
        builder = builder.initialization_script(script);
    }
    if let Some((x, y)) = state.position {
        builder = builder.position(x, y);
    }
    let window = builder.build()?;
    #[cfg(target_os = "linux")]
    if crate::rendering::is_without_opengl() {
        crate::first_draw::await_content(&window, TITLE)?;
    }
    let kept = window.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { .. } | WindowEvent::Focused(false) => {
            save_state(&kept, &folder);
        }
        _ => {}
    });
    Ok(())
}

/// Allows only the embedded page, and `blob:` URLs that its script creates for downloads.
fn is_own_page(url: &Url) -> bool {
    let own = if cfg!(windows) {
        url.host_str() == Some("tauri.localhost")
    } else {
        url.scheme() == "tauri" && url.host_str() == Some("localhost")
    };
    own || url.scheme() == "blob"
}

/// Without a downloads folder, saves into the home folder instead of the working directory.
fn fall_back_to_home(webview: &Webview, destination: &mut PathBuf) {
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

/// Script that reports the saved path, or a failure, to the page.
fn saved(path: Option<&str>) -> String {
    let detail = serde_json::to_string(&path).unwrap_or_else(|_| "null".to_owned());
    format!("window.dispatchEvent(new CustomEvent('privet-saved', {{ detail: {detail} }}))")
}

/// Brings the window to the front. `activation` is the launcher's activation token.
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

fn save_state(window: &WebviewWindow, folder: &std::path::Path) {
    if window.is_minimized().unwrap_or(false) {
        return;
    }
    let mut now = WindowState::load(folder);
    now.maximized = window.is_maximized().unwrap_or(false);
    let scale = window.scale_factor().unwrap_or(1.0);
    if !now.maximized {
        if let Ok(size) = window.inner_size() {
            let size = size.to_logical::<f64>(scale);
            (now.width, now.height) = (size.width, size.height);
        }
        if let Ok(position) = window.outer_position() {
            let position = position.to_logical::<f64>(scale);
            now.position = Some((position.x, position.y));
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
            let position = monitor.position().to_logical::<f64>(scale);
            let size = monitor.size().to_logical::<f64>(scale);
            Monitor {
                x: position.x,
                y: position.y,
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
    fn a_file_name_cannot_escape_its_string() {
        let odd = "/tmp/a'\"</script>\u{2028}.csv";
        let script = saved(Some(odd));
        let json = script
            .split("detail: ")
            .nth(1)
            .unwrap()
            .trim_end_matches(" }))");
        assert_eq!(serde_json::from_str::<String>(json).unwrap(), odd);
    }
}
