//! How programs are configured to use the proxy: environment variables, or command line flags for Chromium browsers.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Destinations that are excluded from the proxy.
const NO_PROXY: &str = "localhost,127.0.0.0/8,127.0.0.1,::1";
/// Chromium browsers ignore the variables on some desktops, and accept `--proxy-server` on all.
const CHROMIUM: [&str; 9] = [
    "chromium",
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

/// Addresses of the proxy for programs on this machine, "host:port".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyAddresses {
    pub http: Option<String>,
    pub socks: Option<String>,
    /// The URL of the PAC file.
    pub pac: Option<String>,
}

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

    /// The lines that set all variables.
    pub fn set_all(self, addresses: &ProxyAddresses) -> String {
        let all = variables(addresses);
        let lines: Vec<String> = all
            .iter()
            .map(|(name, value)| self.set(name, value))
            .collect();
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

/// How the program of that file name is configured to use the proxy.
pub fn proxy_method(program: &str) -> ProxyMethod {
    let name = program.to_ascii_lowercase();
    // "firefox-esr", "google-chrome-stable", "brave-browser".
    let is = |family: &&'static str| {
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    };
    if CHROMIUM.iter().any(is) {
        ProxyMethod::Flag
    } else if MOZILLA.iter().any(is) {
        ProxyMethod::OwnSettings
    } else {
        ProxyMethod::Environment
    }
}

/// Names and values of the variables, in lower and upper case, since programs differ in which they read. Host names are
/// resolved by the proxy.
pub fn variables(addresses: &ProxyAddresses) -> Vec<(String, String)> {
    let http = addresses.http.as_ref();
    let http = http.map(|address| format!("http://{address}"));
    let socks = addresses.socks.as_ref();
    let socks = socks.map(|address| format!("socks5h://{address}"));
    let plain = http.clone().or_else(|| socks.clone());
    let all = socks.or(http);
    let pairs = [
        ("http_proxy", plain.clone()),
        ("https_proxy", plain),
        ("all_proxy", all),
        ("no_proxy", Some(NO_PROXY.to_owned())),
    ];
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .flat_map(|(name, value)| {
            [
                (name.to_owned(), value.clone()),
                (name.to_ascii_uppercase(), value),
            ]
        })
        .collect()
}

/// Flags for a Chromium browser; the last one sends loopback destinations through the proxy too.
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
pub fn command(program: &Path, words: &[impl AsRef<OsStr>], to: &ProxyAddresses) -> Command {
    started_by(&[program], words, to)
}

/// As [`command`], for a program with a starter, as in "env A=b chromium": `starter` ends with the program.
pub fn started_by(
    starter: &[impl AsRef<OsStr>],
    words: &[impl AsRef<OsStr>],
    to: &ProxyAddresses,
) -> Command {
    let program = starter.last().map(|word| Path::new(word.as_ref()));
    let name = program.and_then(Path::file_name).unwrap_or_default();
    let mut starter = starter.iter();
    let mut command = Command::new(starter.next().map_or(name, AsRef::as_ref));
    command.args(starter);
    if proxy_method(&name.to_string_lossy()) == ProxyMethod::Flag {
        command.args(flags(to));
    }
    command.args(words).envs(variables(to));
    for exception in ["no_proxy", "NO_PROXY"] {
        command.env_remove(exception);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_to_the_browser_and_not_to_its_starter() {
        let to = ProxyAddresses {
            http: Some("127.0.0.1:7280".to_owned()),
            socks: None,
            pac: None,
        };
        let starter = ["env", "A=b", "/snap/bin/chromium"];
        let command = started_by(&starter, &["about:blank"], &to);
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

    #[test]
    fn a_mixed_listener_gives_http_and_socks_with_names_left_to_the_proxy() {
        let here = Some("127.0.0.1:7280".to_owned());
        let all = variables(&ProxyAddresses {
            http: here.clone(),
            socks: here,
            pac: None,
        });
        let find = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(find("http_proxy"), Some("http://127.0.0.1:7280"));
        assert_eq!(find("HTTPS_PROXY"), Some("http://127.0.0.1:7280"));
        assert_eq!(find("all_proxy"), Some("socks5h://127.0.0.1:7280"));
        assert!(find("NO_PROXY").unwrap().contains("localhost"));
    }

    #[test]
    fn each_shell_gets_its_own_syntax() {
        assert_eq!(Shell::Bash.set("a", "b"), "export a='b'");
        assert_eq!(Shell::Fish.set("a", "b"), "set -gx a 'b'");
        assert_eq!(Shell::Powershell.set("a", "b"), "$env:a = 'b'");
        assert_eq!(Shell::Fish.unset("a"), "set -e a");
    }

    #[test]
    fn each_program_has_the_proxy_method_that_it_supports() {
        for (program, method) in [
            ("curl", ProxyMethod::Environment),
            ("chromium", ProxyMethod::Flag),
            ("google-chrome-stable", ProxyMethod::Flag),
            ("chrome.exe", ProxyMethod::Flag),
            ("operator", ProxyMethod::Environment),
            ("firefox-esr", ProxyMethod::OwnSettings),
            ("Thunderbird", ProxyMethod::OwnSettings),
            ("", ProxyMethod::Environment),
        ] {
            assert_eq!(proxy_method(program), method, "{program}");
        }
    }
}
