//! Starts the measured proxies, Privet and peers, for one row, on another core than the load.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use privet_tests::peers::{Dante, Microsocks, Squid, open_folder, write};
use privet_tests::privet::Setup;
use privet_tests::{Privet, Running, await_port, program, reserve};

use xtask::shell;

/// A program that runs until it is dropped.
pub struct MeasuredProxy {
    pub name: String,
    pub address: SocketAddr,
    pub pid: u32,
    _alive: Box<dyn std::any::Any>,
}

pub fn measured(
    name: &str,
    address: SocketAddr,
    pid: u32,
    alive: impl std::any::Any,
) -> MeasuredProxy {
    MeasuredProxy {
        name: name.to_owned(),
        address,
        pid,
        _alive: Box::new(alive),
    }
}

/// Privet with its defaults: mode "standard", the history in memory.
pub fn privet() -> MeasuredProxy {
    start_privet("Privet", &Setup::default())
}

fn start_privet(name: &str, setup: &Setup) -> MeasuredProxy {
    let privet = Privet::start_as("", setup);
    measured(name, privet.proxy(), privet.pid(), privet)
}

static OTHER_BUILD: OnceLock<PathBuf> = OnceLock::new();

/// Makes rows compare two builds of Privet instead of Privet and other proxies.
pub fn compare_with(binary: &Path) {
    OTHER_BUILD.get_or_init(|| binary.to_owned());
}

pub fn two_builds_wanted() -> bool {
    OTHER_BUILD.get().is_some()
}

/// The other build of Privet, where [`compare_with`] named it.
pub fn other_build() -> Option<&'static PathBuf> {
    OTHER_BUILD.get()
}

/// This tree's build and the other one, where [`compare_with`] named it.
pub fn two_builds() -> Option<[MeasuredProxy; 2]> {
    let binary = OTHER_BUILD.get()?;
    let setup = Setup {
        binary: Some(binary.clone()),
        ..Setup::default()
    };
    Some([
        privet(),
        start_privet(&binary.display().to_string(), &setup),
    ])
}

pub fn dante() -> Option<MeasuredProxy> {
    let dante = Dante::start()?;
    Some(measured("Dante", dante.address, dante.running.pid(), dante))
}

pub fn microsocks() -> Option<MeasuredProxy> {
    let microsocks = Microsocks::start()?;
    Some(measured(
        "microsocks",
        microsocks.address,
        microsocks.running.pid(),
        microsocks,
    ))
}

pub fn squid() -> Option<MeasuredProxy> {
    let squid = Squid::start()?;
    Some(measured("Squid", squid.address, squid.running.pid(), squid))
}

/// The example server of the crate fast-socks5, built once into the build folder.
pub fn fast_socks5() -> Option<MeasuredProxy> {
    let root = shell::target_dir().join("peers");
    let server = root.join("bin/server");
    if !server.is_file() {
        let root = root.display().to_string();
        let words = [
            "install",
            "--quiet",
            "--root",
            &root,
            "--example",
            "server",
            "fast-socks5@1.0.0",
        ];
        shell::run("cargo", &words).ok()?;
    }
    let address = reserve();
    let mut command = Command::new(server);
    command
        .args(["--listen-addr", &address.to_string(), "no-auth"])
        .env("RUST_LOG", "off");
    Some(started("fast-socks5", address, command))
}

pub fn tinyproxy() -> Option<MeasuredProxy> {
    let program = program("tinyproxy")?;
    let (address, folder) = (reserve(), open_folder("tinyproxy-"));
    let text = format!(
        "Port {}\nListen 127.0.0.1\nTimeout 600\nMaxClients 5000\nAllow 127.0.0.1\nLogLevel Critical\n",
        address.port()
    );
    let config = write(folder.path(), "tinyproxy.conf", &text);
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(config);
    Some(started_in("tinyproxy", address, command, folder))
}

pub fn privoxy() -> Option<MeasuredProxy> {
    let program = program("privoxy")?;
    let (address, folder) = (reserve(), open_folder("privoxy-"));
    let text = format!(
        "confdir {at}\nlisten-address {address}\nmax-client-connections 5000\nkeep-alive-timeout 300\nconnection-sharing 1\n\
         socket-timeout 300\ndebug 0\n",
        at = folder.path().display()
    );
    let config = write(folder.path(), "config", &text);
    let mut command = Command::new(program);
    command.arg("--no-daemon").arg(config);
    Some(started_in("Privoxy", address, command, folder))
}

/// HAProxy that passes bytes on to one origin by splice, without a handshake: the lower bound of a relay.
pub fn haproxy(origin: SocketAddr) -> Option<MeasuredProxy> {
    let program = program("haproxy")?;
    let (address, folder) = (reserve(), open_folder("haproxy-"));
    let text = format!(
        "global\n  maxconn 4000\n  nbthread 1\ndefaults\n  mode tcp\n  option splice-request\n  option splice-response\n  timeout connect 5s\n  timeout client 300s\n  \
         timeout server 300s\nlisten all\n  bind {address}\n  server one {origin}\n"
    );
    let config = write(folder.path(), "haproxy.cfg", &text);
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(config);
    Some(started_in(
        "HAProxy (tcp, splice, no handshake)",
        address,
        command,
        folder,
    ))
}

/// Apache Traffic Server as a forward proxy without its cache, in a separate folder.
pub fn traffic_server() -> Option<MeasuredProxy> {
    let program = program("traffic_server")?;
    let (address, folder) = (reserve(), open_folder("trafficserver-"));
    for name in ["etc", "run", "log", "cache"] {
        fs::create_dir(folder.path().join(name)).ok()?;
    }
    let at = folder.path();
    write(
        &at.join("etc"),
        "storage.config",
        &format!("{} 32M\n", at.join("cache").display()),
    );
    write(&at.join("etc"), "records.config", &records(address, at));
    write(&at.join("etc"), "ip_allow.yaml", ALLOW_ALL);
    write(at, "runroot.yaml", &runroot(at));
    let everyone = Command::new("chmod").args(["-R", "777"]).arg(at).status();
    everyone.ok().filter(std::process::ExitStatus::success)?;
    let mut command = Command::new(program);
    command.arg(format!("--run-root={}", at.join("runroot.yaml").display()));
    Some(started_in("Traffic Server", address, command, folder))
}

const ALLOW_ALL: &str =
    "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n";

fn records(address: SocketAddr, at: &Path) -> String {
    let lines = [
        format!(
            "http.server_ports STRING {}:ip-in=127.0.0.1",
            address.port()
        ),
        "url_remap.remap_required INT 0".into(),
        "reverse_proxy.enabled INT 0".into(),
        // It refuses to run as root; every system has this user.
        "admin.user_id STRING nobody".into(),
        "http.connect_ports STRING *".into(),
        "http.cache.http INT 0".into(),
        "http.keep_alive_enabled_in INT 1".into(),
        "http.keep_alive_enabled_out INT 1".into(),
        "http.insert_request_via_str INT 0".into(),
        "exec_thread.autoconfig INT 0".into(),
        "exec_thread.limit INT 1".into(),
        "log.logging_enabled INT 0".into(),
        "diags.debug.enabled INT 0".into(),
        "http.transaction_no_activity_timeout_in INT 300".into(),
        "http.transaction_no_activity_timeout_out INT 300".into(),
        "net.connections_throttle INT 20000".into(),
        format!("local_state_dir STRING {}", at.join("run").display()),
    ];
    lines
        .iter()
        .map(|line| format!("CONFIG proxy.config.{line}\n"))
        .collect()
}

fn runroot(at: &Path) -> String {
    let at = at.display();
    format!(
        "prefix: {at}\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/sbin\nsysconfdir: {at}/etc\ndatadir: {at}/cache\n\
         includedir: /usr/include\nlibdir: /usr/lib\nlibexecdir: /usr/lib/trafficserver/modules\nlocalstatedir: {at}/run\n\
         runtimedir: {at}/run\nlogdir: {at}/log\ncachedir: {at}/cache\n"
    )
}

fn started(name: &str, address: SocketAddr, command: Command) -> MeasuredProxy {
    started_in(name, address, command, ())
}

pub fn started_in(
    name: &str,
    address: SocketAddr,
    command: Command,
    place: impl std::any::Any,
) -> MeasuredProxy {
    let running = Running::start(name, command);
    await_port(address, name);
    measured(name, address, running.pid(), (running, place))
}
