//! `cargo xtask cache-suite`: a public conformance suite for HTTP caches, run against the built program.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{self, Done};
use crate::tools;

/// The suite (BSD-3-Clause), and the client library that it uses.
const SUITE: &str = "http-cache-tests@0.4.5";
const ARCHIVE: &str = "http-cache-tests-0.4.5.tgz";
const CLIENT: &str = "node-fetch@2.7.0";
/// The kinds of caches that are tested; see `run.mjs`.
const KINDS: [&str; 3] = ["site", "shared", "private"];
const START: Duration = Duration::from_secs(30);

/// Builds Privet and runs the suite against it.
pub fn cache_suite() -> Done {
    shell::run("cargo", &["build", "--quiet", "--locked", "-p", "privet"])?;
    check()
}

/// Runs the suite against the program that is built: in front of the suite's server as a site, and behind its client as a
/// proxy with a shared and with a private cache.
pub fn check() -> Done {
    if !shell::has("node") || !shell::has("npm") {
        return tools::skip("the conformance suite for caches: Node with npm is missing");
    }
    let folder = shell::target_dir().join("cache-suite");
    if let Err(why) = install(&folder) {
        return tools::skip(&format!("the conformance suite for caches: {why}"));
    }
    KINDS.iter().try_for_each(|kind| run(kind, &folder))
}

/// Puts the suite and its client library below `folder`, unless they are there.
fn install(folder: &Path) -> Done {
    if folder.join("package/cli.mjs").is_file() && folder.join("node_modules/node-fetch").is_dir() {
        return Ok(());
    }
    println!("installing {SUITE} and {CLIENT} in {}", folder.display());
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
    let npm = |words: &[&str]| {
        let mut npm = shell::command("npm", words);
        npm.args(quiet).current_dir(folder).stdout(Stdio::null());
        shell::run_command(npm)
    };
    npm(&["install", "--prefix", ".", CLIENT])?;
    npm(&["pack", SUITE])?;
    let mut tar = shell::command("tar", &["-xzf", ARCHIVE]);
    tar.current_dir(folder);
    shell::run_command(tar)
}

/// Ends a program when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a program that listens at `address`, and waits until it does.
    #[expect(
        clippy::disallowed_methods,
        reason = "no runtime runs here, and a foreign server tells nobody that it listens"
    )]
    fn start(mut command: Command, address: SocketAddr) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn();
        let mut running = Self(child.map_err(|error| format!("{name} did not start: {error}"))?);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = running.0.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || begun.elapsed() > START {
                return Err(format!("{name} does not listen at {address}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

fn run(kind: &str, folder: &Path) -> Done {
    let suite = folder.join("package");
    let data = folder.join(kind);
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).map_err(|error| error.to_string())?;
    let (origin, listen) = (free_address()?, free_address()?);

    let mut server = Command::new("node");
    server.arg("server/server.mjs").current_dir(&suite);
    server.env("npm_config_protocol", "http");
    server.env("npm_config_port", origin.port().to_string());
    server.env("npm_config_pidfile", data.join("server.pid"));
    let _server = Running::start(server, origin)?;

    let config = data.join("privet.toml");
    fs::write(&config, config_of(kind, origin, listen)).map_err(|error| error.to_string())?;
    let mut privet = Command::new(privet());
    privet.arg("serve").arg("--config").arg(&config);
    privet.arg("--data-dir").arg(data.join("data"));
    privet.env("PRIVET_TRUST_STORES", "home").env("HOME", &data);
    let _privet = Running::start(privet, listen)?;

    let mut tests = Command::new("node");
    tests.arg("--no-warnings");
    tests.arg(shell::root().join("crates/xtask/src/cache_suite/run.mjs"));
    tests.env("SUITE", &suite).env("KIND", kind);
    tests.env_remove("ONLY").env_remove("PROXY");
    if kind == "site" {
        tests.env("BASE", format!("http://{listen}"));
    } else {
        tests.env("BASE", format!("http://{origin}"));
        tests.env("PROXY", format!("http://{listen}"));
    }
    shell::run_quietly(tests)
}

fn privet() -> PathBuf {
    shell::target_dir().join("debug/privet")
}

fn config_of(kind: &str, origin: SocketAddr, listen: SocketAddr) -> String {
    match kind {
        "site" => format!(
            "[[site]]\nname = \"suite\"\nlisten = [\"{listen}\"]\nhosts = [\"127.0.0.1\"]\ncache = true\n\
             [[site.backend]]\nurl = \"http://{origin}\"\n"
        ),
        _ => format!(
            "[listen]\nmixed = [\"{listen}\"]\n[cache]\nenabled = true\nshared = {}\ndisk = \"0\"\n",
            kind == "shared"
        ),
    }
}

/// An address that is free now.
fn free_address() -> Result<SocketAddr, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| error.to_string())
}
