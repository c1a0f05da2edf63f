//! What the page does and may do.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use privet_tests::process::Running;
use privet_tests::wait::idle;
use privet_tests::{Origin, curl, require};
use serde_json::{Value, json};

use crate::support::Session;

#[test]
fn choices_reach_the_engine_and_connections_are_shown_with_their_reason() {
    let session = require!(Session::start());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    window.click("button", "Copy");
    window.await_text(&format!("Copied: {}", agent.proxy()));
    window.click("[role=radio]", "Off");
    agent.await_api("status", |status| status["mode"]["name"] == "off");
    window.await_title("Passing all through");
    window.click("[role=radio]", "Standard");
    agent.await_api("status", |status| status["mode"]["name"] == "standard");
    // Changes by other clients are shown too.
    agent.cli(&["mode", "strict"]).good();
    window.await_title("On · Strict");
    agent.cli(&["mode", "standard"]).good();
    window.await_title("On · Standard");

    // The origin never answers, so that the connection stays open.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let origin = Origin::raw(move |_stream| {
        let _ = ended.lock().expect("one at a time").recv();
    });
    let proxy = format!("http://{}", agent.proxy());
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "-x", &proxy, &origin.url("/seen")]);
    let open_connection = Running::start("curl", command);
    let blocked = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-x",
        &proxy,
        "http://ads.test/",
    ]);
    assert_eq!(blocked.out, "403");
    window.click("nav a", "Connections");
    window.click("[role=row][aria-label^='curl to 127.0.0.1']", "");
    window.await_text("Why (evaluated now)");
    drop((open_connection, end));
    window.click("[role=tab]", "Blocked");
    window.click("[role=row][aria-label*='ads.test']", "");
    window.await_script(
        "the step that decided, with its reason",
        "const why = document.querySelector('aside')?.innerText ?? '';\
         return why.includes('matched') && why.includes('blocked domains') && /ads\\.test is blocked/.test(why)",
        &[],
    );
    window.shot("why");
}

#[test]
fn minimised_it_sends_no_requests() {
    let session = require!(Session::start());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    // Each call of the shell is a fetch of its scheme.
    let count = "const fetch = window.fetch; window.calls = [];\
                 window.fetch = (...all) => { window.calls.push(String(all[0])); return fetch(...all) }; return true";
    window.script(count, &[]);
    window.await_script("a call", "return window.calls.length > 0", &[]);
    window.minimize();
    window.await_script("hidden", "return document.hidden", &[]);
    window.script("window.calls = []; return true", &[]);
    idle(Duration::from_secs(3));
    let proxy = format!("http://{}", agent.proxy());
    curl(&["-o", "/dev/null", "-x", &proxy, "http://ads.test/"]).good();
    idle(Duration::from_secs(1));
    assert_eq!(window.script("return window.calls", &[]), json!([]));
    // Shown again by a second start, it updates.
    assert_eq!(session.launch(&agent.sandbox, None).code, 0);
    window.await_script("seen", "return !document.hidden", &[]);
    window.await_script("a call", "return window.calls.length > 0", &[]);
}

#[test]
fn the_page_reaches_only_the_control_api() {
    let session = require!(Session::start());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    let origin = Origin::http();
    let invoked = |script: &str, words: &[Value]| {
        let run = format!(
            "window.outcome = undefined; ({script})(...arguments).then((v) => window.outcome = JSON.stringify(v) ?? 'nothing', \
             (e) => window.outcome = 'refused: ' + (e?.message ?? JSON.stringify(e))); return true"
        );
        window.script(&run, words);
        let outcome = window.await_script("an outcome", "return window.outcome", &[]);
        outcome.as_str().unwrap_or_default().to_owned()
    };
    let invoke = "(command, args) => window.__TAURI_INTERNALS__.invoke(command, args)";
    let call = |path: &str| json!({ "request": { "method": "GET", "path": path } });
    let good = invoked(invoke, &[json!("call"), call("/api/v1/status")]);
    assert!(good.contains("\"status\":200"), "{good}");
    for (command, args) in [
        ("call", call("/metrics")),
        ("call", call("/api/v1/../../metrics")),
        ("call", call(&origin.url("/"))),
        ("watch", json!({ "path": "/api/v1/status" })),
        (
            "plugin:event|listen",
            json!({ "event": "x", "target": { "kind": "Any" }, "handler": 1 }),
        ),
        ("plugin:window|close", json!({})),
        (
            "plugin:webview|create_webview_window",
            json!({ "options": { "label": "x" } }),
        ),
        ("nonsense", json!({})),
    ] {
        let outcome = invoked(invoke, &[json!(command), args]);
        assert!(outcome.starts_with("refused: "), "{command}: {outcome}");
    }
    let fetched = invoked(
        "(url) => fetch(url, { mode: 'no-cors' })",
        &[json!(origin.url("/"))],
    );
    assert!(fetched.starts_with("refused: "), "{fetched}");
    let eval = window.script(
        "try { new Function('return 1')(); return 'ran' } catch (e) { return e.name }",
        &[],
    );
    assert_eq!(eval, json!("EvalError"));
    // Neither another URL in this window nor another window can be opened.
    window.script(
        "location.href = arguments[0]; return true",
        &[json!(origin.url("/"))],
    );
    window.script(
        "window.open(arguments[0]); return true",
        &[json!(origin.url("/"))],
    );
    window.await_title("On · Standard");
    let here = window.script("return location.href", &[]);
    assert!(
        here.as_str()
            .is_some_and(|url| url.starts_with("tauri://localhost")),
        "{here}"
    );
    assert_eq!(origin.accepted(), 0, "nobody was reached");
    assert_eq!(session.screen.frames().len(), 1);
}

#[test]
fn exported_files_are_saved_and_their_path_is_shown() {
    let session = require!(Session::start());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    let proxy = format!("http://{}", agent.proxy());
    curl(&["-o", "/dev/null", "-x", &proxy, "http://ads.test/"]).good();
    window.click("nav a", "Connections");
    window.click("[role=tab]", "Blocked");
    window.await_text("ads.test");
    window.click("button", "Export CSV");
    window.await_text("Saved as ");
    let home = session.screen.desktop.folder("home");
    let saved = window.text();
    let path = saved
        .split("Saved as ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let path = Path::new(path.expect("a path").trim());
    assert!(path.starts_with(&home), "{path:?}");
    let text = std::fs::read_to_string(path).expect("the file is there");
    assert!(text.contains("ads.test"), "{text}");
}
