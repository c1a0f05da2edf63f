//! Measures how long the window takes to open: from the click in the tray until the screen shows its page with the engine's
//! state.

use std::fs;
use std::time::{Duration, Instant};

use privet_tests::Privet;
use privet_tests::panel::Panel;
use privet_tests::privet::Setup;
use privet_tests::screen::Frame;

use super::super::report::Figures;
use super::drawn::DrawnPage;
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
        note: ": until the first frame with the page's content; the peer from its start until the first frame with its own. \
               The bound is 1.1 of the peer.",
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
    let window = TrayWindow {
        session,
        panel: &panel,
        item: &item,
    };
    window.open_and_close()?;
    let (page, hello) = (window.learn()?, hello::learn(session)?);
    for _ in 0..rounds {
        before()?;
        ours.push(millis(window.measure(&page)?));
        before()?;
        theirs.push(millis(hello::open_and_end(session, &hello)?));
    }
    drop(agent);
    panel.end();
    Ok(vec![
        ("Privet".to_owned(), ours),
        (hello::NAME.to_owned(), theirs),
    ])
}

/// Privet's window, opened by a click in the tray.
pub struct TrayWindow<'a> {
    pub session: &'a DesktopSession,
    pub panel: &'a Panel,
    pub item: &'a str,
}

impl TrayWindow<'_> {
    fn open(&self) -> Result<Frame, String> {
        self.panel.choose(self.item, &["Open"]);
        self.await_state()
    }

    fn await_state(&self) -> Result<Frame, String> {
        let screen = &self.session.screen;
        let frames = screen.await_frames("a window with a state", |frames| {
            frames.iter().any(|frame| frame.title.starts_with(STATE))
        });
        let mut frames = frames.into_iter();
        frames.next().ok_or("the window went by itself".to_owned())
    }

    /// Closes it, and waits until its processes have ended.
    fn close(&self, frame: &Frame) {
        let screen = &self.session.screen;
        screen.close(frame);
        screen.await_frames("none", <[Frame]>::is_empty);
        privet_tests::wait::until("the end of the web processes", || {
            screen.web_processes().is_empty()
        });
    }

    /// Opens it, waits for the state, and closes it.
    ///
    /// # Errors
    /// The window went by itself.
    pub fn open_and_close(&self) -> Result<(), String> {
        self.close(&self.open()?);
        Ok(())
    }

    /// The finished page.
    fn learn(&self) -> Result<DrawnPage, String> {
        let frame = self.open()?;
        let page = DrawnPage::learn(&self.session.screen, &frame)?;
        self.close(&frame);
        Ok(page)
    }

    /// The time from the click to the drawn page.
    fn measure(&self, page: &DrawnPage) -> Result<Duration, String> {
        let begun = Instant::now();
        self.panel.choose(self.item, &["Open"]);
        let took = page.await_drawn(begun)?;
        self.close(&self.await_state()?);
        Ok(took)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Drops the kernel's file caches (proc(5), drop_caches).
fn forget() -> Done {
    shell::run("sync", &[])?;
    fs::write("/proc/sys/vm/drop_caches", "3").map_err(|error| format!("drop_caches: {error}"))
}
