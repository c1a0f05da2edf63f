//! Windows: the user's Internet settings in the registry, by `reg`. Never compiled or run on Windows; tests parse what the
//! command prints. Programs that watch the key follow at once, others at their next start.

use super::proxy_target::DesiredProxy;
use super::proxy_target::{ProxyEndpoint, ProxyScheme, ProxyTarget};
use super::settings::{Change, ProxySettings, Value};
use super::settings::{DesktopKind, KeyRole};
use super::store::{ProxyStore, StoreError};
use crate::command::{ParentPipe, run, run_with_pipe};

const KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings";
const NAMES: [&str; 4] = [
    "ProxyEnable",
    "ProxyServer",
    "ProxyOverride",
    "AutoConfigURL",
];

/// The settings of the current user.
#[derive(Debug, Clone, Copy, Default)]
pub struct Windows;

impl ProxyStore for Windows {
    fn desktop(&self) -> DesktopKind {
        DesktopKind::Windows
    }

    fn read(&self) -> Result<ProxySettings, StoreError> {
        Ok(parse(&run("reg", &["query", KEY])?))
    }

    fn write(&self, changes: &[Change], parent_pipe: &ParentPipe) -> Result<(), StoreError> {
        for Change { key, value } in changes {
            if value.set {
                let (kind, data) = value
                    .text
                    .split_once(' ')
                    .unwrap_or((value.text.as_str(), ""));
                run_with_pipe(
                    parent_pipe,
                    "reg",
                    &["add", KEY, "/v", key, "/t", kind, "/d", data, "/f"],
                )?;
            } else {
                run_with_pipe(parent_pipe, "reg", &["delete", KEY, "/v", key, "/f"])?;
            }
        }
        Ok(())
    }
}

/// Parses lines "    NAME    REG_SZ    DATA"; a value is its type and its data.
fn parse(printed: &str) -> ProxySettings {
    let absent = NAMES
        .iter()
        .map(|name| ((*name).to_owned(), Value::default_of("")));
    let present = printed.lines().filter_map(|line| {
        let line = line.trim();
        let (name, rest) = line.split_once("    ")?;
        let name = NAMES.iter().find(|known| **known == name.trim())?;
        let (kind, data) = rest.trim().split_once("    ").unwrap_or((rest.trim(), ""));
        Some((
            (*name).to_owned(),
            Value::set(format!("{kind} {}", data.trim())),
        ))
    });
    absent.chain(present).collect()
}

pub(super) fn key_role(key: &str) -> KeyRole<'_> {
    match key {
        "ProxyEnable" => KeyRole::Switch,
        other => KeyRole::Part(other),
    }
}

/// The URL of a PAC file is active by being present.
pub(super) fn is_active(enabled: &str, part: &str) -> bool {
    part == "ProxyServer" && enabled == "REG_DWORD 0x1"
}

pub(super) fn values_for(target: &DesiredProxy) -> Vec<(String, String)> {
    let pair = |key: &str, text: String| (key.to_owned(), text);
    match target {
        DesiredProxy::Pac { url } => vec![pair("AutoConfigURL", format!("REG_SZ {url}"))],
        DesiredProxy::Manual { http, .. } => vec![
            pair("ProxyServer", format!("REG_SZ {http}")),
            pair("ProxyEnable", "REG_DWORD 0x1".to_owned()),
        ],
    }
}

pub(super) fn current_target(settings: &ProxySettings) -> ProxyTarget {
    if let Some(url) = settings.text("AutoConfigURL").strip_prefix("REG_SZ ")
        && !url.is_empty()
    {
        return ProxyTarget::Pac(url.to_owned());
    }
    if settings.text("ProxyEnable") != "REG_DWORD 0x1" {
        return ProxyTarget::Disabled;
    }
    let server = settings
        .text("ProxyServer")
        .strip_prefix("REG_SZ ")
        .unwrap_or("");
    let proxies = server.split(';').filter_map(|one| {
        let (kind, bare) = one.rsplit_once('=').unwrap_or(("http", one));
        let bare = bare.rsplit_once("//").map_or(bare, |(_, place)| place);
        let (host, port) = bare.rsplit_once(':')?;
        let serves = match kind.trim() {
            "https" => ProxyScheme::Https,
            "ftp" => ProxyScheme::Ftp,
            "socks" => ProxyScheme::Socks,
            _ => ProxyScheme::Http,
        };
        Some(ProxyEndpoint::new(serves, host, port.parse().ok()?))
    });
    ProxyTarget::Proxies(proxies.collect())
}

pub(super) fn disabled_values() -> Vec<(String, String)> {
    vec![
        ("ProxyEnable".to_owned(), "REG_DWORD 0x0".to_owned()),
        ("AutoConfigURL".to_owned(), "REG_SZ ".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_read_with_types_and_absence() {
        let printed = "\r\nHKEY_CURRENT_USER\\Software\\…\\Internet Settings\r\n    ProxyEnable    REG_DWORD    0x1\r\n    ProxyServer    REG_SZ    http=corp:8080;https=corp:8081\r\n    User Agent    REG_SZ    x\r\n";
        let read = parse(printed);
        assert_eq!(read.text("ProxyEnable"), "REG_DWORD 0x1");
        assert!(!read.values["AutoConfigURL"].set && read.values.len() == 4);
        assert_eq!(
            current_target(&read),
            ProxyTarget::Proxies(vec![
                ProxyEndpoint::new(ProxyScheme::Http, "corp", 8080),
                ProxyEndpoint::new(ProxyScheme::Https, "corp", 8081)
            ])
        );
    }
}
