//! `cargo xtask run`: runs Privet from this tree as it would be installed: on a desktop the agent with tray and window,
//! elsewhere the engine with its page.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::needs;
use crate::page;
use crate::shell::{self, Done};

/// Documented default ports; others are used if these are in use.
const MIXED: u16 = 7280;
const PAC: u16 = 7281;
const PAGE: u16 = 7282;
/// Printed by Privet once all listeners are open.
const READY: &str = "Ctrl-C stops.";
/// Both programs are always selected, so that the engine is not compiled again with other features for the window.
const BUILD: [&str; 8] = [
    "build",
    "--profile",
    "quick",
    "--locked",
    "-p",
    "privet",
    "-p",
    "privet-desktop",
];

/// Builds Privet, starts it with a configuration and data folder in the build folder, and waits until it ends. On a
/// desktop it then builds and opens the window.
pub fn run() -> Done {
    let headless = headless();
    match headless {
        Some(why) => {
            println!("{why}: Privet runs without tray and window.");
            needs::ensure(&[needs::BUILD])?;
        }
        None => needs::ensure(&[needs::BUILD, needs::DESKTOP])?,
    }
    let mut sources = download_sources();
    let page = page::build();
    if let Ok(sources) = &mut sources {
        let _ = sources.wait();
    }
    page?;
    let folder = RunFolder::new()?;
    if headless.is_some() || !needs::webview() {
        shell::run("cargo", &BUILD[..6])?;
        folder.print()?;
        return shell::run_command(folder.program("privet", &["serve"]));
    }
    shell::run("cargo", &[&BUILD[..], &["--bin", "privet"]].concat())?;
    folder.print()?;
    agent_and_window(&folder)
}

/// Downloads the sources of all libraries; meanwhile the page is built. If it fails, the build that follows says why.
fn download_sources() -> std::io::Result<Child> {
    let mut command = shell::command("cargo", &["fetch", "--quiet", "--locked"]);
    if let Ok(host) = shell::host() {
        command.args(["--target", &host]);
    }
    command.stderr(Stdio::null()).spawn()
}

/// Runs the agent; once it serves, builds and opens the window.
fn agent_and_window(folder: &RunFolder) -> Done {
    let mut agent = folder
        .program("privet", &["agent"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("privet did not start: {error}"))?;
    let output = agent.stdout.take().ok_or("privet gives no output")?;
    let mut window = None;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        println!("{line}");
        if line.contains(READY) && window.is_none() {
            println!("Privet serves. Building its window; then it opens by itself.");
            shell::run("cargo", &BUILD)?;
            window = folder.program("privet-desktop", &[]).spawn().ok();
        }
    }
    let status = agent.wait().map_err(|error| error.to_string())?;
    if let Some(mut window) = window {
        println!("Privet has stopped; its window stays until it is closed.");
        let _ = window.wait();
    }
    if status.success() {
        Ok(())
    } else {
        Err(format!("privet ended with {status}"))
    }
}

/// Why no window can be shown; `None` if one can.
fn headless() -> Option<&'static str> {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !has("DISPLAY") && !has("WAYLAND_DISPLAY") {
        Some("There is no display")
    } else {
        None
    }
}

/// The folder of configuration and data: `run` in the build folder.
struct RunFolder {
    config: PathBuf,
    data: PathBuf,
}

impl RunFolder {
    fn new() -> Result<Self, String> {
        let folder = shell::target_dir().join("run");
        let data = folder.join("data");
        fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        let config = folder.join("privet.toml");
        if !config.exists() {
            let text = configuration(free(MIXED)?, free(PAC)?, free(PAGE)?);
            fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        }
        Ok(Self { config, data })
    }

    fn program(&self, name: &str, words: &[&str]) -> Command {
        let binary = shell::target_dir().join("quick").join(name);
        let mut command = shell::command(&binary.display().to_string(), words);
        command.arg("--config").arg(&self.config);
        command.arg("--data-dir").arg(&self.data);
        command
    }

    /// Prints addresses and paths. Privet prints the token itself at the first start.
    fn print(&self) -> Done {
        let text = fs::read_to_string(&self.config)
            .map_err(|error| format!("{}: {error}", self.config.display()))?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_matches([' ', '=', '"', '[', ']']).to_owned())
        };
        if let Some(proxy) = value("mixed") {
            println!(
                "proxy:   {proxy} (SOCKS4, SOCKS4a, SOCKS5, HTTP); try: curl -x socks5h://{proxy} URL"
            );
        }
        if let Some(page) = value("http") {
            println!("page:    http://{page}/ in a browser; the API is at http://{page}/api/v1/");
        }
        let token = self.data.join("control.token");
        match fs::read_to_string(&token) {
            Ok(text) => println!("token:   {}", text.trim()),
            Err(_) => println!("token:   printed below, once; kept in {}", token.display()),
        }
        println!(
            "config:  {}\ncontrol: {} --data-dir {} status",
            self.config.display(),
            shell::target_dir().join("quick/privet").display(),
            self.data.display()
        );
        Ok(())
    }
}

fn configuration(mixed: SocketAddr, pac: SocketAddr, page: SocketAddr) -> String {
    format!(
        "# Made by `cargo xtask run`; yours to change, Privet loads each save.\nmode = \"standard\"\n\n\
         [listen]\nmixed = [\"{mixed}\"]\npac = \"{pac}\"\n\n[control]\nhttp = \"{page}\"\n"
    )
}

/// The address with this port, or with another one if it is in use.
fn free(port: u16) -> Result<SocketAddr, String> {
    let wanted =
        TcpListener::bind(("127.0.0.1", port)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    wanted
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}
