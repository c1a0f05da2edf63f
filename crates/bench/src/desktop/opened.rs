//! Measures how long the window takes to open: from the click in the tray until its title shows the engine's state, which
//! the page sets when it has drawn that state.

use std::fs;
use std::time::{Duration, Instant};

use privet_tests::Privet;
use privet_tests::panel::Panel;
use privet_tests::privet::Setup;

use super::super::report::Figures;
use super::hello;
use super::session::{CONFIG, DesktopSession, RUNS};
use xtask::shell;

/// Part of the title of a page that shows the state.
const STATE: &str = "On";

/// Milliseconds with warm caches, and with none.
pub fn rows(session: &DesktopSession) -> Result<(Figures, Figures), String> {
    let setup = Setup {
        env: session.screen.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let panel = session.panel();
    let agent = Privet::start_as(CONFIG, &setup);
    let item = panel.await_item();
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    let (mut their_warm, mut their_cold) = (Vec::new(), Vec::new());
    open_and_close(session, &panel, &item)?;
    hello::open_and_end(session)?;
    for _ in 0..RUNS {
        warm.push(millis(open_and_close(session, &panel, &item)?));
        their_warm.push(millis(hello::open_and_end(session)?));
    }
    for _ in 0..RUNS {
        forget()?;
        cold.push(millis(open_and_close(session, &panel, &item)?));
        forget()?;
        their_cold.push(millis(hello::open_and_end(session)?));
    }
    drop(agent);
    panel.end();
    let runs = |ours, theirs| {
        vec![
            ("Privet".to_owned(), ours),
            (hello::NAME.to_owned(), theirs),
        ]
    };
    let warm = Figures {
        row: "desktop/warm",
        title: "From the tray's click to a drawn page, warm",
        unit: "ms",
        note: ": until the title tells the state; the peer from its start until its page has set its title. The bound is 500.",
        runs: runs(warm, their_warm),
    };
    let cold = Figures {
        row: "desktop/cold",
        title: "From the tray's click to a drawn page, nothing in the page cache",
        unit: "ms",
        note: ": likewise, after all file caches were dropped. The bound is 1,500.",
        runs: runs(cold, their_cold),
    };
    Ok((warm, cold))
}

/// Clicks, waits for the state, closes the window, and waits until its processes have ended.
pub fn open_and_close(
    session: &DesktopSession,
    panel: &Panel,
    item: &str,
) -> Result<Duration, String> {
    let begun = Instant::now();
    panel.choose(item, &["Open"]);
    let frames = session
        .screen
        .await_frames("a window with a state", |frames| {
            frames.iter().any(|frame| frame.title.starts_with(STATE))
        });
    let took = begun.elapsed();
    let frame = frames.first().ok_or("the window went by itself")?;
    session.screen.close(frame);
    session
        .screen
        .await_frames("none", <[privet_tests::screen::Frame]>::is_empty);
    privet_tests::wait::until("the end of the web processes", || {
        session.screen.web_processes().is_empty()
    });
    Ok(took)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Drops the kernel's file caches (proc(5), drop_caches).
fn forget() -> Result<(), String> {
    shell::run("sync", &[])?;
    fs::write("/proc/sys/vm/drop_caches", "3").map_err(|error| format!("drop_caches: {error}"))
}
