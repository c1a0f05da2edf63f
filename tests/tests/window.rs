//! The built `privet-desktop` on a virtual screen, controlled by WebDriver.

use privet_tests::require;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use privet_tests::panel::Panel;
use privet_tests::portal::Portal;
use privet_tests::privet::{Sandbox, Setup, binary};
use privet_tests::process::Running;
use privet_tests::screen::{Frame, Screen};
use privet_tests::webdriver::{Driver, Window, desktop_binary};
use privet_tests::{CommandOutput, Origin, Privet, TIMEOUT, curl};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const CONFIG: &str = "\
[listen]
mixed = [\"$MIXED\"]
pac = \"$PAC\"
[filter]
deny = [\"ads.test\"]
";

/// A screen, a WebDriver server and the program.
struct Session {
    screen: Screen,
    driver: Driver,
    program: PathBuf,
}

impl Session {
    fn set() -> Option<Self> {
        Self::set_with(&[])
    }

    fn set_with(env: &[(&str, &str)]) -> Option<Self> {
        let program = desktop_binary()?;
        let screen = Screen::start()?;
        let driver = Driver::start(&screen, env)?;
        Some(Self {
            screen,
            driver,
            program,
        })
    }

    fn agent(&self) -> Privet {
        let setup = Setup {
            env: self.screen.env(),
            command: Some("agent"),
            ..Setup::default()
        };
        let agent = Privet::start_as(CONFIG, &setup);
        // Skips the first run, which another test covers.
        let (status, answer) = agent.api("PUT", "first-run", Some(&json!({ "done": true })));
        assert_eq!(status / 100, 2, "{answer}");
        agent
    }

    fn open(&self, sandbox: &Sandbox) -> Window<'_> {
        self.driver.open(&self.program, &path_args(sandbox))
    }

    /// Starts the program without the driver, as from a menu or by a link.
    fn start(&self, sandbox: &Sandbox, link: Option<&str>) -> CommandOutput {
        let mut command = Command::new(&self.program);
        command
            .args(path_args(sandbox))
            .args(link)
            .envs(self.screen.env());
        CommandOutput::of(command)
    }

    /// Closes the window and waits until its processes have ended.
    fn close(&self, frame: &Frame) {
        self.screen.close(frame);
        self.screen.await_frames("no window", <[Frame]>::is_empty);
        let start = Instant::now();
        while runs(frame.pid) || !self.screen.web_processes().is_empty() {
            let left = self.screen.web_processes();
            assert!(start.elapsed() < TIMEOUT, "left behind: {left:?}");
            pause();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a foreign process gives no event"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Whether a process runs and is not a zombie.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The arguments that name these paths to the window.
fn path_args(sandbox: &Sandbox) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    vec![
        "--config".to_owned(),
        text(sandbox.config()),
        "--data-dir".to_owned(),
        text(sandbox.dir().join("data")),
    ]
}

/// The folder of an agent that the window starts; the agent is ended on drop.
struct Started(Sandbox);

impl Started {
    fn new(config: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(config);
        Self(sandbox)
    }

    fn pid(&self) -> u32 {
        let (status, answer) = self.0.api("GET", "status", None);
        assert_eq!(status, 200, "{answer}");
        answer["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .expect("a pid")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.0.cli(&["quit"]);
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("it takes a signal");
}

#[test]
fn it_starts_an_agent_and_closing_it_leaves_the_agent_and_no_web_process() {
    let session = require!(Session::set());
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
fn choices_reach_the_engine_and_connections_are_shown_with_their_reason() {
    let session = require!(Session::set());
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
fn a_killed_engine_is_reported_and_one_click_restarts_it() {
    let session = require!(Session::set());
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
    let session = require!(Session::set_with(&[("PATH", &path)]));
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
    let session = require!(Session::set());
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
fn a_second_start_raises_the_window_and_a_link_asks_before_adding() {
    let session = require!(Session::set());
    let agent = session.agent();
    let window = session.open(&agent.sandbox);
    window.await_text("On · Standard");
    let frame = session.screen.await_frame();
    let second = session.start(&agent.sandbox, None);
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(session.screen.await_frame().pid, frame.pid);

    let upstreams = || agent.api("GET", "config", None).1["upstream"].clone();
    let link = "privet:import?upstream=socks5%3A%2F%2Fberlin.test%3A1080&name=berlin";
    assert_eq!(session.start(&agent.sandbox, Some(link)).code, 0);
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

    assert_eq!(session.start(&agent.sandbox, Some(link)).code, 0);
    window.await_text("socks5://berlin.test:1080");
    window.click("dialog button", "Add");
    agent.await_api("config", |config| config["upstream"][0]["name"] == "berlin");

    // An invalid upstream is reported by the engine and cannot be added.
    let bad = "privet:import?upstream=gopher%3A%2F%2Fx.test";
    assert_eq!(session.start(&agent.sandbox, Some(bad)).code, 0);
    window.await_text("gopher://x.test");
    window.await_script(
        "the fault",
        "return document.querySelector('dialog .bad')?.innerText",
        &[],
    );
    window.click("dialog button", "Don’t add");
    assert_eq!(
        session
            .start(&agent.sandbox, Some("https://example.test/"))
            .code,
        0
    );
    window.await_text("it is not a Privet link");
    let long = format!("privet:{}", "x".repeat(4000));
    assert_eq!(session.start(&agent.sandbox, Some(&long)).code, 0);
    window.await_text("it is too long");
    assert_eq!(
        session
            .start(&agent.sandbox, Some("privet:page/rules"))
            .code,
        0
    );
    window.await_script("the page", "return location.hash === '#rules'", &[]);
    assert_eq!(upstreams().as_array().map(Vec::len), Some(1));
    assert_eq!(session.screen.await_frame().pid, frame.pid);
}

#[test]
fn size_position_page_and_columns_are_restored() {
    let session = require!(Session::set());
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
fn minimised_it_sends_no_requests() {
    let session = require!(Session::set());
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
    assert_eq!(session.start(&agent.sandbox, None).code, 0);
    window.await_script("seen", "return !document.hidden", &[]);
    window.await_script("a call", "return window.calls.length > 0", &[]);
}

#[expect(clippy::disallowed_methods, reason = "idling is what is watched")]
fn idle(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn the_page_reaches_only_the_control_api() {
    let session = require!(Session::set());
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
fn the_tray_and_a_second_agent_open_the_window_of_their_engine() {
    let session = require!(Session::set());
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
fn exported_files_are_saved_and_their_path_is_shown() {
    let session = require!(Session::set());
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

#[test]
fn the_system_proxy_is_switched_on_and_restored_after_quit() {
    let session = require!(Session::set());
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
    let session = require!(Session::set());
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
