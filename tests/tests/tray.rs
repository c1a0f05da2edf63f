//! The icon and its menu, read and clicked over D-Bus as a panel does.

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use privet_tests::client::socks5;
use privet_tests::desktop::Desktop;
use privet_tests::panel::{Panel, find};
use privet_tests::privet::{Setup, binary};
use privet_tests::process::ticks;
use privet_tests::screen::Screen;
use privet_tests::wait::{idle, until};
use privet_tests::{CommandOutput, Origin, Privet, TIMEOUT, curl, program, require};
use rustix::process::Signal;
use serde_json::{Value, json};

const CONFIG: &str = "\
[listen]
mixed = [\"$MIXED\"]
pac = \"$PAC\"
[filter]
deny = [\"ads.test\"]
";

fn agent(desktop: &Desktop) -> Privet {
    agent_in(desktop.env())
}

fn agent_in(env: Vec<(String, String)>) -> Privet {
    let setup = Setup {
        env,
        command: Some("agent"),
        ..Setup::default()
    };
    Privet::start_as(CONFIG, &setup)
}

#[test]
fn the_menu_shows_the_measured_state_and_each_click_takes_effect() {
    let desktop = require!(Desktop::start());
    let before = desktop.proxy();
    let panel = Panel::start(&desktop.bus_address());
    let mut agent = agent(&desktop);
    let item = panel.await_item();
    assert_eq!(
        panel.property(&item, "Id").downcast_ref::<&str>().ok(),
        Some("privet")
    );
    let off = panel.pixmaps(&item);
    let sizes: Vec<i32> = off.iter().map(|(width, _)| *width).collect();
    assert_eq!(sizes, [16, 22, 32, 48]);

    panel.choose(&item, &["System proxy"]);
    panel.await_line(&item, &["System proxy"], |line| line.checked);
    assert_eq!(desktop.get("mode"), "'auto'");
    let on = panel.pixmaps(&item);
    panel.choose(&item, &["System proxy"]);
    panel.await_line(&item, &["System proxy"], |line| !line.checked);
    assert_eq!(desktop.proxy(), before);

    panel.choose(&item, &["Mode", "strict"]);
    panel.await_line(&item, &["Mode", "strict"], |line| line.checked);
    assert_eq!(agent.json(&["mode"])["name"], "strict");

    panel.choose(&item, &["Pause", "15 minutes"]);
    panel.await_line(&item, &["Paused · Strict in 15 min"], |line| !line.enabled);
    let paused = panel.pixmaps(&item);
    let mode = agent.json(&["mode"]);
    assert_eq!(
        (&mode["name"], &mode["then"]),
        (&json!("off"), &json!("strict"))
    );
    panel.choose(&item, &["Paused, resumes", "Resume strict"]);
    panel.await_line(&item, &["On · Strict"], |_| true);

    panel.choose(&item, &["Pause", "Until restart"]);
    panel.await_line(&item, &["Paused · until restart"], |_| true);
    panel.choose(&item, &["Paused until restart", "Resume"]);
    panel.await_line(&item, &["On · Strict"], |_| true);

    // Another program removes the desktop's proxy: a problem that one click fixes.
    panel.choose(&item, &["System proxy"]);
    panel.await_line(&item, &["System proxy"], |line| line.checked);
    desktop.set("mode", "'none'");
    panel.await_line(&item, &["System proxy: changed"], |_| true);
    let problem = panel.pixmaps(&item);
    panel.choose(&item, &["Turn the system proxy on again"]);
    panel.await_line(&item, &["System proxy"], |line| {
        line.label == "System proxy" && line.checked
    });
    let shapes: HashSet<_> = [off, on, paused, problem].into_iter().collect();
    assert_eq!(shapes.len(), 4, "four states, four icons");

    panel.choose(&item, &["Quit"]);
    assert!(agent.wait(TIMEOUT).success());
    assert_eq!(desktop.get("mode"), "'none'");
}

/// The same clicks, with the icon in Xfce's panel on a screen.
#[test]
fn a_real_panel_shows_the_icon_and_its_menu_switches_the_desktop() {
    let screen = require!(Screen::start());
    let panel = require!(Panel::real(&screen));
    let desktop = &screen.desktop;
    let before = desktop.proxy();
    let mut agent = agent_in(screen.env());
    let item = panel.await_item();
    panel.choose(&item, &["System proxy"]);
    panel.await_line(&item, &["System proxy"], |line| line.checked);
    assert_eq!(desktop.get("mode"), "'auto'");
    panel.choose(&item, &["Mode", "strict"]);
    panel.await_line(&item, &["Mode", "strict"], |line| line.checked);
    panel.choose(&item, &["Pause", "5 minutes"]);
    panel.await_line(&item, &["Paused · Strict in 5 min"], |line| !line.enabled);
    if program("xclip").is_some() {
        panel.choose(&item, &["Copy proxy for terminal", "fish"]);
        let wanted = agent.proxy().to_string();
        until("the commands for fish in the clipboard", || {
            let mut paste = Command::new("xclip");
            paste
                .args(["-selection", "clipboard", "-out"])
                .envs(screen.env());
            let pasted = CommandOutput::of(paste).out;
            pasted.contains("set -gx") && pasted.contains(&wanted)
        });
    }
    if let Some(folder) = std::env::var_os("PRIVET_SHOTS") {
        let file = std::path::Path::new(&folder).join("panel.png");
        screen.picture(&file).map(|answer| answer.good());
    }
    panel.choose(&item, &["Quit"]);
    assert!(agent.wait(TIMEOUT).success());
    panel.await_none();
    assert_eq!(desktop.proxy(), before);
}

#[test]
fn a_blocked_host_is_allowed_for_an_hour_by_a_click() {
    let desktop = require!(Desktop::start());
    let panel = Panel::start(&desktop.bus_address());
    let agent = agent(&desktop);
    let item = panel.await_item();
    panel.choose(&item, &["Mode", "standard"]);
    let ask = || {
        let proxy = format!("http://{}", agent.proxy());
        let args = [
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-x",
            &proxy,
            "http://ads.test/",
        ];
        curl(&args)
    };
    assert_eq!(ask().out, "403");
    panel.choose(&item, &["Blocked just now", "ads.test"]);
    let blocks = |why: &Value| why["outcome"]["action"] == "block";
    agent.await_api("why?target=ads.test:80", |why| {
        why["outcome"]["action"].is_string() && !blocks(why)
    });
    // It applies before it is on disk.
    until("the rule with its end in the file", || {
        let file = std::fs::read_to_string(agent.sandbox.config());
        file.is_ok_and(|text| text.contains("until"))
    });

    let echo = Origin::echo();
    let tunnel = socks5(agent.proxy(), "127.0.0.1", echo.port()).expect("it is allowed");
    agent.await_api("status", |status| status["totals"]["active"] == 1);
    panel.choose(&item, &["Close all connections"]);
    agent.await_api("status", |status| status["totals"]["active"] == 0);
    drop(tunnel);
}

#[test]
fn a_new_identity_changes_the_login_of_each_host_at_the_upstream() {
    let desktop = require!(Desktop::start());
    let panel = Panel::start(&desktop.bus_address());
    let (upstream, names) = Origin::recording_logins();
    let setup = Setup {
        env: desktop.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let config = format!(
        "mode = \"strict\"\n{CONFIG}[[upstream]]\nname = \"tor\"\nurl = \"socks5://{}\"\nisolate = \"host\"\n",
        upstream.address
    );
    let agent = Privet::start_as(&config, &setup);
    let item = panel.await_item();
    let received = || names.lock().expect("no handler panics").clone();
    let ask = || assert!(socks5(agent.proxy(), "a.test", 80).is_err());
    ask();
    ask();
    assert_eq!(received()[0], received()[1]);
    panel.choose(&item, &["New identity"]);
    until("another name", || {
        ask();
        received().last() != received().first()
    });
}

#[test]
fn the_route_is_chosen_in_the_menu() {
    let desktop = require!(Desktop::start());
    let panel = Panel::start(&desktop.bus_address());
    let setup = Setup {
        env: desktop.env(),
        command: Some("agent"),
        ..Setup::default()
    };
    let upstreams = "\n[[upstream]]\nname = \"berlin\"\nurl = \"socks5://127.0.0.1:9\"\n\
                     [[upstream]]\nname = \"oslo\"\nurl = \"socks5://127.0.0.1:9\"\n";
    let agent = Privet::start_as(&format!("{CONFIG}{upstreams}"), &setup);
    let item = panel.await_item();
    panel.choose(&item, &["Upstream: direct", "oslo"]);
    panel.await_line(&item, &["Upstream: oslo", "oslo"], |line| line.checked);
    assert_eq!(agent.json(&["status"])["route"]["name"], "oslo");
    panel.choose(&item, &["Mode", "strict"]);
    panel.choose(&item, &["Upstream: berlin", "oslo"]);
    panel.await_line(&item, &["Upstream: oslo", "oslo"], |line| line.checked);
    let menu = panel.menu(&item);
    assert!(find(&menu, &["Upstream", "direct"]).is_none(), "{menu:#?}");
}

#[test]
fn the_icon_appears_when_a_panel_starts_late_or_restarts() {
    let desktop = require!(Desktop::start());
    let agent = agent(&desktop);
    agent.await_log("no panel of this desktop shows icons yet");
    for _ in 0..2 {
        let panel = Panel::start(&desktop.bus_address());
        let item = panel.await_item();
        assert!(find(&panel.menu(&item), &["Quit"]).is_some());
        panel.end();
    }
    assert_eq!(agent.json(&["status"])["pid"], agent.pid());
}

#[test]
fn without_a_bus_or_after_its_end_the_agent_continues_without_busy_waiting() {
    let Some(mut desktop) = Desktop::start() else {
        return;
    };
    let panel = Panel::start(&desktop.bus_address());
    let with_bus = agent(&desktop);
    panel.await_item();
    desktop.end_bus();
    let without = agent(&desktop);
    without.await_log("no icon is shown");
    let (before_a, before_b) = (ticks(with_bus.pid()), ticks(without.pid()));
    idle(Duration::from_secs(3));
    // A spinning thread uses 300 hundredths of a second; two status reads on a busy machine use a few.
    assert!(ticks(with_bus.pid()) - before_a < 40, "after the bus ended");
    assert!(ticks(without.pid()) - before_b < 40, "without a bus");
    for agent in [&with_bus, &without] {
        assert_eq!(agent.json(&["status"])["mode"]["name"], "standard");
    }
}

#[test]
fn a_user_has_one_agent_and_a_second_start_reports_it() {
    let desktop = require!(Desktop::start());
    let mut first = agent(&desktop);
    let mut command = Command::new(binary());
    command
        .args(["agent", "--config"])
        .arg(first.sandbox.config())
        .arg("--data-dir")
        .arg(first.sandbox.dir().join("data"))
        .envs(desktop.env());
    let second = CommandOutput::of(command);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(second.err.contains(&first.pid().to_string()), "{second:?}");
    first.signal(Signal::TERM);
    assert!(first.wait(TIMEOUT).success());
}

#[test]
fn starting_at_login_is_one_command_and_its_entry_starts_the_agent() {
    let desktop = require!(Desktop::start());
    let privet = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(args).envs(desktop.env());
        CommandOutput::of(command).good()
    };
    let status_json: Value =
        serde_json::from_str(&privet(&["login", "on", "--system-proxy", "--json"])).expect("JSON");
    assert_eq!(status_json["starts"], true);
    let entry = desktop
        .folder("config")
        .join("autostart/privet-agent.desktop");
    let text = std::fs::read_to_string(&entry).expect("the entry is there");
    let exec = format!(
        "Exec=\"{}\" \"agent\" \"--system-proxy\"\n",
        binary().display()
    );
    assert!(text.contains(&exec), "{text}");
    privet(&["login", "off"]);
    assert!(!entry.exists());
    assert!(privet(&["login"]).contains("does not start"));
}

/// A `systemctl` that knows whether the graphical session's target runs, and records what it is asked for.
fn fake_systemctl(desktop: &Desktop) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = desktop.folder("home");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>'{0}/asked'\n\
         case \"$*\" in *is-active*) test -e '{0}/graphical';; esac\n",
        folder.display()
    );
    let file = folder.join("systemctl");
    std::fs::write(&file, script).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let private = desktop.folder("run").join("systemd/private");
    std::fs::create_dir_all(private.parent().expect("a folder")).expect("a folder");
    std::fs::write(private, "").expect("what systemd has there");
    folder
}

#[test]
fn starting_at_login_uses_the_unit_only_where_the_session_starts_it() {
    let desktop = privet_tests::require!(Desktop::start());
    let fake = fake_systemctl(&desktop);
    let path = std::env::var("PATH").unwrap_or_default();
    let privet = |args: &[&str], session: &str| {
        let mut command = Command::new(binary());
        command
            .args(args)
            .envs(desktop.env())
            .env("PATH", format!("{}:{path}", fake.display()))
            .env("XDG_CURRENT_DESKTOP", session);
        CommandOutput::of(command)
    };
    let unit = desktop
        .folder("config")
        .join("systemd/user/privet-agent.service");
    let entry = desktop
        .folder("config")
        .join("autostart/privet-agent.desktop");

    // Xfce runs systemd, but not the target that the unit is bound to.
    let on = privet(&["login", "on"], "XFCE");
    assert!(on.clone().good().contains("autostart entry"), "{on:?}");
    assert!(entry.exists() && !unit.exists());
    assert_eq!(on.err, "");

    std::fs::write(fake.join("graphical"), "").expect("a file");
    assert!(
        privet(&["login", "on"], "GNOME")
            .good()
            .contains("systemd user unit")
    );
    assert!(unit.exists() && !entry.exists());
    let asked = std::fs::read_to_string(fake.join("asked")).expect("it was asked");
    assert!(
        asked.contains("--user enable privet-agent.service"),
        "{asked}"
    );

    // The same user in another session: the unit would not start, and both would start twice.
    std::fs::remove_file(fake.join("graphical")).expect("it is there");
    let status = privet(&["login"], "MATE");
    assert!(
        status.err.contains("run `privet login on` again"),
        "{status:?}"
    );
    let on = privet(&["login", "on"], "sway");
    assert!(on.err.contains("exec privet agent"), "{on:?}");
    assert!(entry.exists() && !unit.exists());
    let asked = std::fs::read_to_string(fake.join("asked")).expect("it was asked");
    assert!(
        asked.contains("--user disable privet-agent.service"),
        "{asked}"
    );
}
