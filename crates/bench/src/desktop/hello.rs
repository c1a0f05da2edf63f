//! The peer: `crates/bench/hello-tauri`, a Tauri app with a tray icon and a window that says hello.

use std::process::Command;
use std::time::{Duration, Instant};

use privet_tests::Running;
use privet_tests::screen::Frame;

use super::drawn::DrawnPage;
use super::session::DesktopSession;
use xtask::shell::{self, Done};

pub const NAME: &str = "Tauri hello-world with a tray";
/// Its file name.
pub const BINARY: &str = "hello-tauri";
const TITLE: &str = "Hello";
const PACKAGE: &str = "crates/bench/hello-tauri/Cargo.toml";

/// Builds it with the profile of Privet's window.
pub fn build() -> Done {
    let words = [
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        PACKAGE,
    ];
    let mut cargo = shell::command("cargo", &words);
    cargo.env("CARGO_TARGET_DIR", shell::target_dir());
    shell::run_command(cargo)
}

fn start(session: &DesktopSession) -> Running {
    let mut command = Command::new(&session.hello);
    command.envs(session.screen.env());
    Running::start("hello-tauri", command)
}

fn await_title(session: &DesktopSession) -> Result<Frame, String> {
    let frames = session.screen.await_frames("hello", |frames| {
        frames.iter().any(|frame| frame.title == TITLE)
    });
    let mut frames = frames.into_iter();
    frames.next().ok_or("the window went by itself".to_owned())
}

/// Its finished page.
pub fn learn(session: &DesktopSession) -> Result<DrawnPage, String> {
    let hello = start(session);
    let page = DrawnPage::learn(&session.screen, &await_title(session)?)?;
    drop(hello);
    session.screen.await_frames("none", <[Frame]>::is_empty);
    Ok(page)
}

/// The time from its start to its drawn page.
pub fn open_and_end(session: &DesktopSession, page: &DrawnPage) -> Result<Duration, String> {
    let begun = Instant::now();
    let hello = start(session);
    let took = page.await_drawn(begun)?;
    await_title(session)?;
    drop(hello);
    session.screen.await_frames("none", <[Frame]>::is_empty);
    Ok(took)
}

/// Its cost with the window closed and the app in the tray.
pub fn closed(session: &DesktopSession, cost: fn(u32) -> (f64, f64)) -> Result<(f64, f64), String> {
    let mut hello = start(session);
    let frame = await_title(session)?;
    session.screen.close(&frame);
    session.screen.await_frames("none", <[Frame]>::is_empty);
    let cost = cost(hello.pid());
    hello.kill();
    Ok(cost)
}
