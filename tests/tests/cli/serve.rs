//! `privet serve`: start, logs, metrics, end.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use privet_tests::client::socks5;
use privet_tests::privet::{Sandbox, Setup};
use privet_tests::{Origin, Privet, TIMEOUT};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn a_changed_log_level_takes_effect_without_a_restart() {
    let privet = Privet::start("[log]\nlevel = \"error\"\n");
    privet.sandbox.write("[log]\nlevel = \"info\"\n");
    privet.signal(Signal::HUP);
    privet.await_log("reloaded");
}

#[test]
fn a_second_engine_on_the_same_folder_exits_with_1_and_names_the_first() {
    let mut first = Privet::start("");
    let mut second = first.sandbox.run(&Setup::default());
    let status = second.wait(TIMEOUT);
    assert_eq!(status.code(), Some(1));
    assert!(
        second.log().contains(&first.pid().to_string()),
        "{}",
        second.log()
    );
    assert!(first.is_running());
    assert_eq!(first.cli(&["status"]).code, 0);
}

#[test]
fn a_port_in_use_exits_with_1_and_names_its_owner() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address").to_string();
    for config in [
        format!("[listen]\nmixed = [\"{address}\"]\npac = \"\"\n"),
        format!("[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[control]\nhttp = \"{address}\"\n"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(&config);
        let mut running = sandbox.run(&Setup::default());
        assert_eq!(running.wait(TIMEOUT).code(), Some(1), "{}", running.log());
        let log = running.log();
        assert!(log.contains(&address), "{log}");
        assert!(
            log.contains(&format!("pid {}", std::process::id())),
            "{log}"
        );
        assert!(
            !sandbox.socket().exists(),
            "a start that failed leaves no socket"
        );
    }
}

#[test]
fn the_token_is_printed_only_on_a_terminal_and_stays_valid() {
    let sandbox = Sandbox::new();
    sandbox.write("[control]\nhttp = \"$CONTROL\"\n");
    let mut first = sandbox.run(&Setup::default());
    first.await_line("Ctrl-C");
    let token =
        std::fs::read_to_string(sandbox.dir().join("data/control.token")).expect("a token file");
    assert!(!first.log().contains(token.trim()), "{}", first.log());
    let shown = sandbox.cli(&["token", "show"]).good();
    assert_eq!(shown.trim(), token.trim());
    first.signal(Signal::TERM);
    assert_eq!(first.wait(TIMEOUT).code(), Some(0));
    let second = sandbox.run(&Setup::default());
    second.await_line("Ctrl-C");
    assert!(!second.log().contains(token.trim()), "{}", second.log());
    let url = format!("http://{}/api/v1/status", sandbox.control);
    let bearer = format!("Authorization: Bearer {}", token.trim());
    let answer = privet_tests::curl(&["-H", &bearer, &url]).good();
    assert!(answer.contains("\"version\""), "{answer}");
    let refused = privet_tests::curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{size_download}",
        &url,
    ])
    .good();
    assert_eq!(refused, "401 0");
}

#[test]
fn metrics_are_served_at_the_configured_address_and_follow_its_change() {
    let mut config = "[control]\nmetrics = \"$METRICS\"\n".to_owned();
    let privet = Privet::start(&config);
    let url = format!("http://{}/metrics", privet.sandbox.metrics);
    privet_tests::await_port(privet.sandbox.metrics, "metrics");
    assert!(
        privet_tests::curl(&[&url])
            .good()
            .contains("privet_connections_active 0")
    );
    let foreign = privet_tests::curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        "Host: evil.example",
        &url,
    ]);
    assert_eq!(foreign.good(), "403");
    config = config.replace("$METRICS", "$CONTROL");
    privet.sandbox.write(&config);
    privet_tests::await_port(privet.sandbox.control, "metrics at their new address");
}

/// The time from the first of two signals to the exit, with an open connection.
fn exit_after_two_signals() -> Duration {
    let mut privet = Privet::start("");
    let origin = Origin::echo();
    let stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a tunnel");
    privet.await_row("active", |row| row["port"] == origin.port());
    let start = Instant::now();
    privet.signal(Signal::TERM);
    privet.await_log("stopping");
    assert!(
        privet.is_running(),
        "an open connection keeps it for a while"
    );
    privet.signal(Signal::TERM);
    assert_eq!(privet.wait(TIMEOUT).code(), Some(0));
    let took = start.elapsed();
    assert!(!privet.sandbox.socket().exists());
    drop(stream);
    took
}

#[test]
fn a_signal_drains_connections_and_a_second_one_exits_at_once() {
    // A drain takes five seconds. A busy machine may delay one attempt, so one of three must be faster.
    let fast = (0..3).any(|_| exit_after_two_signals() < Duration::from_secs(4));
    assert!(fast, "the second signal did not end the drain");
}

#[test]
fn client_passwords_are_in_no_log_at_any_level() {
    let config = "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"alice\", password = { env = \"ALICE\" } }]\n";
    for format in ["text", "json"] {
        let setup = Setup {
            env: vec![
                ("ALICE".into(), "open-sesame".into()),
                ("PRIVET_LOG".into(), "trace".into()),
            ],
            ..Setup::default()
        };
        let text = format!("{config}[log]\nformat = \"{format}\"\n");
        let privet = Privet::start_as(&text, &setup);
        for password in ["open-sesame", "close-sesame"] {
            let proxy = format!("socks5h://alice:{password}@{}", privet.proxy());
            privet_tests::curl(&["-x", &proxy, "http://127.0.0.1:1/"]);
            let proxy = format!("http://alice:{password}@{}", privet.proxy());
            privet_tests::curl(&["-x", &proxy, "http://127.0.0.1:1/"]);
        }
        assert!(privet.log().len() > 100, "it logs at all");
        assert!(!privet.log().contains("sesame"), "{}", privet.log());
        assert!(!privet.log().contains("YWxpY2U6b3"), "nor in base64");
    }
}

#[test]
fn json_logs_are_one_object_per_line() {
    let setup = Setup {
        env: vec![("PRIVET_LOG".into(), "debug".into())],
        ..Setup::default()
    };
    let privet = Privet::start_as("[log]\nformat = \"json\"\n", &setup);
    privet.signal(Signal::HUP);
    privet.await_log("reloaded");
    let log = privet.log();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    assert!(lines.clone().count() > 0, "{log}");
    for line in lines {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string());
    }
}
