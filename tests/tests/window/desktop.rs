//! The window on its desktop: links, size, colours, system proxy.

use privet_tests::pixels::Area;
use privet_tests::portal::Portal;
use privet_tests::require;
use privet_tests::screen::Frame;
use privet_tests::wait::until;
use serde_json::{Value, json};

use crate::support::Session;

#[test]
fn the_page_is_drawn_on_the_screen() {
    let session = require!(Session::start());
    let agent = session.agent();
    let _window = session.open(&agent.sandbox);
    let frame = session.screen.await_frame();
    let pixels = session.screen.pixels();
    let area = Area {
        position: frame.position,
        size: (frame.size.0 / 2, frame.size.1 / 2),
    };
    // A screen without the window is all ink; a window without its page has none.
    until("text in the window", || {
        let ink = pixels.ink(area);
        let dark = ink.iter().filter(|ink| **ink).count();
        dark > 0 && dark < ink.len() / 4
    });
}

#[test]
fn a_second_start_raises_the_window_and_a_link_asks_before_adding() {
    let session = require!(Session::start());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    let frame = session.screen.await_frame();
    let second = session.launch(&agent.sandbox, None);
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(session.screen.await_frame().pid, frame.pid);

    let upstreams = || agent.api("GET", "config", None).1["upstream"].clone();
    let link = "privet:import?upstream=socks5%3A%2F%2Fberlin.test%3A1080&name=berlin";
    assert_eq!(session.launch(&agent.sandbox, Some(link)).code, 0);
    window.await_text("A link asks to add an upstream");
    window.await_text("socks5://berlin.test:1080");
    window.await_text("No recorded connections to replay.");
    window.shot("link");
    assert_eq!(upstreams(), json!([]), "nothing is added unasked");
    window.click("dialog button", "Don’t add");
    window.await_script(
        "the dialog closed",
        "return !document.querySelector('dialog[open]')",
        &[],
    );
    assert_eq!(upstreams(), json!([]));

    assert_eq!(session.launch(&agent.sandbox, Some(link)).code, 0);
    window.await_text("socks5://berlin.test:1080");
    window.click("dialog button", "Add");
    agent.await_api("config", |config| config["upstream"][0]["name"] == "berlin");

    // An invalid upstream is reported by the engine and cannot be added.
    let bad = "privet:import?upstream=gopher%3A%2F%2Fx.test";
    assert_eq!(session.launch(&agent.sandbox, Some(bad)).code, 0);
    window.await_text("gopher://x.test");
    window.await_script(
        "the fault",
        "return document.querySelector('dialog .bad')?.innerText",
        &[],
    );
    window.click("dialog button", "Don’t add");
    assert_eq!(
        session
            .launch(&agent.sandbox, Some("https://example.test/"))
            .code,
        0
    );
    window.await_text("it is not a Privet link");
    let long = format!("privet:{}", "x".repeat(4000));
    assert_eq!(session.launch(&agent.sandbox, Some(&long)).code, 0);
    window.await_text("it is too long");
    assert_eq!(
        session
            .launch(&agent.sandbox, Some("privet:page/rules"))
            .code,
        0
    );
    window.await_script("the page", "return location.hash === '#rules'", &[]);
    assert_eq!(upstreams().as_array().map(Vec::len), Some(1));
    assert_eq!(session.screen.await_frame().pid, frame.pid);
}

#[test]
fn size_position_page_and_columns_are_restored() {
    let session = require!(Session::start());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    let frame = session.screen.await_frame();
    session.screen.put(&frame, (60, 70), (900, 600));
    let sized = |frames: &[Frame]| frames.len() == 1 && frames[0].size == (900, 600);
    let before = session
        .screen
        .await_frames("of the new size", sized)
        .remove(0);
    window.click("nav a", "Connections");
    let columns = "return [...document.querySelectorAll('[role=columnheader]')].map((h) => h.innerText).join()";
    let first = window.await_script("columns", columns, &[]);
    window.click("button", "Columns");
    window.click("label", "Age");
    let chosen = window.await_script(
        "other columns",
        "const now = [...document.querySelectorAll('[role=columnheader]')].map((h) => h.innerText).join();\
         return now !== arguments[0] && now",
        &[first],
    );
    session.close(&before);
    drop(window);

    let window = session.open(&agent.sandbox);
    window.await_script("its page", "return location.hash === '#connections'", &[]);
    let after = session
        .screen
        .await_frames("of the same size", sized)
        .remove(0);
    assert_eq!(after.position, before.position);
    assert_eq!(window.await_script("columns", columns, &[]), chosen);
    session.screen.maximize(&after);
    let full = |frames: &[Frame]| frames.len() == 1 && frames[0].size.0 >= 1270;
    let after = session.screen.await_frames("maximised", full).remove(0);
    session.close(&after);
    drop(window);

    // A position that is on no monitor.
    let file = agent.sandbox.dir().join("data/window/window.json");
    let kept: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it is kept")).expect("JSON");
    assert_eq!(kept["maximized"], true);
    let mut moved = kept;
    moved["maximized"] = json!(false);
    moved["position"] = json!([5000.0, 5000.0]);
    std::fs::write(&file, moved.to_string()).expect("it is ours");
    let window = session.open(&agent.sandbox);
    window.await_text("Active");
    let back = session
        .screen
        .await_frames("of the size before", sized)
        .remove(0);
    assert!(
        back.position.0 < 1280 - 100 && back.position.1 < 900 - 100,
        "{back:?}"
    );
}

#[test]
fn the_system_proxy_is_switched_on_and_restored_after_quit() {
    let session = require!(Session::start());
    let desktop = &session.screen.desktop;
    desktop.set("mode", "'manual'");
    desktop.set("http host", "'proxy.test'");
    desktop.set("http port", "3128");
    let before = desktop.proxy();
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_title("On · Standard");
    window.click("[role=switch]", "System proxy");
    window.await_text("This desktop uses the proxy proxy.test:3128");
    window.click("button", "Replace it");
    window.await_script(
        "on",
        "return document.querySelector('[role=switch]')?.ariaChecked === 'true'",
        &[],
    );
    assert_eq!(desktop.get("mode"), "'auto'");
    window.shot("system-proxy");
    agent.cli(&["quit"]).good();
    assert_eq!(desktop.proxy(), before);
    window.await_text("Privet has stopped.");
}

#[test]
fn the_colours_follow_the_desktop() {
    let session = require!(Session::start());
    let run = session.screen.desktop.folder("run/bus");
    let portal = Portal::start(&format!("unix:path={}", run.display()), true);
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    let theme = "return document.documentElement.dataset.theme === arguments[0]";
    window.await_title("On · Standard");
    window.await_script("dark", theme, &[json!("dark")]);
    window.shot("dark");
    portal.choose(false);
    window.await_script("light", theme, &[json!("light")]);
    portal.choose(true);
    window.await_script("dark again", theme, &[json!("dark")]);
}
