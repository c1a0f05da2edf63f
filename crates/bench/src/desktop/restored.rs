//! Measures the time from kill -9 until the user's proxy settings are restored.

use std::time::{Duration, Instant};

use privet_tests::Privet;
use privet_tests::privet::Setup;
use rustix::process::Signal;
use serde_json::json;

use super::super::report::Figures;
use super::session::{CONFIG, DesktopSession, RUNS};

/// Timeout of one measurement.
const TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[expect(
    clippy::disallowed_methods,
    reason = "a desktop's settings give no event here"
)]
pub fn row(session: &DesktopSession) -> Result<Figures, String> {
    let desktop = &session.screen.desktop;
    let before = desktop.proxy();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let setup = Setup {
            env: session.screen.env(),
            command: Some("agent"),
            ..Setup::default()
        };
        let agent = Privet::start_as(CONFIG, &setup);
        agent.api("PUT", "system-proxy", Some(&json!({"enabled": true})));
        if desktop.proxy() == before {
            return Err("the system proxy was not switched on".to_owned());
        }
        agent.signal(Signal::KILL);
        let killed = Instant::now();
        while desktop.proxy() != before && killed.elapsed() < TIMEOUT {
            std::thread::sleep(LOOK_AGAIN);
        }
        runs.push(killed.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Figures {
        row: "desktop/restored",
        title: "From kill -9 to the user's own system proxy",
        unit: "ms",
        note: ": on GNOME's settings, including the polls of them. The bound is 2,000.",
        runs: vec![("Privet".to_owned(), runs)],
    })
}
