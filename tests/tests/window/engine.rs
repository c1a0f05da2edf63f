//! The window and its engine: started, killed, hanging, left behind.

use std::process::Command;

use privet_tests::panel::Panel;
use privet_tests::privet::binary;
use privet_tests::screen::Frame;
use privet_tests::webdriver::desktop_binary;
use privet_tests::{CommandOutput, require};
use rustix::process::Signal;

use crate::support::{CONFIG, Session, Started, path_args, signal};

#[test]
fn it_starts_an_agent_and_closing_it_leaves_the_agent_and_no_web_process() {
    let session = require!(Session::start());
    let started = Started::new(CONFIG);
    let window = session.open(&started.0);
    window.await_title("On · Standard");
    let frames = session
        .screen
        .await_frames("with the state as its title", |frames| {
            frames.len() == 1 && frames[0].title.starts_with("On · Standard")
        });
    window.await_text("Set up Privet");
    window.shot("first-run");
    window.click("button", "Not now");
    window.await_text("On · Standard · direct");
    window.shot("home");
    let agent = started.pid();
    assert_ne!(agent, frames[0].pid, "the engine is a process of its own");
    let web = session.screen.web_processes();
    assert!(
        web.iter().any(|name| name.starts_with("WebKitWeb")),
        "{web:?}"
    );
    session.close(&frames[0]);
    assert_eq!(started.pid(), agent, "the agent goes on");
}

#[test]
fn a_killed_engine_is_reported_and_one_click_restarts_it() {
    let session = require!(Session::start());
    let started = Started::new(CONFIG);
    let window = session.open(&started.0);
    window.await_title("On · Standard");
    let first = started.pid();
    signal(first, Signal::KILL);
    window.await_text("Privet has stopped.");
    window.await_title("Stopped");
    window.shot("stopped");
    window.click("button", "Start Privet");
    window.await_title("On · Standard");
    assert_ne!(started.pid(), first);
    let text = window.text();
    assert!(!text.contains("Privet has stopped"), "{text}");
}

#[test]
fn when_no_agent_starts_the_attempts_are_shown_and_retried() {
    let nowhere = tempfile::tempdir().expect("a folder");
    let path = nowhere.path().display().to_string();
    // PATH contains only the program that starts the tests' programs.
    let setpriv = privet_tests::program("setpriv").expect("setpriv is part of every Linux system");
    std::os::unix::fs::symlink(setpriv, nowhere.path().join("setpriv")).expect("a link");
    let session = require!(Session::start_with(&[("PATH", &path)]));
    // The copy has no `privet` beside it.
    let alone = nowhere.path().join("privet-desktop");
    std::fs::copy(&session.program, &alone).expect("a copy");
    let started = Started::new(CONFIG);
    let window = session.driver.open(&alone, &path_args(&started.0));
    window.await_text("Privet is not running");
    window.await_text("no program “privet” beside this window");
    window.await_title("Stopped");
    window.shot("stranded");
    // The output of one that exits at once is quoted.
    let wrong = "#!/bin/sh\necho 'no such luck' >&2\nexit 3\n";
    let privet = nowhere.path().join("privet");
    std::fs::write(&privet, wrong).expect("a script");
    std::fs::set_permissions(&privet, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("it is ours");
    window.click("button", "Try again");
    window.await_text("no such luck");
    window.shot("ended");
    std::fs::remove_file(&privet).expect("it is ours");
    std::os::unix::fs::symlink(binary(), &privet).expect("a link");
    window.click("button", "Try again");
    window.await_title("On · Standard");
}

#[test]
fn a_hanging_engine_is_reported_and_used_again_when_it_continues() {
    let session = require!(Session::start());
    let agent = session.agent();
    agent.signal(Signal::STOP);
    let window = session.open(&agent.sandbox);
    window.await_text("A process holds the control socket and does not answer");
    window.shot("mute");
    agent.signal(Signal::CONT);
    window.click("button", "Try again");
    window.await_text("On · Standard");
}

#[test]
fn the_tray_and_a_second_agent_open_the_window_of_their_engine() {
    let session = require!(Session::start());
    let desktop = &session.screen.desktop;
    let panel = Panel::start(&format!(
        "unix:path={}",
        desktop.folder("run/bus").display()
    ));
    let agent = session.agent();
    let item = panel.await_item();
    panel.choose(&item, &["Open Privet"]);
    let frame = session
        .screen
        .await_frames("with the state as its title", |frames| {
            frames.len() == 1 && frames[0].title.starts_with("On · Standard")
        });
    let mut command = Command::new(binary());
    command
        .arg("agent")
        .args(path_args(&agent.sandbox))
        .envs(session.screen.env());
    assert_eq!(CommandOutput::of(command).code, 0);
    panel.choose(&item, &["Open Privet"]);
    assert_eq!(session.screen.await_frame().pid, frame[0].pid);
    // The engine survives its window and opens the next one.
    signal(frame[0].pid, Signal::KILL);
    session
        .screen
        .await_frames("no window", <[Frame]>::is_empty);
    panel.choose(&item, &["Open Privet"]);
    let next = session.screen.await_frame();
    assert_ne!(next.pid, frame[0].pid);
    session.close(&next);
    assert_eq!(agent.json(&["status"])["pid"], agent.pid());
}

#[test]
fn the_reason_is_printed_when_no_window_can_be_shown() {
    let program = require!(desktop_binary());
    let mut command = Command::new(&program);
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let answer = CommandOutput::of(command);
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains("no display"), "{answer:?}");
    let mut command = Command::new(&program);
    command.arg("--nonsense");
    assert!(CommandOutput::of(command).err.contains("--nonsense"));
}
