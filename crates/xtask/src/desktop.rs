//! What the desktop's part costs with the window closed: agent and guardian in a session of their own, with the icon in a
//! panel and the system proxy on.

use std::fs;
use std::time::{Duration, Instant};

use privet_tests::Privet;
use privet_tests::desktop::Desktop;
use privet_tests::panel::Panel;
use privet_tests::privet::{Setup, use_binary};
use privet_tests::process::ticks;
use rustix::process::Signal;
use serde_json::json;

use crate::shell::{self, Done};

/// A start's work is done by then.
const SETTLE: Duration = Duration::from_secs(10);
const WATCH: Duration = Duration::from_secs(60);
/// All processes of ours together, in MiB, and of one core, in percent.
const MOST_MEMORY: f64 = 24.0;
const MOST_TIME: f64 = 0.1;
/// From kill -9 to the user's own values.
const MOST_WAIT: Duration = Duration::from_secs(2);

/// Measures and prints.
///
/// # Errors
/// Something for a session is not installed, or a promise is broken.
#[expect(clippy::disallowed_methods, reason = "idling is what is measured")]
pub fn desktop() -> Done {
    shell::run("cargo", &["build", "--quiet", "--release", "-p", "privet"])?;
    use_binary(shell::target_dir().join("release/privet"));
    let desktop = Desktop::start().ok_or("no session: see what is missing above")?;
    let before = desktop.proxy();
    let panel = Panel::start(&desktop.bus_address());
    let setup = Setup {
        env: desktop.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let agent = Privet::start_as("[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n", &setup);
    panel.await_item();
    let (_, on) = agent.api("PUT", "system-proxy", Some(&json!({"enabled": true})));
    let guardian = on["guardian"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok());
    let guardian = guardian.ok_or("there is no guardian")?;
    std::thread::sleep(SETTLE);
    let processes = [("agent", agent.pid()), ("guardian", guardian)];
    let started: u64 = processes.iter().map(|(_, pid)| ticks(*pid)).sum();
    std::thread::sleep(WATCH);
    let ended: u64 = processes.iter().map(|(_, pid)| ticks(*pid)).sum();
    let mut memory = 0.0;
    for (name, pid) in processes {
        let own = pss(pid)?;
        println!("{name:9} {own:6.1} MiB PSS");
        memory += own;
    }
    // A tick is a hundredth of a second.
    let time = (ended - started) as f64 / WATCH.as_secs_f64();
    println!("together  {memory:6.1} MiB of {MOST_MEMORY}, {time:.2} % of a core of {MOST_TIME}");
    agent.signal(Signal::KILL);
    let killed = Instant::now();
    while desktop.proxy() != before && killed.elapsed() < MOST_WAIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("kill -9 to the user's own values: {:?}", killed.elapsed());
    let broken = memory > MOST_MEMORY || time > MOST_TIME || killed.elapsed() >= MOST_WAIT;
    if broken {
        return Err("more than promised".to_owned());
    }
    Ok(())
}

/// The process's share of memory, in MiB.
fn pss(pid: u32) -> Result<f64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.ok_or_else(|| format!("{path} has no Pss"))? / 1024.0)
}
