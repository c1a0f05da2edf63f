//! What an engine costs while nothing happens.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use privet_tests::client::{connect, socks5};
use privet_tests::desktop::Desktop;
use privet_tests::panel::Panel;
use privet_tests::privet::Setup;
use privet_tests::process::{context_switches, file_memory, own_memory, ticks};
use privet_tests::wait::until;
use privet_tests::{Origin, Privet, TIMEOUT};

/// How long one measurement of an idle program takes.
const WINDOW: Duration = Duration::from_secs(5);
/// At most 3 a second. An engine on a calm machine has fewer than 1, an agent about 1; a busy machine adds some.
const MAX_WAKE_UPS: u64 = 3 * WINDOW.as_secs();

/// Context switches and hundredths of a second of processor time within the window.
#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is that nothing happens in this time"
)]
fn measure(pid: u32) -> (u64, u64) {
    let before = (context_switches(pid), ticks(pid));
    std::thread::sleep(WINDOW);
    let after = (context_switches(pid), ticks(pid));
    (after.0.saturating_sub(before.0), after.1 - before.1)
}

/// Returns once the program rests: threads for single tasks end 10 seconds after their last one.
#[track_caller]
fn await_rest(pid: u32) {
    let start = Instant::now();
    loop {
        let (wake_ups, time) = measure(pid);
        if wake_ups <= MAX_WAKE_UPS && time <= 1 {
            return;
        }
        assert!(
            start.elapsed() < TIMEOUT,
            "{wake_ups} wake-ups in {WINDOW:?}, {time} hundredths of a second of processor time"
        );
    }
}

#[test]
fn an_idle_engine_rarely_wakes_after_start_and_after_traffic() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    await_rest(privet.pid());
    let streams: Vec<_> = (0..50)
        .map(|_| socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open"))
        .collect();
    drop(streams);
    privet.await_api("status", |status| status["totals"]["active"] == 0);
    await_rest(privet.pid());
}

#[test]
fn an_idle_agent_with_an_icon_rarely_wakes() {
    let Some(desktop) = Desktop::start() else {
        return;
    };
    let panel = Panel::start(&desktop.bus_address());
    let setup = Setup {
        env: desktop.env(),
        command: Some("agent"),
        ..Default::default()
    };
    let agent = Privet::start_as("", &setup);
    panel.await_item();
    await_rest(agent.pid());
}

#[test]
fn memory_of_slow_clients_that_left_goes_back_to_the_system() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections = 4000\nhandshake_timeout = \"5m\"\n",
    );
    privet.await_api("status", |status| !status.is_null());
    let before = own_memory(privet.pid());
    let slow: Vec<TcpStream> = (0..2000)
        .map(|number| {
            let mut stream = connect(privet.proxy());
            let half: &[u8] = match number % 2 {
                0 => b"\x05\x01",
                _ => b"GET http://a.test/ HTTP/1.1\r\nHost: a",
            };
            stream.write_all(half).expect("open");
            stream
        })
        .collect();
    until("the memory of slow clients", || {
        own_memory(privet.pid()) > before + 4 * 1024
    });
    drop(slow);
    let mut now = 0;
    let start = Instant::now();
    until("memory within 20 % of that at start", || {
        now = own_memory(privet.pid());
        now <= before + before / 5
    });
    eprintln!("{before} KiB, {now} KiB after {:?}", start.elapsed());
}

#[test]
fn an_idle_engine_unmaps_what_only_its_start_needed_and_goes_on() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    privet.await_api("status", |status| !status.is_null());
    let before = file_memory(privet.pid());
    let mut now = 0;
    until("the program's pages of the start unmapped", || {
        now = file_memory(privet.pid());
        now <= before * 3 / 5
    });
    eprintln!("{before} KiB of files at the start, {now} KiB at rest");
    socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a connection after it");
    privet.await_api("status", |status| status["totals"]["connections"] != 0);
}
