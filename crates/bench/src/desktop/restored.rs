//! From kill -9 to the user's own proxy settings.

use std::time::{Duration, Instant};

use privet_tests::Privet;
use privet_tests::privet::Setup;
use rustix::process::Signal;
use serde_json::json;

use super::super::report::Figures;
use super::{CONFIG, RUNS, Stage};

/// More than that is no answer any more.
const MOST: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[expect(
    clippy::disallowed_methods,
    reason = "a desktop's settings give no event here"
)]
pub fn row(stage: &Stage) -> Result<Figures, String> {
    let desktop = &stage.screen.desktop;
    let before = desktop.proxy();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let setup = Setup {
            env: stage.screen.env(),
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
        while desktop.proxy() != before && killed.elapsed() < MOST {
            std::thread::sleep(LOOK_AGAIN);
        }
        runs.push(killed.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Figures {
        row: "desktop/restored",
        title: "From kill -9 to the user's own system proxy",
        unit: "ms",
        note: ": on GNOME's settings, each look at them included. The bound is 2,000.",
        runs: vec![("Privet".to_owned(), runs)],
    })
}
