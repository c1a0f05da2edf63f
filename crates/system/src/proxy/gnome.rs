//! GNOME and the desktops that share its settings (Cinnamon, Budgie, Unity, MATE, Xfce's programs), by `gsettings`.
//!
//! Keys are written "mode", "http/host". Each value is the GVariant text that `gsettings` prints and takes.

use std::path::PathBuf;

use super::proxy_target::DesiredProxy;
use super::proxy_target::{ProxyEndpoint, ProxyScheme, ProxyTarget};
use super::settings::{Change, ProxySettings, Value};
use super::settings::{DesktopKind, KeyRole};
use super::store::{FileVersion, ProxyStore, StoreError};
use crate::command::{ParentPipe, run, run_with_pipe};

const SCHEMA: &str = "org.gnome.system.proxy";
/// The schema's path in dconf.
const DCONF: &str = "/system/proxy/";

/// The settings of this session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gnome;

impl Gnome {
    /// Whether this session has the schema.
    pub fn is_here() -> bool {
        run("gsettings", &["get", SCHEMA, "mode"]).is_ok()
    }
}

impl ProxyStore for Gnome {
    fn desktop(&self) -> DesktopKind {
        DesktopKind::Gnome
    }

    fn read(&self) -> Result<ProxySettings, StoreError> {
        let listed = run("gsettings", &["list-recursively", SCHEMA])?;
        let set = uses_dconf()
            .then(|| run("dconf", &["dump", DCONF]).ok())
            .flatten()
            .map(|dump| keys_of_dump(&dump));
        Ok(parse(&listed, set.as_deref()))
    }

    fn write(&self, changes: &[Change], parent_pipe: &ParentPipe) -> Result<(), StoreError> {
        for Change { key, value } in changes {
            let (schema, key) = match key.split_once('/') {
                Some((child, key)) => (format!("{SCHEMA}.{child}"), key),
                None => (SCHEMA.to_owned(), key.as_str()),
            };
            if value.set {
                run_with_pipe(
                    parent_pipe,
                    "gsettings",
                    &["set", &schema, key, &value.text],
                )?;
            } else {
                run_with_pipe(parent_pipe, "gsettings", &["reset", &schema, key])?;
            }
        }
        Ok(())
    }

    /// dconf replaces its file at each write.
    fn file_version(&self) -> Option<FileVersion> {
        if !uses_dconf() || std::env::var_os("DCONF_PROFILE").is_some() {
            return None;
        }
        let folder = std::env::var_os("XDG_CONFIG_HOME")
            .filter(|dir| !dir.is_empty())
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
        FileVersion::of(&folder.join("dconf/user"))
    }
}

fn uses_dconf() -> bool {
    std::env::var_os("GSETTINGS_BACKEND").is_none_or(|name| name == "dconf")
}

/// Parses lines "SCHEMA KEY VALUE". Which keys were set is known only where the `dconf` command is installed.
fn parse(listed: &str, set: Option<&[String]>) -> ProxySettings {
    let line = |line: &str| {
        let (schema, rest) = line.split_once(' ')?;
        let (key, text) = rest.split_once(' ')?;
        let key = match schema.strip_prefix(SCHEMA)?.strip_prefix('.') {
            Some(child) => format!("{child}/{key}"),
            None => key.to_owned(),
        };
        // An empty list is printed with its type, which `gsettings set` accepts.
        let set = set.is_none_or(|set| set.contains(&key));
        let text = text.to_owned();
        Some((key, Value { text, set }))
    };
    listed.lines().filter_map(line).collect()
}

/// The keys of an INI dump: "[/]" and "mode='none'", "[http]" and "host=''".
fn keys_of_dump(dump: &str) -> Vec<String> {
    let mut folder = String::new();
    let mut keys = Vec::new();
    for line in dump.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            folder = name.trim_matches('/').to_owned();
        } else if let Some((key, _)) = line.split_once('=') {
            keys.push(if folder.is_empty() {
                key.to_owned()
            } else {
                format!("{folder}/{key}")
            });
        }
    }
    keys
}

pub(super) fn key_role(key: &str) -> KeyRole<'_> {
    match key {
        "mode" => KeyRole::Switch,
        _ => KeyRole::Part(key.split_once('/').map_or(key, |(child, _)| child)),
    }
}

pub(super) fn is_active(mode: &str, part: &str) -> bool {
    match mode {
        "'auto'" => part == "autoconfig-url",
        "'manual'" => part != "autoconfig-url",
        _ => false,
    }
}

pub(super) fn values_for(target: &DesiredProxy) -> Vec<(String, String)> {
    let pair = |key: &str, text: String| (key.to_owned(), text);
    match target {
        DesiredProxy::Pac { url } => vec![
            pair("autoconfig-url", quote(url)),
            pair("mode", quote("auto")),
        ],
        DesiredProxy::Manual { http, socks } => {
            let mut values = Vec::new();
            let mut proxy = |kind: &str, address: &std::net::SocketAddr| {
                values.push(pair(
                    &format!("{kind}/host"),
                    quote(&address.ip().to_string()),
                ));
                values.push(pair(&format!("{kind}/port"), address.port().to_string()));
            };
            proxy("http", http);
            proxy("https", http);
            if let Some(socks) = socks {
                proxy("socks", socks);
            }
            // Credentials for another proxy are not sent to this one.
            values.push(pair("http/use-authentication", "false".to_owned()));
            values.push(pair("mode", quote("manual")));
            values
        }
    }
}

pub(super) fn current_target(settings: &ProxySettings) -> ProxyTarget {
    match settings.text("mode") {
        "'auto'" => match unquote(settings.text("autoconfig-url")) {
            url if url.is_empty() => ProxyTarget::Other("whatever the network announces (WPAD)"),
            url => ProxyTarget::Pac(url),
        },
        "'manual'" => {
            let kinds = [
                ("http", ProxyScheme::Http),
                ("https", ProxyScheme::Https),
                ("ftp", ProxyScheme::Ftp),
                ("socks", ProxyScheme::Socks),
            ];
            let proxies = kinds.into_iter().filter_map(|(kind, serves)| {
                let host = unquote(settings.text(&format!("{kind}/host")));
                let port = settings.text(&format!("{kind}/port")).parse().ok()?;
                (!host.is_empty() && port != 0).then(|| ProxyEndpoint::new(serves, host, port))
            });
            ProxyTarget::Proxies(proxies.collect())
        }
        _ => ProxyTarget::Disabled,
    }
}

/// Writes a GVariant string.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
}

/// Reads a GVariant string, in single or double quotes.
fn unquote(text: &str) -> String {
    let inner = ['\'', '"'].iter().find_map(|quote| {
        text.strip_prefix(*quote)
            .and_then(|rest| rest.strip_suffix(*quote))
    });
    let (mut plain, mut escaped) = (String::new(), false);
    for letter in inner.unwrap_or(text).chars() {
        match (letter, escaped) {
            ('\\', false) => escaped = true,
            _ => {
                plain.push(letter);
                escaped = false;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', \"it's\"]
org.gnome.system.proxy mode 'manual'
org.gnome.system.proxy.http host 'corp.example'
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.https host ''
org.gnome.system.proxy.https port 0
";

    #[test]
    fn every_value_is_kept_as_printed() {
        let read = parse(LISTED, None);
        assert_eq!(read.values.len(), 7);
        assert_eq!(read.text("ignore-hosts"), "['localhost', \"it's\"]");
        assert_eq!(read.text("http/port"), "8080");
        assert_eq!(
            current_target(&read),
            ProxyTarget::Proxies(vec![ProxyEndpoint::new(
                ProxyScheme::Http,
                "corp.example",
                8080
            )])
        );
    }

    #[test]
    fn unset_keys_are_known_where_dconf_is_installed() {
        let dump = "[/]\nmode='manual'\n\n[http]\nhost='corp.example'\n";
        let read = parse(LISTED, Some(&keys_of_dump(dump)));
        let set = |key: &str| read.values[key].set;
        assert!(set("mode") && set("http/host"));
        assert!(!set("http/port") && !set("ignore-hosts"));
    }

    #[test]
    fn quoted_strings_are_read_back() {
        for text in ["", "http://127.0.0.1:1/proxy.pac", "it's", "a\\b", "\"x\""] {
            assert_eq!(unquote(&quote(text)), text);
        }
        assert_eq!(unquote("\"it's\""), "it's");
    }

    #[test]
    fn a_host_and_its_port_are_one_part() {
        assert_eq!(key_role("http/host"), key_role("http/port"));
        assert_ne!(key_role("http/host"), key_role("https/host"));
        assert_eq!(key_role("mode"), KeyRole::Switch);
    }
}
