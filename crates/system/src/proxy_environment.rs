//! How programs are configured to use the proxy: environment variables, or command line flags for Chromium browsers.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::apps::flatpak;
use crate::proxy_login::ProxyLogin;

/// Destinations that are excluded from the proxy.
const NO_PROXY: &str = "localhost,127.0.0.0/8,127.0.0.1,::1";
/// Chromium browsers ignore the variables on some desktops, and accept `--proxy-server` on all.
const CHROMIUM: [&str; 11] = [
    "chromium",
    "edge",
    "ungoogledchromium",
    "google-chrome",
    "chrome",
    "brave",
    "microsoft-edge",
    "msedge",
    "vivaldi",
    "opera",
    "ungoogled-chromium",
];
/// Mozilla programs read the desktop's settings or their own, and no variables.
const MOZILLA: [&str; 6] = [
    "firefox",
    "librewolf",
    "waterfox",
    "thunderbird",
    "icecat",
    "floorp",
];

/// Addresses of the proxy for programs on this machine, "host:port", and the login that it asks for.
#[derive(Debug, Clone, Default)]
pub struct ProxyAddresses {
    pub http: Option<String>,
    pub socks: Option<String>,
    /// The URL of the PAC file.
    pub pac: Option<String>,
    /// `None`: no login is asked for.
    pub login: Option<ProxyLogin>,
}

impl ProxyAddresses {
    /// The HTTP listener's URL with the login: "http://alice:secret@127.0.0.1:7280".
    pub fn http_url(&self) -> Option<String> {
        let address = self.http.as_ref()?;
        Some(self.url("http", address))
    }

    /// The SOCKS listener's URL with the login; names are resolved by the proxy.
    pub fn socks_url(&self) -> Option<String> {
        let address = self.socks.as_ref()?;
        Some(self.url("socks5h", address))
    }

    /// A proxy URL with the login.
    pub fn url(&self, scheme: &str, address: &str) -> String {
        match &self.login {
            Some(login) => format!("{scheme}://{}@{address}", login.user_info()),
            None => format!("{scheme}://{address}"),
        }
    }
}

/// Whether `all_proxy` is set. Some programs refuse to start with a SOCKS URL in it: Python's httpx without its extra.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllProxy {
    Omitted,
    /// To the SOCKS listener, else the HTTP listener.
    Set,
}

/// All variables that [`variables`] may set, in lower case.
const NAMES: [&str; 5] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "no_proxy",
];

/// A shell's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// bash, zsh, sh
    Bash,
    Fish,
    Powershell,
}

impl Shell {
    /// The line that sets a variable. `value` must not contain a quote.
    pub fn set(self, name: &str, value: &str) -> String {
        match self {
            Self::Bash => format!("export {name}='{value}'"),
            Self::Fish => format!("set -gx {name} '{value}'"),
            Self::Powershell => format!("$env:{name} = '{value}'"),
        }
    }

    /// The line that removes a variable.
    pub fn unset(self, name: &str) -> String {
        match self {
            Self::Bash => format!("unset {name}"),
            Self::Fish => format!("set -e {name}"),
            Self::Powershell => format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue"),
        }
    }

    /// The lines that set the variables.
    pub fn set_all(self, addresses: &ProxyAddresses, all_proxy: AllProxy) -> String {
        let all = variables(addresses, all_proxy);
        let lines: Vec<String> = all
            .iter()
            .map(|(name, value)| self.set(name, value))
            .collect();
        lines.join("\n")
    }

    /// The lines that remove every variable that Privet sets.
    pub fn unset_all(self) -> String {
        let lines: Vec<String> = names().iter().map(|name| self.unset(name)).collect();
        lines.join("\n")
    }
}

/// How a program is configured to use the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyMethod {
    /// By environment variables.
    Environment,
    /// By `--proxy-server`.
    Flag,
    /// Only in its own settings.
    OwnSettings,
}

/// How the program of that file name, or the Flatpak application of that id, is configured to use the proxy.
pub fn proxy_method(program: &str) -> ProxyMethod {
    let name = program.to_ascii_lowercase();
    let mut names = vec![name.as_str()];
    // "com.brave.Browser", "org.chromium.Chromium".
    if flatpak::is_id(&name) {
        names.extend(name.split('.'));
    }
    // "firefox-esr", "google-chrome-stable", "brave-browser".
    let is = |family: &&'static str| {
        names.iter().any(|name| {
            name.strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        })
    };
    if CHROMIUM.iter().any(is) {
        ProxyMethod::Flag
    } else if MOZILLA.iter().any(is) {
        ProxyMethod::OwnSettings
    } else {
        ProxyMethod::Environment
    }
}

/// The index of the program in a command: "env A=b program" starts `program`, "flatpak run ID" the application of that id.
pub(crate) fn program_at(exec: &[String]) -> Option<usize> {
    let first = exec.first()?;
    if let Some(at) = flatpak::id_at(exec) {
        return Some(at);
    }
    if first.rsplit('/').next() != Some("env") {
        return Some(0);
    }
    let is_word = |word: &String| !word.contains('=') && !word.starts_with('-');
    Some(1 + exec.get(1..)?.iter().position(is_word)?)
}

/// The name by which rules and [`proxy_method`] know the program of a command.
pub fn program_name(exec: &[impl AsRef<OsStr>]) -> Option<String> {
    let exec = lossy(exec);
    let word = exec.get(program_at(&exec)?)?;
    Some(word.rsplit('/').next()?.to_owned())
}

fn lossy(exec: &[impl AsRef<OsStr>]) -> Vec<String> {
    let text = |word: &OsStr| word.to_string_lossy().into_owned();
    exec.iter().map(|word| text(word.as_ref())).collect()
}

/// The names of all variables, in lower and upper case, since programs differ in which they read.
fn names() -> Vec<String> {
    let both = |name: &str| [name.to_owned(), name.to_ascii_uppercase()];
    NAMES.into_iter().flat_map(both).collect()
}

/// Names and values of the variables, in lower and upper case. `http://` URLs, which nearly every program can use; without
/// an HTTP listener the SOCKS one. Host names are resolved by the proxy.
pub fn variables(addresses: &ProxyAddresses, all_proxy: AllProxy) -> Vec<(String, String)> {
    let (http, socks) = (addresses.http_url(), addresses.socks_url());
    let plain = http.clone().or_else(|| socks.clone());
    let all = match all_proxy {
        AllProxy::Omitted => None,
        AllProxy::Set => socks.or_else(|| http.clone()),
    };
    let value = |name: &str| match &name.to_ascii_lowercase()[..] {
        "all_proxy" => all.clone(),
        // By HTTP alone: over SOCKS programs would open FTP's second connection themselves.
        "ftp_proxy" => http.clone(),
        "no_proxy" => Some(NO_PROXY.to_owned()),
        _ => plain.clone(),
    };
    let pair = |name: String| Some((value(&name)?, name));
    let pairs = names().into_iter().filter_map(pair);
    pairs.map(|(value, name)| (name, value)).collect()
}

/// Flags for a Chromium browser; the last one sends loopback destinations through the proxy too. Without the login: the browser
/// ignores one here and asks the user.
fn flags(addresses: &ProxyAddresses) -> Vec<String> {
    let http = addresses.http.as_ref();
    let socks = addresses.socks.as_ref();
    let proxy = http
        .map(|address| format!("http://{address}"))
        .or_else(|| socks.map(|address| format!("socks5://{address}")));
    let proxy = proxy.map(|proxy| format!("--proxy-server={proxy}"));
    proxy
        .into_iter()
        .chain(["--proxy-bypass-list=<-loopback>".to_owned()])
        .collect()
}

/// A command that sends all of a program's traffic through the proxy, loopback destinations included. Flags come before
/// `words`, so that the user's arguments take precedence.
pub fn command(
    program: &Path,
    words: &[impl AsRef<OsStr>],
    to: &ProxyAddresses,
    all_proxy: AllProxy,
) -> Command {
    let words = words.iter().map(AsRef::as_ref);
    let exec: Vec<&OsStr> = std::iter::once(program.as_os_str()).chain(words).collect();
    let at = program_at(&lossy(&exec)).map_or(1, |at| at + 1);
    let (starter, words) = exec.split_at_checked(at).unwrap_or((&exec, &[]));
    started_by(starter, words, to, all_proxy)
}

/// As [`command`], for a program with a starter, as in "env A=b chromium": `starter` ends with the program.
pub fn started_by(
    starter: &[impl AsRef<OsStr>],
    words: &[impl AsRef<OsStr>],
    to: &ProxyAddresses,
    all_proxy: AllProxy,
) -> Command {
    let program = starter.last().map(|word| Path::new(word.as_ref()));
    let name = program.and_then(Path::file_name).unwrap_or_default();
    let mut starter = starter.iter();
    let mut command = Command::new(starter.next().map_or(name, AsRef::as_ref));
    command.args(starter);
    if proxy_method(&name.to_string_lossy()) == ProxyMethod::Flag {
        command.args(flags(to));
    }
    command.args(words);
    // Another proxy or an exception in the caller's environment would lead past this one.
    for name in names() {
        command.env_remove(name);
    }
    let all = variables(to, all_proxy).into_iter();
    command.envs(all.filter(|(name, _)| !name.eq_ignore_ascii_case("no_proxy")));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_to_the_browser_and_not_to_its_starter() {
        let to = ProxyAddresses {
            http: Some("127.0.0.1:7280".to_owned()),
            ..ProxyAddresses::default()
        };
        let starter = ["env", "A=b", "/snap/bin/chromium"];
        let command = started_by(&starter, &["about:blank"], &to, AllProxy::Omitted);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        assert_eq!(command.get_program(), "env");
        assert_eq!(
            words,
            [
                "A=b",
                "/snap/bin/chromium",
                "--proxy-server=http://127.0.0.1:7280",
                "--proxy-bypass-list=<-loopback>",
                "about:blank"
            ]
        );
    }

    fn mixed() -> ProxyAddresses {
        let here = Some("[::1]:7280".to_owned());
        ProxyAddresses {
            http: here.clone(),
            socks: here,
            ..ProxyAddresses::default()
        }
    }

    fn value(all: &[(String, String)], name: &str) -> Option<String> {
        let found = all.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    }

    #[test]
    fn programs_get_http_and_all_proxy_only_where_asked_for() {
        let all = variables(&mixed(), AllProxy::Omitted);
        let find = |name| value(&all, name);
        assert_eq!(find("http_proxy").unwrap(), "http://[::1]:7280");
        assert_eq!(find("HTTPS_PROXY").unwrap(), "http://[::1]:7280");
        assert_eq!(find("ftp_proxy").unwrap(), "http://[::1]:7280");
        assert_eq!((find("all_proxy"), find("ALL_PROXY")), (None, None));
        assert!(find("NO_PROXY").unwrap().contains("localhost"));
        let all = variables(&mixed(), AllProxy::Set);
        assert_eq!(value(&all, "all_proxy").unwrap(), "socks5h://[::1]:7280");
        let socks = ProxyAddresses {
            http: None,
            ..mixed()
        };
        let all = variables(&socks, AllProxy::Omitted);
        assert_eq!(value(&all, "http_proxy").unwrap(), "socks5h://[::1]:7280");
    }

    #[test]
    fn flags_go_to_the_flatpak_application_and_not_to_flatpak() {
        let exec = ["run", "--branch=stable", "org.chromium.Chromium", "@@u"];
        let flatpak = Path::new("/usr/bin/flatpak");
        let command = command(flatpak, &exec, &mixed(), AllProxy::Omitted);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        assert_eq!(words[2], "org.chromium.Chromium");
        assert_eq!(words[3], "--proxy-server=http://[::1]:7280");
        assert_eq!(words.last().unwrap(), "@@u");
    }

    #[test]
    fn a_started_program_inherits_no_other_proxy() {
        let command = command(Path::new("x"), &[""; 0], &mixed(), AllProxy::Omitted);
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(removed, ["ALL_PROXY", "NO_PROXY", "all_proxy", "no_proxy"]);
    }

    #[test]
    fn each_shell_gets_its_own_syntax() {
        assert_eq!(Shell::Bash.set("a", "b"), "export a='b'");
        assert_eq!(Shell::Fish.set("a", "b"), "set -gx a 'b'");
        assert_eq!(Shell::Powershell.set("a", "b"), "$env:a = 'b'");
        assert_eq!(Shell::Fish.unset("a"), "set -e a");
        assert_eq!(Shell::Bash.unset_all().lines().count(), 2 * NAMES.len());
    }

    #[test]
    fn each_program_has_the_proxy_method_that_it_supports() {
        for (program, method) in [
            ("curl", ProxyMethod::Environment),
            ("chromium", ProxyMethod::Flag),
            ("google-chrome-stable", ProxyMethod::Flag),
            ("chrome.exe", ProxyMethod::Flag),
            ("operator", ProxyMethod::Environment),
            ("com.brave.Browser", ProxyMethod::Flag),
            ("com.microsoft.Edge", ProxyMethod::Flag),
            ("org.mozilla.firefox", ProxyMethod::OwnSettings),
            ("org.gnome.Maps", ProxyMethod::Environment),
            ("firefox-esr", ProxyMethod::OwnSettings),
            ("Thunderbird", ProxyMethod::OwnSettings),
            ("", ProxyMethod::Environment),
        ] {
            assert_eq!(proxy_method(program), method, "{program}");
        }
    }
}
