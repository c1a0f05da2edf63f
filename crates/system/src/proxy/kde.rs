//! KDE Plasma: the group "Proxy Settings" of `kioslaverc`, edited in place.

use std::fs;
use std::path::{Path, PathBuf};

use super::proxy_target::DesiredProxy;
use super::proxy_target::{ProxyEndpoint, ProxyScheme, ProxyTarget};
use super::settings::{Change, ProxySettings, Value};
use super::settings::{DesktopKind, KeyRole};
use super::store::{FileVersion, ProxyStore, StoreError};
use crate::command::{ParentPipe, run};

const GROUP: &str = "[Proxy Settings]";
/// The keys that may be written. Their absence is a value too.
const KEYS: [&str; 5] = [
    "ProxyType",
    "Proxy Config Script",
    "httpProxy",
    "httpsProxy",
    "socksProxy",
];

/// The settings file of a user.
#[derive(Debug, Clone)]
pub struct Kde {
    file: PathBuf,
    /// Whether running programs are notified of a change.
    notifies: bool,
}

impl Kde {
    /// This user's file; `None` without a home folder.
    pub fn of_user() -> Option<Self> {
        let folder = directories::BaseDirs::new()?.config_dir().to_owned();
        Some(Self {
            file: folder.join("kioslaverc"),
            notifies: true,
        })
    }

    /// A file that no running program reads.
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            notifies: false,
        }
    }

    fn text(&self) -> Result<String, StoreError> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(failed(&self.file, &error.to_string())),
        }
    }
}

fn failed(file: &Path, cause: &str) -> StoreError {
    StoreError::File {
        file: file.display().to_string(),
        cause: cause.to_owned(),
    }
}

impl ProxyStore for Kde {
    fn desktop(&self) -> DesktopKind {
        DesktopKind::Kde
    }

    fn read(&self) -> Result<ProxySettings, StoreError> {
        Ok(parse(&self.text()?))
    }

    fn write(&self, changes: &[Change], _leash: &ParentPipe) -> Result<(), StoreError> {
        let mut text = self.text()?;
        for change in changes {
            text = edit(&text, change)?;
        }
        privet_config::save(&self.file, &text)
            .map_err(|error| failed(&self.file, &error.source.to_string()))?;
        if self.notifies {
            // Programs that miss the signal read the file at their next start.
            let _ = run(
                "dbus-send",
                &[
                    "--type=signal",
                    "/KIO/Scheduler",
                    "org.kde.KIO.Scheduler.reparseSlaveConfiguration",
                    "string:",
                ],
            );
        }
        Ok(())
    }

    fn file_version(&self) -> Option<FileVersion> {
        FileVersion::of(&self.file)
    }
}

/// The lines of the group with their line numbers.
fn group(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == GROUP;
            return false;
        }
        inside
    })
}

/// Key, flags in brackets ("$e", "$i") and value of a line.
fn split(line: &str) -> Option<(&str, &str, &str)> {
    let (name, value) = line.split_once('=')?;
    if name.trim_start().starts_with('#') {
        return None;
    }
    let (key, marks) = name.split_once('[').unwrap_or((name, ""));
    Some((key.trim(), marks, value.trim()))
}

fn parse(text: &str) -> ProxySettings {
    let absent = KEYS
        .iter()
        .map(|key| ((*key).to_owned(), Value::default_of("")));
    let present = group(text).filter_map(|(_, line)| {
        let (key, _, value) = split(line)?;
        Some((key.to_owned(), Value::set(value)))
    });
    absent.chain(present).collect()
}

/// The text with one key of the group set or removed.
fn edit(text: &str, change: &Change) -> Result<String, StoreError> {
    let found = group(text).find_map(|(number, line)| {
        let (key, marks, _) = split(line)?;
        let name = line.split_once('=').map_or("", |(name, _)| name);
        (key == change.key).then_some((number, marks, name.to_owned()))
    });
    if found
        .as_ref()
        .is_some_and(|(_, marks, _)| marks.contains('i'))
    {
        return Err(StoreError::Locked(format!("{GROUP} {}", change.key)));
    }
    // An existing line keeps its flags.
    let name = found.as_ref().map_or(&change.key, |(_, _, name)| name);
    let line = change
        .value
        .set
        .then(|| format!("{name}={}", change.value.text));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    match (found, line) {
        (Some((number, ..)), Some(line)) => {
            if let Some(old) = lines.get_mut(number) {
                *old = line;
            }
        }
        (Some((number, ..)), None) => {
            lines.remove(number);
        }
        (None, Some(line)) => {
            let header = lines.iter().position(|line| line.trim() == GROUP);
            let header = header.unwrap_or_else(|| {
                if lines.last().is_some_and(|last| !last.is_empty()) {
                    lines.push(String::new());
                }
                lines.push(GROUP.to_owned());
                lines.len() - 1
            });
            lines.insert(header + 1, line);
        }
        (None, None) => {}
    }
    let mut text = lines.join("\n");
    text.push('\n');
    Ok(text)
}

pub(super) fn key_role(key: &str) -> KeyRole<'_> {
    match key {
        "ProxyType" => KeyRole::Switch,
        other => KeyRole::Part(other),
    }
}

/// 0 none, 1 manual, 2 a script, 3 automatic detection, 4 from the environment.
pub(super) fn is_active(kind: &str, part: &str) -> bool {
    match kind {
        "1" => part != "Proxy Config Script",
        "2" => part == "Proxy Config Script",
        _ => false,
    }
}

pub(super) fn values_for(target: &DesiredProxy) -> Vec<(String, String)> {
    let pair = |key: &str, text: String| (key.to_owned(), text);
    match target {
        DesiredProxy::Pac { url } => vec![
            pair("Proxy Config Script", url.clone()),
            pair("ProxyType", "2".to_owned()),
        ],
        DesiredProxy::Manual { http, socks } => {
            let proxy = |scheme: &str, address: &std::net::SocketAddr| {
                let host = match address {
                    std::net::SocketAddr::V4(v4) => v4.ip().to_string(),
                    std::net::SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
                };
                format!("{scheme}://{host} {}", address.port())
            };
            let mut values = vec![
                pair("httpProxy", proxy("http", http)),
                pair("httpsProxy", proxy("http", http)),
            ];
            if let Some(socks) = socks {
                values.push(pair("socksProxy", proxy("socks", socks)));
            }
            values.push(pair("ProxyType", "1".to_owned()));
            values
        }
    }
}

pub(super) fn current_target(settings: &ProxySettings) -> ProxyTarget {
    match settings.text("ProxyType") {
        "1" => {
            let proxies = [
                ("httpProxy", ProxyScheme::Http),
                ("httpsProxy", ProxyScheme::Https),
                ("ftpProxy", ProxyScheme::Ftp),
                ("socksProxy", ProxyScheme::Socks),
            ];
            let all = proxies.into_iter().filter_map(|(key, serves)| {
                let (host, port) = host_and_port(settings.text(key))?;
                Some(ProxyEndpoint::new(serves, host, port))
            });
            ProxyTarget::Proxies(all.collect())
        }
        "2" => ProxyTarget::Pac(settings.text("Proxy Config Script").to_owned()),
        "3" => ProxyTarget::Other("whatever the network announces (WPAD)"),
        "4" => ProxyTarget::Other("the proxy of the environment's variables"),
        _ => ProxyTarget::Disabled,
    }
}

/// "http://host 8080", or with a colon.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = bare
        .rsplit_once(' ')
        .or_else(|| bare.trim_end_matches('/').rsplit_once(':'))?;
    let host = host.trim().trim_matches(['[', ']']).to_owned();
    Some((host, port.trim().parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[$Version]\nupdate_info=x\n\n[Proxy Settings]\nhttpProxy=http://corp 8080\nProxyType[$e]=1\n\n[Other]\nhttpProxy=not this\n";

    fn after(text: &str, changes: &[(&str, Value)]) -> String {
        changes.iter().fold(text.to_owned(), |text, (key, value)| {
            let change = Change {
                key: (*key).to_owned(),
                value: value.clone(),
            };
            edit(&text, &change).unwrap()
        })
    }

    #[test]
    fn only_the_proxy_group_is_read_and_flags_do_not_hide_a_key() {
        let read = parse(FILE);
        assert_eq!(read.text("ProxyType"), "1");
        assert_eq!(
            current_target(&read),
            ProxyTarget::Proxies(vec![ProxyEndpoint::new(ProxyScheme::Http, "corp", 8080)])
        );
        assert!(!read.values["Proxy Config Script"].set);
    }

    #[test]
    fn an_edit_leaves_every_other_line_unchanged() {
        let text = after(FILE, &[("httpProxy", Value::set("http://127.0.0.1 7280"))]);
        assert_eq!(text, FILE.replace("corp 8080", "127.0.0.1 7280"));
        let gone = after(&text, &[("httpProxy", Value::default_of(""))]);
        assert_eq!(gone, FILE.replace("httpProxy=http://corp 8080\n", ""));
    }

    #[test]
    fn an_absent_key_is_restored_to_absent() {
        let on = after(
            FILE,
            &[("Proxy Config Script", Value::set("http://x/proxy.pac"))],
        );
        assert_ne!(on, FILE);
        assert_eq!(
            after(&on, &[("Proxy Config Script", Value::default_of(""))]),
            FILE
        );
    }

    #[test]
    fn keys_locked_by_an_administrator_are_not_written() {
        let locked = "[Proxy Settings]\nProxyType[$i]=0\n";
        let change = Change {
            key: "ProxyType".to_owned(),
            value: Value::set("2"),
        };
        assert!(matches!(edit(locked, &change), Err(StoreError::Locked(_))));
    }

    #[test]
    fn a_missing_file_is_created_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Kde::at(folder.path().join("kioslaverc"));
        let target = DesiredProxy::Manual {
            http: "127.0.0.1:7280".parse().unwrap(),
            socks: Some("[::1]:7280".parse().unwrap()),
        };
        let changes: Vec<Change> = values_for(&target)
            .into_iter()
            .map(|(key, text)| Change {
                key,
                value: Value::set(text),
            })
            .collect();
        store.write(&changes, &ParentPipe::default()).unwrap();
        let read = store.read().unwrap();
        let at = |serves, host| ProxyEndpoint::new(serves, host, 7280);
        let all = vec![
            at(ProxyScheme::Http, "127.0.0.1"),
            at(ProxyScheme::Https, "127.0.0.1"),
            at(ProxyScheme::Socks, "::1"),
        ];
        assert_eq!(current_target(&read), ProxyTarget::Proxies(all));
    }
}
