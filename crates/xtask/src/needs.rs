//! Debian packages that the commands need, what each is for, and how they are installed.

use std::path::Path;

use crate::shell::{self, Done};

/// A Debian package, a program (or the absolute path of a file) that shows that it is installed, and its purpose.
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
    Package(
        "libnss3-tools",
        "certutil",
        "makes Chromium trust a certificate",
    ),
    Package("git", "git", "client: clones through the proxy"),
    Package("lftp", "lftp", "client: FTP through the HTTP proxy"),
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
        "wget",
        "wget",
        "client: HTTP and FTP by the proxy variables",
    ),
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
    Package(
        "clamav-daemon",
        "/usr/sbin/clamd",
        "scanner: signatures of a file of ours",
    ),
    Package("c-icap", "/usr/bin/c-icap", "scanner: an ICAP server"),
    Package(
        "libc-icap-mod-virus-scan",
        "/etc/c-icap/virus_scan.conf",
        "scanner: an ICAP service that asks a clamd",
    ),
    Package(
        "redis-server",
        "redis-server",
        "server: the store that machines share",
    ),
    Package("g++", "c++", "compiles libFuzzer for the fuzz targets"),
    Package(
        "socat",
        "socat",
        "a TCP port in front of the control socket",
    ),
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
        "a window manager for the window's tests: position, size, minimising",
    ),
    Package(
        "wmctrl",
        "wmctrl",
        "moves and closes windows in their tests",
    ),
];

/// To make and inspect packages.
pub const PACKAGE: &[Package] = &[
    Package("dpkg-dev", "dpkg-shlibdeps", "tells a package's libraries"),
    Package(
        "desktop-file-utils",
        "desktop-file-validate",
        "reads the desktop entry",
    ),
    Package("appstream", "appstreamcli", "reads the AppStream data"),
    Package("man-db", "man", "finds the manual pages"),
    Package("rpm", "rpm", "reads the RPM packages"),
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
    Package("nginx", "nginx", "peer: reverse proxy and cache"),
    Package("caddy", "caddy", "peer: reverse proxy"),
    Package("varnish", "varnishd", "peer: reverse proxy and cache"),
    Package("nghttp2-client", "h2load", "load: HTTP/2"),
    Package(
        "libayatana-appindicator3-1",
        "/usr/share/doc/libayatana-appindicator3-1",
        "the tray of the Tauri app beside which the window is measured",
    ),
];

/// Prints and installs the missing packages with their purpose; only prints them without the permission to install.
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
    println!("missing packages of the system:");
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
                "install them (on Debian: {by_hand}); what needs them is skipped, and reported as SKIPPED"
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
            // A program may be installed without its package, except the venv module.
            || *name != "python3-venv"
            || shell::output("python3", &["-c", "import ensurepip"]).is_some())
}

/// The prefix that runs a command as root; `None` without the permission to install.
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

/// Packages whose services Debian would start.
const WITH_SERVICES: &[&str] = &[
    "openssh-server",
    "dante-server",
    "tor",
    "squid",
    "haproxy",
    "tinyproxy",
    "privoxy",
    "trafficserver",
    "clamav-daemon",
    "c-icap",
];

/// Installs the packages in its arguments.
const INSTALL: &str = "\
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q -y install --no-install-recommends \"$@\"
";

/// policy-rc.d(5) prevents services from starting while their packages are installed. An existing policy is not changed.
/// Ours is removed when this shell ends; one left by a killed shell is removed at the next call.
const NO_SERVICES: &str = "\
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] || grep -q 'cargo xtask' $policy; then
    trap 'rm -f $policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\\n# For the time of an installation by cargo xtask.\\nexit 101\\n' >$policy
    chmod 755 $policy
fi
";

fn install(prefix: &[&str], names: &[&str]) -> Done {
    let services: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| WITH_SERVICES.contains(name))
        .collect();
    println!(
        "installing them with apt-get; to remove them: apt-get purge {}",
        names.join(" ")
    );
    let script = if services.is_empty() {
        INSTALL.to_owned()
    } else {
        println!(
            "the services of {} are not started: /usr/sbin/policy-rc.d forbids it for the time of the installation",
            services.join(", ")
        );
        format!("{NO_SERVICES}{INSTALL}")
    };
    let shell_words = ["sh", "-e", "-c", &script, "sh"];
    let all: Vec<&str> = prefix
        .iter()
        .chain(&shell_words)
        .chain(names)
        .copied()
        .collect();
    shell::run_quietly(shell::command(all[0], &all[1..]))
}

/// Whether the window can be built here.
pub fn webview() -> bool {
    let names = ["webkit2gtk-4.1", "dbus-1"];
    shell::output("pkg-config", &["--exists", names[0], names[1]]).is_some()
}
