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
use serde_json::json;
use xtask::shell::{self, Done};

/// Part of the title of a page that shows the state.
const STATE: &str = "On";

/// Most that Privet's window may take, as a multiple of the plain one.
const BOUND: f64 = 1.1;

/// Milliseconds with warm caches, and with none.
pub fn rows(session: &DesktopSession) -> Result<(Figures, Figures), String> {
    let cold = Figures {
        row: "desktop/cold",
        title: "From the tray's click to a drawn page, nothing in the page cache",
        unit: "ms",
        note: ": likewise, after all file caches were dropped. The bound is 1,500.",
        runs: interleaved(session, RUNS, forget)?,
    };
    Ok((warm(session, RUNS)?, cold))
}

/// Milliseconds with warm caches.
pub fn warm(session: &DesktopSession, rounds: usize) -> Result<Figures, String> {
    Ok(Figures {
        row: "desktop/warm",
        title: "From the tray's click to a drawn page, warm",
        unit: "ms",
        note: ": until the title tells the state; the peer from its start until its page has set its title. The bound is 1.1 of \
               the peer.",
        runs: interleaved(session, rounds, || Ok(()))?,
    })
}

/// # Errors
/// Privet's window takes longer than it may beside the plain one.
pub fn check(figures: &Figures) -> Done {
    let ours = figures.median("Privet").ok_or("nothing was measured")?;
    let theirs = figures.median(hello::NAME).ok_or("nothing was measured")?;
    let ratio = ours / theirs;
    println!("{ratio:.2} of the plain window");
    match ratio <= BOUND {
        true => Ok(()),
        false => Err(format!(
            "{}: {ratio:.2} of the plain window, more than {BOUND}",
            figures.title
        )),
    }
}

/// Opens both windows in turn, `before` each; the first opening of each is not counted.
fn interleaved(
    session: &DesktopSession,
    rounds: usize,
    before: impl Fn() -> Done,
) -> Result<Vec<(String, Vec<f64>)>, String> {
    let setup = Setup {
        env: session.screen.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let panel = session.panel();
    let agent = Privet::start_as(CONFIG, &setup);
    // The first run's dialogs are no part of what is measured.
    agent.api("PUT", "first-run", Some(&json!({ "done": true })));
    let item = panel.await_item();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    open_and_close(session, &panel, &item)?;
    hello::open_and_end(session)?;
    for _ in 0..rounds {
        before()?;
        ours.push(millis(open_and_close(session, &panel, &item)?));
        before()?;
        theirs.push(millis(hello::open_and_end(session)?));
    }
    drop(agent);
    panel.end();
    Ok(vec![
        ("Privet".to_owned(), ours),
        (hello::NAME.to_owned(), theirs),
    ])
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
fn forget() -> Done {
    shell::run("sync", &[])?;
    fs::write("/proc/sys/vm/drop_caches", "3").map_err(|error| format!("drop_caches: {error}"))
}
