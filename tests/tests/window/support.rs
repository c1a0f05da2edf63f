//! What several of these tests need.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use privet_tests::privet::{Sandbox, Setup};
use privet_tests::screen::{Frame, Screen};
use privet_tests::webdriver::{Driver, Window, desktop_binary};
use privet_tests::{CommandOutput, Privet, TIMEOUT};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

pub const CONFIG: &str = "\
[listen]
mixed = [\"$MIXED\"]
pac = \"$PAC\"
[filter]
deny = [\"ads.test\"]
";

/// A screen, a WebDriver server and the program.
pub struct Session {
    pub screen: Screen,
    pub driver: Driver,
    pub program: PathBuf,
}

impl Session {
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    pub fn start_with(env: &[(&str, &str)]) -> Option<Self> {
        let program = desktop_binary()?;
        let screen = Screen::start()?;
        let driver = Driver::start(&screen, env)?;
        Some(Self {
            screen,
            driver,
            program,
        })
    }

    pub fn agent(&self) -> Privet {
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

    pub fn open(&self, sandbox: &Sandbox) -> Window<'_> {
        self.driver.open(&self.program, &path_args(sandbox))
    }

    /// Starts the program without the driver, as from a menu or by a link.
    pub fn launch(&self, sandbox: &Sandbox, link: Option<&str>) -> CommandOutput {
        let mut command = Command::new(&self.program);
        command
            .args(path_args(sandbox))
            .args(link)
            .envs(self.screen.env());
        CommandOutput::of(command)
    }

    /// Closes the window and waits until its processes have ended.
    pub fn close(&self, frame: &Frame) {
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
pub fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Whether a process runs and is not a zombie.
pub fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The arguments that name these paths to the window.
pub fn path_args(sandbox: &Sandbox) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    vec![
        "--config".to_owned(),
        text(sandbox.config()),
        "--data-dir".to_owned(),
        text(sandbox.dir().join("data")),
    ]
}

/// The folder of an agent that the window starts; the agent is ended on drop.
pub struct Started(pub Sandbox);

impl Started {
    pub fn new(config: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(config);
        Self(sandbox)
    }

    pub fn pid(&self) -> u32 {
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

pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("it takes a signal");
}
