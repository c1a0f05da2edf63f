//! What the commands need from outside Rust, what each is for, and how it gets there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::shell::{self, Done};

/// A Debian package, a program (or, with its whole path, a file) by which it is recognised, and what it is for.
pub struct Package(&'static str, &'static str, &'static str);

/// To build anything.
pub const BUILD: &[Package] = &[Package(
    "gcc",
    "cc",
    "compiles the TLS and SQLite C sources",
)];

/// Real clients and servers for the whole-program tests.
pub const TEST: &[Package] = &[
    Package(
        "aria2",
        "aria2c",
        "client: parallel downloads through an HTTP proxy",
    ),
    Package("chromium", "chromium", "client: the browser"),
    Package("curl", "curl", "client: every SOCKS and HTTP form"),
    Package("git", "git", "client: clones through the proxy"),
    Package("netcat-openbsd", "nc", "client: ssh's ProxyCommand"),
    Package("openssh-client", "ssh", "client: ssh"),
    Package(
        "proxychains4",
        "proxychains4",
        "client: a program that knows no proxy",
    ),
    Package(
        "python3-venv",
        "python3",
        "client: python-socks, websockets, schemathesis",
    ),
    Package("openssh-server", "sshd", "server: ssh"),
    Package(
        "dante-server",
        "danted",
        "upstream: SOCKS5 with UDP and BIND",
    ),
    Package("microsocks", "microsocks", "upstream: SOCKS5"),
    Package("tor", "tor", "upstream: SOCKS5 that isolates streams"),
    Package("squid", "squid", "upstream: HTTP proxy"),
    Package(
        "haproxy",
        "haproxy",
        "upstream: TLS in front of an HTTP proxy",
    ),
    Package("socat", "socat", "a TCP door to the control socket"),
    Package("openssl", "openssl", "certificates for the tests' servers"),
    Package(
        "iproute2",
        "ip",
        "network namespaces of the kill-switch test",
    ),
    Package(
        "tcpdump",
        "tcpdump",
        "counts packets in the kill-switch test",
    ),
    Package(
        "util-linux",
        "unshare",
        "network namespaces of the kill-switch test",
    ),
    Package(
        "dbus",
        "dbus-daemon",
        "a session bus for the keyring, system proxy and tray tests",
    ),
    Package(
        "libglib2.0-bin",
        "gsettings",
        "a desktop's settings for the system proxy test",
    ),
    Package(
        "gsettings-desktop-schemas",
        "gsettings",
        "the settings themselves, for the system proxy test",
    ),
    Package(
        "dconf-gsettings-backend",
        "gsettings",
        "keeps them, for the system proxy test",
    ),
    Package(
        "dconf-cli",
        "dconf",
        "reads exactly what was set in the system proxy test",
    ),
    Package(
        "gnome-keyring",
        "gnome-keyring-daemon",
        "a Secret Service for the keyring test",
    ),
    Package(
        "libsecret-tools",
        "secret-tool",
        "reads the keyring as another program does",
    ),
    Package(
        "xvfb",
        "Xvfb",
        "a screen for the tray's and the window's tests",
    ),
    Package(
        "xfce4-panel",
        "xfce4-panel",
        "a panel that shows the tray's icon",
    ),
    Package("xclip", "xclip", "the clipboard that the tray copies to"),
    Package(
        "webkit2gtk-driver",
        "WebKitWebDriver",
        "steers the window in its tests",
    ),
    Package(
        "openbox",
        "openbox",
        "a window manager for the window's tests: place, size, minimising",
    ),
    Package(
        "wmctrl",
        "wmctrl",
        "moves and closes windows in their tests",
    ),
];

/// To make packages and to look at them.
pub const PACKAGE: &[Package] = &[
    Package("dpkg-dev", "dpkg-shlibdeps", "tells a package's libraries"),
    Package(
        "desktop-file-utils",
        "desktop-file-validate",
        "reads the desktop entry",
    ),
    Package("appstream", "appstreamcli", "reads the AppStream data"),
    Package("man-db", "man", "finds the manual pages"),
    Package("systemd", "systemd-analyze", "reads the units"),
];

/// To build the window.
pub const DESKTOP: &[Package] = &[
    Package(
        "libwebkit2gtk-4.1-dev",
        "/usr/share/doc/libwebkit2gtk-4.1-dev",
        "the web view of the window",
    ),
    Package(
        "libdbus-1-dev",
        "/usr/share/doc/libdbus-1-dev",
        "the window asks the desktop whether it is dark",
    ),
    Package("pkg-config", "pkg-config", "finds these two"),
];

/// Peers that only the benches measure.
pub const BENCH: &[Package] = &[
    Package("tinyproxy", "tinyproxy", "peer: HTTP proxy"),
    Package("privoxy", "privoxy", "peer: HTTP proxy"),
    Package("trafficserver", "traffic_server", "peer: HTTP proxy"),
    Package(
        "libayatana-appindicator3-1",
        "/usr/share/doc/libayatana-appindicator3-1",
        "the tray of the Tauri app beside which the window is measured",
    ),
];

/// Python packages of the whole-program tests; they go to a folder of the build's own.
const PYTHON: &[(&str, &str)] = &[
    ("python-socks[asyncio]", "client: SOCKS and HTTP handshakes"),
    ("PySocks", "client: SOCKS5 UDP"),
    ("websockets", "client and server: WebSocket"),
    (
        "schemathesis",
        "client: the control API by its OpenAPI document",
    ),
];

/// Installs what is missing where that can be done without asking; names it elsewhere.
///
/// # Errors
/// apt failed, or this is CI and something is missing that cannot be installed.
pub fn ensure(lists: &[&[Package]]) -> Done {
    let debian = shell::has("dpkg-query") && shell::has("apt-get");
    let missing: Vec<&Package> = lists
        .iter()
        .flat_map(|list| list.iter())
        .filter(|package| !present(package, debian))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("missing:");
    for Package(name, program, what) in &missing {
        println!("  {name:16} ({program}) {what}");
    }
    let names: Vec<&str> = missing.iter().map(|package| package.0).collect();
    let by_hand = format!(
        "apt-get install --no-install-recommends {}",
        names.join(" ")
    );
    match install_prefix(debian) {
        Some(prefix) => install(prefix, &names),
        None if std::env::var_os("CI").is_some() => {
            Err(format!("cannot install here; needed: {by_hand}"))
        }
        None => {
            println!(
                "install them (on Debian: {by_hand}); tests that need them are skipped, loudly"
            );
            Ok(())
        }
    }
}

fn present(package: &Package, debian: bool) -> bool {
    let Package(name, program, _) = package;
    let there = if program.starts_with('/') {
        Path::new(program).exists()
    } else {
        shell::has(program)
    };
    there
        && (!debian
            // A program may come from elsewhere; only Debian's own venv is told by its package.
            || *name != "python3-venv"
            || shell::output("python3", &["-c", "import ensurepip"]).is_some())
}

/// The words before `apt-get`, or `None` where we may not install.
fn install_prefix(debian: bool) -> Option<&'static [&'static str]> {
    if !debian {
        None
    } else if shell::output("id", &["-u"]).as_deref() == Some("0") {
        Some(&[])
    } else if shell::output("sudo", &["-n", "true"]).is_some() {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn install(prefix: &[&str], names: &[&str]) -> Done {
    println!("installing them with apt-get; their services are kept from starting");
    let guard = ServicesStayDown::new(prefix)?;
    let apt = |words: &[&str]| {
        let env = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "-y",
        ];
        let all: Vec<&str> = prefix.iter().chain(&env).chain(words).copied().collect();
        shell::run(all[0], &all[1..])
    };
    apt(&["update"])?;
    let mut words = vec!["install", "--no-install-recommends"];
    words.extend(names);
    let done = apt(&words);
    drop(guard);
    done
}

/// While it lives, Debian's packages do not start the services they bring.
struct ServicesStayDown<'a> {
    prefix: &'a [&'a str],
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl<'a> ServicesStayDown<'a> {
    fn new(prefix: &'a [&'a str]) -> Result<Self, String> {
        if Path::new(POLICY).exists() {
            return Ok(Self {
                prefix,
                ours: false,
            });
        }
        let draft = shell::target_dir().join("policy-rc.d");
        let fail = |error| format!("{}: {error}", draft.display());
        fs::create_dir_all(shell::target_dir()).map_err(fail)?;
        fs::write(&draft, "#!/bin/sh\nexit 101\n").map_err(fail)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).map_err(fail)?;
        let draft = draft.to_string_lossy().into_owned();
        with(prefix, &["install", "-m", "755", &draft, POLICY])?;
        Ok(Self { prefix, ours: true })
    }
}

impl Drop for ServicesStayDown<'_> {
    fn drop(&mut self) {
        if self.ours
            && let Err(why) = with(self.prefix, &["rm", "-f", POLICY])
        {
            eprintln!("xtask: {why}");
        }
    }
}

fn with(prefix: &[&str], words: &[&str]) -> Done {
    let all: Vec<&str> = prefix.iter().chain(words).copied().collect();
    shell::run(all[0], &all[1..])
}

/// A Python with the packages the tests import, in the build folder; `None` where none can be had (said aloud).
pub fn python() -> Result<Option<PathBuf>, String> {
    let venv = shell::target_dir().join("python");
    let python = venv.join("bin/python");
    let stamp = venv.join("installed");
    let wanted: String = PYTHON
        .iter()
        .map(|(name, what)| format!("{name} {what}\n"))
        .collect();
    if fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(Some(python));
    }
    println!("Python packages for the tests, in {}:", venv.display());
    print!("{wanted}");
    let path = venv.to_string_lossy().into_owned();
    let python_text = python.to_string_lossy().into_owned();
    let mut pip = vec![
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    pip.extend(PYTHON.iter().map(|(name, _)| *name));
    let done = shell::run("python3", &["-m", "venv", &path])
        .and_then(|()| shell::run(&python_text, &pip))
        .and_then(|()| {
            fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
        });
    match done {
        Ok(()) => Ok(Some(python)),
        Err(why) if std::env::var_os("CI").is_some() => Err(why),
        Err(why) => {
            println!("{why}; tests in Python are skipped");
            Ok(None)
        }
    }
}

/// Tauri's go-between of WebDriver, in the build folder; `None` where it cannot be had (said aloud).
pub fn tauri_driver() -> Result<Option<PathBuf>, String> {
    let root = shell::target_dir().join("tools");
    let program = root.join("bin/tauri-driver");
    if program.is_file() {
        return Ok(Some(program));
    }
    println!("installing tauri-driver, in {}", root.display());
    let root = root.to_string_lossy().into_owned();
    let words = [
        "install",
        "--quiet",
        "--locked",
        "--debug",
        "--root",
        &root,
        "tauri-driver",
    ];
    match shell::run("cargo", &words) {
        Ok(()) => Ok(Some(program)),
        Err(why) if std::env::var_os("CI").is_some() => Err(why),
        Err(why) => {
            println!("{why}; the window's tests are skipped");
            Ok(None)
        }
    }
}

/// Whether the window can be built here.
pub fn webview() -> bool {
    let names = ["webkit2gtk-4.1", "dbus-1"];
    shell::output("pkg-config", &["--exists", names[0], names[1]]).is_some()
}
