//! `privet doctor`, and what messages tell users to do.

use std::net::TcpListener;
use std::process::Command;

use privet_tests::privet::{Sandbox, binary};
use privet_tests::{CommandOutput, Privet};

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
