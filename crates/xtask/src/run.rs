//! `cargo xtask run`: Privet from this tree, for whoever wants to see it work.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::needs;
use crate::page;
use crate::shell::{self, Done};

/// Ports of the configuration's documentation; others are taken where these are not free.
const MIXED: u16 = 7280;
const PAC: u16 = 7281;
const PAGE: u16 = 7282;

/// Builds Privet, starts it with a configuration and data of its own in the build folder, and waits until it ends.
pub fn run() -> Done {
    needs::ensure(&[needs::BUILD])?;
    page::build()?;
    shell::run(
        "cargo",
        &["build", "--profile", "quick", "--locked", "-p", "privet"],
    )?;
    println!("{}", window());
    let place = shell::target_dir().join("run");
    let data = place.join("data");
    fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let config = place.join("privet.toml");
    if !config.exists() {
        let text = configuration(free(MIXED)?, free(PAC)?, free(PAGE)?);
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
    }
    tell(&config, &data)?;
    let binary = shell::target_dir().join("quick/privet");
    let mut serve = shell::command(&binary.display().to_string(), &["serve"]);
    serve
        .arg("--config")
        .arg(&config)
        .arg("--data-dir")
        .arg(&data);
    shell::run_command(serve)
}

/// Why there is no window.
fn window() -> &'static str {
    if !shell::root().join("src-tauri/Cargo.toml").exists() {
        "This tree has no desktop window yet: Privet serves headless."
    } else if std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none()
    {
        "There is no display: Privet serves headless."
    } else {
        "The window is opened by `privet-desktop`; Privet serves headless here."
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
