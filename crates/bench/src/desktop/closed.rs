//! Measures what remains when the window is closed: memory, web processes, processor time.

use std::time::Duration;

use privet_tests::Privet;
use privet_tests::panel::Panel;
use privet_tests::privet::Setup;
use serde_json::json;

use super::super::cost;
use super::super::report::Figures;
use super::hello;
use super::opened::TrayWindow;
use super::session::{CONFIG, DesktopSession};

/// Time after which a start has finished its work.
const SETTLE: Duration = Duration::from_secs(10);
const WATCH: Duration = Duration::from_secs(60);

/// Memory and time of ours and of the peer, each after its window was open once.
pub fn rows(session: &DesktopSession) -> Result<(Figures, Figures), String> {
    let panel = session.panel();
    let ours = ours(session, &panel)?;
    let theirs = hello::closed(session, idle)?;
    panel.end();
    let runs = |at: fn(&(f64, f64)) -> f64| {
        vec![
            ("Privet".to_owned(), vec![at(&ours)]),
            (hello::NAME.to_owned(), vec![at(&theirs)]),
        ]
    };
    let memory = Figures {
        row: "desktop/memory",
        title: "The window closed: all processes",
        unit: "MiB PSS",
        note: ": engine, tray icon and guardian of Privet with the system proxy on; the window was open before, no web process is left. \
               The bound is 20. Pages of its program that a resting engine does not run are unmapped: they are not counted, \
               and stay in the system's file cache.",
        runs: runs(|(memory, _)| *memory),
    };
    let time = Figures {
        row: "desktop/time",
        title: "The window closed: processor time while nothing happens",
        unit: "% of a core",
        note: ": over a minute. The bound is 0.1.",
        runs: runs(|(_, time)| *time),
    };
    Ok((memory, time))
}

fn ours(session: &DesktopSession, panel: &Panel) -> Result<(f64, f64), String> {
    let setup = Setup {
        env: session.screen.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let agent = Privet::start_as(CONFIG, &setup);
    let item = panel.await_item();
    let (_, on) = agent.api("PUT", "system-proxy", Some(&json!({"enabled": true})));
    if on["guardian"].as_u64().is_none() {
        return Err(format!("there is no guardian: {on}"));
    }
    let window = TrayWindow {
        session,
        panel,
        item: &item,
    };
    window.open_and_close()?;
    let left = session.screen.web_processes();
    if !left.is_empty() {
        return Err(format!("left after the window: {left:?}"));
    }
    let cost = idle(agent.pid());
    agent.api("PUT", "system-proxy", Some(&json!({"enabled": false})));
    Ok(cost)
}

/// MiB, and percent of a core, of a process and its descendants.
#[expect(clippy::disallowed_methods, reason = "idling is what is measured")]
fn idle(pid: u32) -> (f64, f64) {
    std::thread::sleep(SETTLE);
    let before = cost::cpu(pid);
    std::thread::sleep(WATCH);
    let spent = cost::cpu(pid) - before;
    (
        cost::memory(pid) / 1024.0,
        spent / WATCH.as_secs_f64() * 100.0,
    )
}
