//! `privet-desktop`: the window of Privet, alone. The engine and the icon are in `privet agent`; this program attaches to
//! it or starts it, and is gone with all its web processes when the window is closed.
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
#[cfg(unix)]
mod instance;
#[cfg(not(unix))]
#[path = "alone.rs"]
mod instance;
mod link;
mod remembered;
#[cfg(test)]
mod scratch;
mod watch;
mod window;
mod words;

use std::path::Path;
use std::process::ExitCode;

use privet_api::Endpoint;

use crate::instance::{Claim, First, Message};
use crate::words::Words;

fn main() -> ExitCode {
    let done = words::understand(std::env::args_os().skip(1)).and_then(|words| {
        if words.help {
            print!("{}", words::HELP);
        } else if words.version {
            println!("privet-desktop {}", env!("CARGO_PKG_VERSION"));
        } else {
            return run(words);
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

fn run(words: Words) -> Result<(), String> {
    screen()?;
    let places = &words.named;
    let told = |error: privet_api::paths::PathError| error.to_string();
    let data_dir = places.data_dir().map_err(told)?;
    let run_dir = places.run_dir().map_err(told)?;
    let socket = places.socket().map_err(told)?;
    let message = Message {
        link: words.link.clone(),
        activation: activation(),
    };
    let first = match instance::claim(&run_dir, &message).map_err(|error| error.to_string())? {
        Claim::First(first) => first,
        Claim::HandedOver => return Ok(()),
    };
    let folder = data_dir.join("window");
    make(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let app = tauri::Builder::default()
        .manage(call::Door(Endpoint::Unix(socket.clone())))
        .manage(watch::Watches::default())
        .manage(link::Waiting::default())
        .manage(window::Folder(folder))
        .manage(attach::Surroundings {
            named: words.named,
            socket,
        })
        .invoke_handler(tauri::generate_handler![
            attach::attach,
            call::call,
            watch::watch,
            watch::next,
            watch::unwatch,
            link::link
        ])
        .setup(move |app| Ok(begin(app.handle(), first, message)?))
        .build(tauri::generate_context!())
        .map_err(|error| error.to_string())?;
    app.run(|_, _| {});
    Ok(())
}

fn begin(app: &tauri::AppHandle, first: First, message: Message) -> tauri::Result<()> {
    if let Some(link) = message.link {
        link::arrived(app, &link);
    }
    window::open(app)?;
    let shown = app.clone();
    first.listen(move |message| {
        if let Some(link) = message.link {
            link::arrived(&shown, &link);
        }
        window::show(&shown, message.activation);
    })?;
    Ok(())
}

/// The leave to come to the front that whoever started this program passed on.
fn activation() -> Option<String> {
    ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|token| !token.is_empty() && token.len() <= link::MAX_LINK)
}

/// For its owner only, as the data folder is.
fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Without one the toolkit ends the program with a stack trace.
fn screen() -> Result<(), String> {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !has("DISPLAY") && !has("WAYLAND_DISPLAY") {
        return Err(
            "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set); `privet status` says how Privet is"
                .to_owned(),
        );
    }
    Ok(())
}
