//! A virtual X screen with a window manager, for one test.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::client::CommandOutput;
use crate::desktop::Desktop;
use crate::pixels::Pixels;
use crate::privet::pause;
use crate::process::{Running, program};
use crate::timeout::TIMEOUT;

/// A desktop session with a screen.
pub struct Screen {
    pub desktop: Desktop,
    display: String,
    _manager: Running,
    _server: Running,
}

/// A window as the window manager knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub id: String,
    pub pid: u32,
    pub position: (i32, i32),
    pub size: (i32, i32),
    pub title: String,
}

impl Screen {
    /// Starts one of 1280 by 900 pixels; `None`, reported as skipped, where a program for it is not installed.
    pub fn start() -> Option<Self> {
        for name in ["Xvfb", "openbox", "wmctrl"] {
            program(name)?;
        }
        let desktop = Desktop::start()?;
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", "1280x900x24"])
            .args(["-nolisten", "tcp", "-noreset", "-fbdir"])
            .arg(desktop.folder("run"));
        let server = Running::start("Xvfb", command);
        let display = format!(":{}", await_number(&server));
        let mut command = Command::new("openbox");
        command
            .args(["--sm-disable", "--startup", "echo ready"])
            .envs(desktop.env())
            .env("DISPLAY", &display);
        let manager = Running::start("openbox", command);
        manager.await_line("ready");
        Some(Self {
            desktop,
            display,
            _manager: manager,
            _server: server,
        })
    }

    /// The environment of programs in this session.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = self.desktop.env();
        let more = [
            ("DISPLAY", self.display.as_str()),
            ("GDK_BACKEND", "x11"),
            // No accessibility bus is started for a test.
            ("NO_AT_BRIDGE", "1"),
            ("GTK_A11Y", "none"),
        ];
        env.extend(more.map(|(key, value)| (key.to_owned(), value.to_owned())));
        env
    }

    /// What is on the screen now, and later.
    pub fn pixels(&self) -> Pixels {
        Pixels::open(&self.desktop.folder("run").join("Xvfb_screen0"))
    }

    /// Writes a screenshot as a PNG file, where ImageMagick is installed; for debugging.
    pub fn picture(&self, file: &Path) -> Option<CommandOutput> {
        let mut command = Command::new(program("import")?);
        command.args(["-window", "root"]).arg(file).envs(self.env());
        Some(CommandOutput::of(command))
    }

    fn manage(&self, args: &[&str]) -> CommandOutput {
        let mut command = Command::new("wmctrl");
        command.args(args).envs(self.env());
        CommandOutput::of(command)
    }

    /// The open windows.
    pub fn frames(&self) -> Vec<Frame> {
        // "0x… desktop pid x y width height host title"
        let listed = self.manage(&["-lpG"]);
        listed.out.lines().filter_map(frame).collect()
    }

    /// Waits for exactly one window.
    pub fn await_frame(&self) -> Frame {
        self.await_frames("one window", |frames| frames.len() == 1)
            .remove(0)
    }

    /// Waits until `ready` is true of the open windows.
    pub fn await_frames(&self, what: &str, ready: impl Fn(&[Frame]) -> bool) -> Vec<Frame> {
        let start = Instant::now();
        loop {
            let frames = self.frames();
            if ready(&frames) {
                return frames;
            }
            assert!(start.elapsed() < TIMEOUT, "not {what}: {frames:#?}");
            pause();
        }
    }

    /// Closes a window as its close button does.
    pub fn close(&self, frame: &Frame) {
        self.manage(&["-i", "-c", &frame.id]).good();
    }

    /// Moves and sizes a window.
    pub fn put(&self, frame: &Frame, position: (i32, i32), size: (i32, i32)) {
        let (x, y) = position;
        let (width, height) = size;
        let args = format!("0,{x},{y},{width},{height}");
        self.manage(&["-i", "-r", &frame.id, "-e", &args]).good();
    }

    pub fn maximize(&self, frame: &Frame) {
        let args = [
            "-i",
            "-r",
            &frame.id,
            "-b",
            "add,maximized_vert,maximized_horz",
        ];
        self.manage(&args).good();
    }

    /// Processes of a web view in this session.
    pub fn web_processes(&self) -> Vec<String> {
        let mark = self.desktop.folder("run").display().to_string();
        let entries = std::fs::read_dir("/proc").expect("a process table");
        entries
            .flatten()
            .filter_map(|entry| {
                let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
                let web = name.starts_with("WebKit") && !name.starts_with("WebKitWebDriv");
                let environment = std::fs::read(entry.path().join("environ")).ok()?;
                let ours = String::from_utf8_lossy(&environment).contains(&mark);
                (web && ours).then(|| name.trim().to_owned())
            })
            .collect()
    }
}

/// The display number that `-displayfd` prints among the other output.
fn await_number(server: &Running) -> u32 {
    let start = Instant::now();
    loop {
        let log = server.log();
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if let Some(number) = whole.lines().find_map(|line| line.trim().parse().ok()) {
            return number;
        }
        assert!(start.elapsed() < TIMEOUT, "Xvfb never prints its number");
        pause();
    }
}

fn frame(line: &str) -> Option<Frame> {
    let args: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| args.get(at)?.parse::<i32>().ok();
    Some(Frame {
        id: (*args.first()?).to_owned(),
        pid: args.get(2)?.parse().ok()?,
        position: (number(3)?, number(4)?),
        size: (number(5)?, number(6)?),
        title: args.get(8..)?.join(" "),
    })
}
