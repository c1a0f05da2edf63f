//! How long a person waits for the window: from the click in the tray until its title tells the engine's state, which the
//! page writes when it has drawn that state.

use std::fs;
use std::time::{Duration, Instant};

use privet_tests::Privet;
use privet_tests::panel::Panel;
use privet_tests::privet::Setup;

use super::super::report::Figures;
use super::{CONFIG, RUNS, Stage, hello};
use crate::shell;

/// The title of a page with a state in it.
const STATE: &str = "On";

/// Milliseconds with warm caches, and with none.
pub fn rows(stage: &Stage) -> Result<(Figures, Figures), String> {
    let setup = Setup {
        env: stage.screen.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let panel = stage.panel();
    let agent = Privet::start_as(CONFIG, &setup);
    let item = panel.await_item();
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    let (mut their_warm, mut their_cold) = (Vec::new(), Vec::new());
    open_and_close(stage, &panel, &item)?;
    hello::open_and_end(stage)?;
    for _ in 0..RUNS {
        warm.push(millis(open_and_close(stage, &panel, &item)?));
        their_warm.push(millis(hello::open_and_end(stage)?));
    }
    for _ in 0..RUNS {
        forget()?;
        cold.push(millis(open_and_close(stage, &panel, &item)?));
        forget()?;
        their_cold.push(millis(hello::open_and_end(stage)?));
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

/// Clicks, waits for the state, closes, and waits until nothing of the window is left.
pub fn open_and_close(stage: &Stage, panel: &Panel, item: &str) -> Result<Duration, String> {
    let begun = Instant::now();
    panel.choose(item, &["Open"]);
    let frames = stage
        .screen
        .await_frames("a window with a state", |frames| {
            frames.iter().any(|frame| frame.title.starts_with(STATE))
        });
    let took = begun.elapsed();
    let frame = frames.first().ok_or("the window went by itself")?;
    stage.screen.close(frame);
    stage
        .screen
        .await_frames("none", <[privet_tests::screen::Frame]>::is_empty);
    privet_tests::wait::until("the end of the web processes", || {
        stage.screen.web_processes().is_empty()
    });
    Ok(took)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The kernel forgets what it read from files (proc(5), drop_caches).
fn forget() -> Result<(), String> {
    shell::run("sync", &[])?;
    fs::write("/proc/sys/vm/drop_caches", "3").map_err(|error| format!("drop_caches: {error}"))
}
