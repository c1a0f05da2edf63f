//! `cargo xtask run`: Privet from this tree, for whoever wants to see it work.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::needs;
use crate::page;
use crate::shell::{self, Done};

/// Ports of the configuration's documentation; others are taken where these are not free.
const MIXED: u16 = 7280;
const PAC: u16 = 7281;
const PAGE: u16 = 7282;
/// What `privet serve` says when all its doors are open.
const READY: &str = "Ctrl-C stops.";

/// Builds Privet, starts it with a configuration and data of its own in the build folder, and waits until it ends. Where a
/// window can be shown, one is.
pub fn run() -> Done {
    needs::ensure(&[needs::BUILD])?;
    page::build()?;
    let quick = ["build", "--profile", "quick", "--locked", "-p", "privet"];
    shell::run("cargo", &quick)?;
    let window = match without_window() {
        None => {
            // The page does the work, in the web view: a plain build, which the tests take too, is as fast.
            shell::run("cargo", &["build", "--locked", "-p", "privet-desktop"])?;
            true
        }
        Some(why) => {
            println!("{why}: Privet serves headless.");
            false
        }
    };
    let place = shell::target_dir().join("run");
    let data = place.join("data");
    fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let config = place.join("privet.toml");
    if !config.exists() {
        let text = configuration(free(MIXED)?, free(PAC)?, free(PAGE)?);
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
    }
    tell(&config, &data)?;
    let program = |file: &str, words: &[&str]| {
        let binary = shell::target_dir().join(file);
        let mut command = shell::command(&binary.display().to_string(), words);
        command.arg("--config").arg(&config);
        command.arg("--data-dir").arg(&data);
        command
    };
    if !window {
        return shell::run_command(program("quick/privet", &["serve"]));
    }
    let mut serve = program("quick/privet", &["serve"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("privet did not start: {error}"))?;
    // Its last line is said when all is open: the window attaches to it then, and starts no agent of its own.
    let said = serve.stdout.take().ok_or("privet gives no output")?;
    let mut shown = None;
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        println!("{line}");
        if line.contains(READY) && shown.is_none() {
            shown = program("debug/privet-desktop", &[]).spawn().ok();
        }
    }
    let status = serve.wait().map_err(|error| error.to_string())?;
    if let Some(mut window) = shown {
        println!("the window stays until it is closed: it says that Privet has stopped");
        let _ = window.wait();
    }
    if status.success() {
        Ok(())
    } else {
        Err(format!("privet ended with {status}"))
    }
}

/// Why there is no window here.
fn without_window() -> Option<&'static str> {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !has("DISPLAY") && !has("WAYLAND_DISPLAY") {
        Some("There is no display")
    } else if cfg!(target_os = "linux") && !needs::webview() {
        Some(
            "The web view's libraries are missing (on Debian: libwebkit2gtk-4.1-dev libdbus-1-dev)",
        )
    } else {
        None
    }
}

fn configuration(mixed: SocketAddr, pac: SocketAddr, page: SocketAddr) -> String {
    format!(
        "# Made by `cargo xtask run`; yours to change, Privet sees each save.\nmode = \"standard\"\n\n\
         [listen]\nmixed = [\"{mixed}\"]\npac = \"{pac}\"\n\n[control]\nhttp = \"{page}\"\n"
    )
}

/// The address on that port, or on another one where it is taken.
fn free(port: u16) -> Result<SocketAddr, String> {
    let wanted =
        TcpListener::bind(("127.0.0.1", port)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    wanted
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}

/// Where everything is. The token is there from the second start on; the first prints it itself.
fn tell(config: &Path, data: &Path) -> Done {
    let text =
        fs::read_to_string(config).map_err(|error| format!("{}: {error}", config.display()))?;
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
        println!("page:    http://{page}/ in a browser; the API stands at http://{page}/api/v1/");
    }
    let token: PathBuf = data.join("control.token");
    match fs::read_to_string(&token) {
        Ok(text) => println!("token:   {}", text.trim()),
        Err(_) => println!("token:   printed below, once; kept in {}", token.display()),
    }
    println!(
        "config:  {}\nsteer:   {} --data-dir {} status",
        config.display(),
        shell::target_dir().join("quick/privet").display(),
        data.display()
    );
    Ok(())
}
