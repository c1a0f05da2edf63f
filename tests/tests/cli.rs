//! The command line: exit codes, and what is printed where.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use privet_tests::client::socks5;
use privet_tests::privet::{Sandbox, Setup, binary};
use privet_tests::{CommandOutput, Origin, Privet, TIMEOUT};
use rustix::process::Signal;
use serde_json::Value;

fn privet(args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    command.args(args);
    CommandOutput::of(command)
}

fn check(sandbox: &Sandbox, args: &[&str]) -> CommandOutput {
    let config = sandbox.config().display().to_string();
    privet(&[&["check", "--config", &config], args].concat())
}

#[test]
fn without_arguments_it_prints_help_and_an_unknown_command_exits_with_2() {
    let help = privet(&[]);
    assert!(help.clone().good().contains("Exit codes:"), "{help:?}");
    assert_eq!(privet(&["no-such-command"]).code, 2);
    assert_eq!(privet(&["mode", "--for", "1m"]).code, 2);
    assert_eq!(privet(&["close"]).code, 2);
}

#[test]
fn check_prints_ok_or_each_error_with_its_fix() {
    let sandbox = Sandbox::new();
    sandbox.write("mode = \"strict\"\n");
    assert_eq!(check(&sandbox, &[]).code, 0);
    sandbox.write("mode = \"standard\"\nmoed = \"x\"\n[lisen]\n");
    let bad = check(&sandbox, &[]);
    assert_eq!(bad.code, 2);
    assert!(bad.err.contains("privet.toml:2:1"), "{}", bad.err);
    assert!(
        bad.err.contains("privet.toml:3:2") && bad.err.contains("listen"),
        "{}",
        bad.err
    );
    let report = check(&sandbox, &["--json"]);
    assert_eq!(report.code, 2);
    let report: Value = serde_json::from_str(&report.out).expect("JSON on standard output");
    assert_eq!(
        (&report["ok"], &report["diagnostics"][0]["line"]),
        (&false.into(), &2.into())
    );
}

#[test]
fn without_an_engine_commands_exit_with_3_and_say_how_to_start_one() {
    let sandbox = Sandbox::new();
    for args in [
        &["status"][..],
        &["mode"],
        &["mode", "off"],
        &["connections"],
        &["connections", "--watch"],
        &["close", "1"],
        &["why", "example.com"],
        &["upstreams"],
        &["lists"],
        &["usage"],
        &["identity"],
        &["env"],
        &["run", "--", "true"],
    ] {
        let answer = sandbox.cli(args);
        assert_eq!(answer.code, 3, "{args:?} {answer:?}");
        assert!(answer.err.contains("privet serve"), "{answer:?}");
        assert!(answer.out.is_empty(), "{answer:?}");
    }
}

#[test]
fn why_answers_by_its_exit_code_with_an_engine_and_without() {
    let config = "[filter]\ndeny = [\"bad.example\"]\n";
    let running = Privet::start(config);
    assert_eq!(running.cli(&["why", "good.example"]).code, 0);
    let blocked = running.cli(&["why", "https://www.bad.example/x"]);
    assert_eq!(blocked.code, 4);
    assert!(
        blocked.out.contains("blocked") && blocked.out.contains("filter.deny"),
        "{}",
        blocked.out
    );
    assert_eq!(running.cli(&["why", "a b"]).code, 2);
    let report = running.json(&["why", "bad.example"]);
    assert_eq!(report["outcome"]["action"], "block");
    assert!(
        report["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    );

    let sandbox = Sandbox::new();
    sandbox.write(config);
    let file = sandbox.config().display().to_string();
    let offline = |target| sandbox.cli(&["why", target, "--config", &file]);
    assert_eq!(offline("bad.example").code, 4);
    assert_eq!(offline("good.example").code, 0);
    assert_eq!(
        running.cli(&["why", "bad.example"]).out,
        offline("bad.example").out
    );
}

#[test]
fn a_changed_file_is_replayed_on_recorded_connections_before_it_is_used() {
    let privet = Privet::start("");
    let origin = Origin::http();
    let proxy = format!("http://{}", privet.proxy());
    for _ in 0..3 {
        privet_tests::curl(&["-x", &proxy, &origin.url("/")]).good();
    }
    privet.await_row("closed", |row| row["port"] == origin.port());
    let other = privet.sandbox.dir().join("other.toml");
    let mixed = privet.proxy();
    let text = format!(
        "[listen]\nmixed = [\"{mixed}\"]\npac = \"\"\n[[rule]]\nmatch = {{ ip = [\"127.0.0.0/8\"] }}\nuse = \"block\"\n"
    );
    std::fs::write(&other, text).expect("the folder takes a file");
    let file = other.display().to_string();
    let report = privet.json(&["check", "--replay", "--config", &file]);
    assert_eq!(report["applied"], false);
    assert_eq!(
        report["replay"]["newly_blocked"], report["replay"]["total"],
        "{report:#}"
    );
    assert!(
        report["replay"]["total"]
            .as_u64()
            .is_some_and(|total| total > 0),
        "{report:#}"
    );
    let output = privet.cli(&["check", "--replay", "--config", &file]).good();
    assert!(output.contains("would have gone differently"), "{output}");
    privet_tests::curl(&["-x", &proxy, &origin.url("/")]).good();
}

#[test]
fn lists_are_shown_and_refreshed_and_a_failed_refresh_is_reported() {
    let sandbox = Sandbox::new();
    let list = sandbox.dir().join("ads.txt");
    std::fs::write(&list, "0.0.0.0 ads.example\n0.0.0.0 track.example\n")
        .expect("the folder takes a file");
    sandbox
        .write("[[filter.list]]\nname = \"local ads\"\nsource = \"ads.txt\"\nformat = \"hosts\"\n");
    let running = sandbox.run(&Setup::default());
    running.await_line("Ctrl-C");
    let report: Value =
        serde_json::from_str(&sandbox.cli(&["lists", "--json"]).good()).expect("JSON");
    assert_eq!(report["lists"][0]["entries"], 2);
    assert_eq!(sandbox.cli(&["why", "ads.example"]).code, 4);
    std::fs::write(&list, "0.0.0.0 ads.example\n").expect("the folder takes a file");
    assert_eq!(sandbox.cli(&["lists", "refresh", "local ads"]).code, 0);
    assert_eq!(sandbox.cli(&["why", "track.example"]).code, 0);
    assert_eq!(sandbox.cli(&["lists", "refresh", "nothing"]).code, 1);
    std::fs::remove_file(&list).expect("the list was there");
    assert_eq!(sandbox.cli(&["lists", "refresh", "local ads"]).code, 1);
    assert_eq!(
        sandbox.cli(&["why", "ads.example"]).code,
        4,
        "the last good list stays"
    );
}

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
fn run_sets_the_proxy_and_returns_the_exit_code_of_the_program() {
    let privet = Privet::start("");
    let proxy = privet.proxy().to_string();
    let data = privet.sandbox.dir().join("data").display().to_string();
    let run = |args: &[&str]| self::privet(&[&["run", "--data-dir", &data, "--"], args].concat());
    let output = run(&[
        "sh",
        "-c",
        "echo $http_proxy $HTTPS_PROXY $all_proxy ${no_proxy-all goes there}; exit 7",
    ]);
    assert_eq!(output.code, 7, "{output:?}");
    assert_eq!(
        output.out.trim(),
        format!("http://{proxy} http://{proxy} all goes there")
    );
    assert_eq!(run(&["no-such-program-here"]).code, 127);
    assert_eq!(run(&["/etc/hostname"]).code, 126);
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
}

#[test]
fn the_output_of_env_is_read_back_by_a_shell() {
    let privet = Privet::start("");
    let lines = privet.cli(&["env", "--shell", "bash"]).good();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{lines}\necho $HTTP_PROXY")]);
    assert_eq!(
        CommandOutput::of(shell).good().trim(),
        format!("http://{}", privet.proxy())
    );
    assert!(
        privet
            .cli(&["env", "--shell", "fish"])
            .good()
            .contains("set -gx https_proxy 'http://")
    );
    assert!(
        privet
            .cli(&["env", "--shell", "powershell"])
            .good()
            .contains("$env:HTTPS_PROXY = ")
    );
}

#[test]
fn connections_are_shown_watched_and_closed() {
    let privet = Privet::start("");
    let origin = Origin::echo();
    let mut command = Command::new(binary());
    command.args(["connections", "--watch", "--json", "--data-dir"]);
    command.arg(privet.sandbox.dir().join("data"));
    let mut watching = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("privet starts");
    let mut report = watching.stdout.take().expect("a pipe");

    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a way");
    stream.write_all(b"hello").expect("the tunnel takes bytes");
    let row = privet.await_row("active", |row| row["port"] == origin.port());
    read_until(&mut report, &format!("\"port\":{}", origin.port()));
    watching
        .kill()
        .and_then(|()| watching.wait())
        .expect("the watcher ends");

    let table = privet.cli(&["connections"]).good();
    assert!(
        table.contains(&format!("127.0.0.1:{}", origin.port())),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "no colour where nobody looks");
    let groups = privet.cli(&["connections", "--group", "route"]).good();
    assert!(groups.contains("direct"), "{groups}");
    assert_eq!(privet.cli(&["close", "999999"]).code, 4);
    assert_eq!(
        privet
            .cli(&["close", "--filter", "host:nowhere.example"])
            .code,
        4
    );
    assert_eq!(privet.cli(&["close", "--filter", "nosuch:x"]).code, 2);
    assert_eq!(privet.cli(&["close", &row["id"].to_string()]).code, 0);
    let mut rest = Vec::new();
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    let _ = stream.read_to_end(&mut rest);
    privet.await_row("closed", |row| row["end"] == "closed");
}

fn read_until(from: &mut impl Read, what: &str) {
    let (mut all, mut part) = (String::new(), [0; 4096]);
    while !all.contains(what) {
        let n = from.read(&mut part).expect("the watcher speaks");
        assert_ne!(n, 0, "the watcher ended; its output: {all}");
        all.push_str(&String::from_utf8_lossy(&part[..n]));
    }
}

#[test]
fn a_temporary_mode_ends_by_itself_and_an_unknown_mode_exits_with_2() {
    let privet = Privet::start("");
    assert_eq!(privet.cli(&["mode", "strict", "--for", "1s"]).code, 0);
    assert_eq!(privet.json(&["mode"])["then"], "standard");
    privet.await_api("status", |status| status["mode"]["name"] == "standard");
    let wrong = privet.cli(&["mode", "strickt"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("strict"), "{wrong:?}");
}

#[test]
fn doctor_names_each_fault_with_its_fix() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address");
    let sandbox = Sandbox::new();
    sandbox.write(&format!("[listen]\nmixed = [\"{address}\"]\npac = \"\"\n"));
    let config = sandbox.config().display().to_string();
    let found = sandbox.cli(&["doctor", "--config", &config]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("privet serve"), "{}", found.out);
    assert!(
        found.out.contains(&format!("pid {}", std::process::id())),
        "{}",
        found.out
    );

    let dead = privet_tests::reserve();
    let privet = Privet::start(&format!(
        "[[upstream]]\nname = \"gone\"\nurl = \"socks5://{dead}\"\n"
    ));
    let report = privet.json(&["doctor"]);
    assert_eq!(report["healthy"], false);
    let findings = report["findings"].as_array().expect("findings");
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding["state"] == "wrong")
        .collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("gone"))
    );
    assert!(wrong[0]["fix"].is_string());
    assert_eq!(privet.cli(&["test", "gone"]).code, 1);
    assert_eq!(Privet::start("").cli(&["doctor"]).code, 0);
}

#[test]
fn a_closed_output_pipe_is_no_error() {
    let mut shell = Command::new("bash");
    shell
        .args([
            "-c",
            "set -o pipefail; \"$0\" openapi | head -c 1 >/dev/null",
        ])
        .arg(binary());
    let answer = CommandOutput::of(shell);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
}

#[test]
fn openapi_and_completions_need_no_engine() {
    let document: Value = serde_json::from_str(&privet(&["openapi"]).good()).expect("JSON");
    assert!(document["paths"]["/api/v1/status"]["get"].is_object());
    for shell in ["bash", "fish", "zsh", "powershell", "elvish"] {
        assert!(privet(&["completions", shell]).good().contains("privet"));
    }
    assert!(privet(&["man"]).good().starts_with(".ie"));
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

#[test]
fn check_answers_as_serve_would() {
    let place = Sandbox::new();
    let upstream = "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\n";
    for (more, named, line) in [
        (
            "username = \"u\"\npassword = { env = \"PRIVET_TEST_UNSET\" }\n",
            "PRIVET_TEST_UNSET",
            5,
        ),
        (
            "username = \"u\"\npassword = { file = \"no-such-file\" }\n",
            "no-such-file",
            5,
        ),
        ("ca = \"no-such-ca.pem\"\n", "no-such-ca.pem", 4),
    ] {
        place.write(&format!("{upstream}{more}"));
        let checked = check(&place, &[]);
        assert_eq!(checked.code, 2, "{checked:?}");
        assert!(checked.err.contains(named), "{checked:?}");
        let at = format!("privet.toml:{line}:");
        assert!(checked.err.contains(&at), "{at} in {checked:?}");
        let mut serve = place.run(&Setup::default());
        assert!(!serve.wait(TIMEOUT).success());
        assert!(serve.log().contains(named), "{}", serve.log());
    }
    // What has no effect yet is a warning of both.
    place.write("[cache]\nencrypt = true\n");
    let checked = check(&place, &[]);
    let said = format!("{}{}", checked.out, checked.err);
    assert!(
        checked.code == 0 && said.contains("not served"),
        "{checked:?}"
    );
    let serve = place.run(&Setup::default());
    serve.await_line("not served");
    serve.await_line("Ctrl-C");
}

#[test]
fn a_configuration_file_that_was_named_has_to_exist() {
    let place = Sandbox::new();
    let missing = place.dir().join("typo.toml").display().to_string();
    for command in ["serve", "agent", "check", "doctor"] {
        let refused = place.cli(&[command, "--config", &missing]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.contains("typo.toml") && refused.err.contains("--default"),
            "{refused:?}"
        );
    }
    let taken = place.cli(&["check", "--config", &missing, "--default"]);
    assert!(
        taken.clone().good().contains("the defaults hold"),
        "{taken:?}"
    );
}

#[test]
fn doctor_does_not_say_that_nothing_is_wrong_below_a_warning() {
    let privet = Privet::start("");
    let mut command = Command::new(binary());
    command
        .env("PRIVET_SYSTEM_PROXY", "none")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .arg("--data-dir")
        .arg(privet.sandbox.dir().join("data"))
        .arg("doctor");
    let report = CommandOutput::of(command);
    let warnings = report
        .out
        .lines()
        .filter(|line| line.starts_with("warning"))
        .count();
    assert_eq!(
        report.out.contains("nothing is wrong"),
        warnings == 0 && report.code == 0,
        "{report:?}"
    );
    if warnings > 0 {
        assert!(
            report.out.contains(&format!("{warnings} warning")),
            "{report:?}"
        );
    }
}

#[test]
fn messages_name_commands_and_not_calls_of_the_api() {
    let privet = Privet::start("");
    for (args, command) in [
        (&["undo", "99"][..], "privet changes"),
        (&["rules", "remove", "no-such-rule"], "privet rules"),
        (&["lists", "add", "no-such-list"], "privet lists catalogue"),
        (&["open", "--address"], "[control] http"),
    ] {
        let refused = privet.cli(args);
        assert_ne!(refused.code, 0, "{refused:?}");
        assert!(refused.err.contains(command), "{refused:?}");
        assert!(!refused.err.contains("/api/"), "{refused:?}");
    }
}

/// An engine that answers reads with the version "v1" and refuses changes. Returns the heads of the changes.
fn stub_engine(socket: &std::path::Path, changes: usize) -> std::thread::JoinHandle<Vec<String>> {
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        let mut heads = Vec::new();
        while heads.len() < changes {
            let (mut stream, _) = listener.accept().expect("a client");
            let (mut request, mut part) = (String::new(), [0; 4096]);
            while !request.contains("\r\n\r\n") {
                let n = stream.read(&mut part).expect("a request");
                request.push_str(&String::from_utf8_lossy(&part[..n]));
            }
            let (status, body) = if request.starts_with("GET") {
                let body = match request.contains("/rules") {
                    true => "{\"rules\":[]}",
                    false => "{\"lists\":[]}",
                };
                ("200 OK\r\nETag: \"v1\"", body.to_owned())
            } else {
                heads.push(request.to_lowercase());
                let problem = serde_json::json!({
                    "type": "urn:privet:problem:version", "title": "Precondition Failed",
                    "status": 412, "detail": "Another client changed this.",
                });
                ("412 Precondition Failed", problem.to_string())
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream
                .write_all(answer.as_bytes())
                .expect("the client reads");
        }
        heads
    })
}

#[test]
fn adding_a_rule_and_acting_on_a_list_name_the_version_that_was_read() {
    let place = Sandbox::new();
    std::fs::create_dir(place.dir().join("data")).expect("a folder");
    let engine = stub_engine(&place.socket(), 2);
    for args in [
        &["rules", "add", "--use", "block", "--suffix", "a.test"][..],
        &["lists", "accept", "ads"],
    ] {
        let refused = place.cli(args);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("Another client"), "{refused:?}");
    }
    for head in engine.join().expect("it ran") {
        assert!(head.contains("if-match: \"v1\"\r\n"), "{head}");
    }
}
