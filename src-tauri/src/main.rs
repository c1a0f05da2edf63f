//! `privet-desktop`: the window of Privet. Engine and tray icon are in `privet agent`; this program attaches to it or
//! starts it, and exits with its web processes when the window is closed.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]
#![allow(
    clippy::print_stdout,
    reason = "--help and --version are for a terminal"
)]

mod attach;
mod call;
mod command_line;
#[cfg(target_os = "linux")]
mod first_draw;
#[cfg(unix)]
mod instance;
#[cfg(not(unix))]
#[path = "instance_unsupported.rs"]
mod instance;
mod link;
#[cfg(target_os = "linux")]
mod rendering;
mod startup;
#[cfg(test)]
mod test_dir;
mod watch;
mod window;
mod window_state;

use std::path::Path;
use std::process::ExitCode;

use privet_api::Endpoint;

use crate::command_line::CommandLine;
use crate::instance::{Instance, LaunchRequest, PrimaryInstance};

fn main() -> ExitCode {
    let done = command_line::parse(std::env::args_os().skip(1)).and_then(|command_line| {
        if command_line.help {
            print!("{}", command_line::HELP);
        } else if command_line.version {
            println!("privet-desktop {}", env!("CARGO_PKG_VERSION"));
        } else {
            return run(command_line);
        }
        Ok(())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("privet-desktop: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(command_line: CommandLine) -> Result<(), String> {
    require_display()?;
    let places = &command_line.paths;
    let text = |error: privet_api::paths::PathError| error.to_string();
    let data_dir = places.data_dir().map_err(text)?;
    let run_dir = places.run_dir().map_err(text)?;
    let socket = places.socket().map_err(text)?;
    let request = LaunchRequest {
        link: command_line.link.clone(),
        activation_token: activation_token(),
    };
    let primary = match instance::acquire(&run_dir, &request).map_err(|error| error.to_string())? {
        Instance::Primary(primary) => primary,
        Instance::Forwarded => return Ok(()),
    };
    let folder = data_dir.join("window");
    create_private(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let engine = Endpoint::Unix(socket.clone());
    let engine_paths = attach::EnginePaths {
        paths: command_line.paths,
        socket,
    };
    #[cfg(target_os = "linux")]
    rendering::choose()?;
    // While GTK and the web view start.
    let startup = startup::Startup::begin(engine.clone(), engine_paths.clone());
    let app = tauri::Builder::default()
        .manage(call::EngineEndpoint(engine))
        .manage(startup)
        .manage(watch::EventStreams::default())
        .manage(link::PendingLink::default())
        .manage(window::StateFolder(folder))
        .manage(engine_paths)
        .invoke_handler(tauri::generate_handler![
            startup::attach,
            call::call,
            watch::watch,
            watch::next,
            watch::unwatch,
            link::link
        ])
        .setup(move |app| Ok(start(app.handle(), primary, request)?))
        .build(tauri::generate_context!())
        .map_err(|error| error.to_string())?;
    app.run(|_, _| {});
    Ok(())
}

fn start(
    app: &tauri::AppHandle,
    primary: PrimaryInstance,
    request: LaunchRequest,
) -> tauri::Result<()> {
    if let Some(link) = request.link {
        link::receive(app, &link);
    }
    window::open(app)?;
    let handle = app.clone();
    primary.listen(move |request| {
        if let Some(link) = request.link {
            link::receive(&handle, &link);
        }
        window::show(&handle, request.activation_token);
    })?;
    Ok(())
}

/// Activation token passed on by the launcher, which lets the window come to the front.
fn activation_token() -> Option<String> {
    ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|token| !token.is_empty() && token.len() <= link::MAX_LINK)
}

/// Creates a folder for its owner only.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Checks for a display: without one GTK aborts with a stack trace.
fn require_display() -> Result<(), String> {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !has("DISPLAY") && !has("WAYLAND_DISPLAY") {
        return Err(
            "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; `privet status` shows the state without a window"
                .to_owned(),
        );
    }
    Ok(())
}
