//! macOS: each network service, by `networksetup`. Never compiled or run on macOS; tests parse what the command prints.
//!
//! Keys are "Wi-Fi/web", "Wi-Fi/secureweb", "Wi-Fi/socks" and "Wi-Fi/auto"; a value is "on 127.0.0.1 7280", "off URL".
//! A proxy's password stays in the keychain; the setting that the proxy asks for it is not restored.

use super::proxy_target::DesiredProxy;
use super::proxy_target::{ProxyEndpoint, ProxyScheme, ProxyTarget};
use super::settings::DesktopKind;
use super::settings::{Change, ProxySettings, Value};
use super::store::{ProxyStore, StoreError};
use crate::command::{ParentPipe, run, run_with_pipe};

const PROGRAM: &str = "networksetup";
/// The name of each kind here and in the command.
const KINDS: [(&str, &str); 4] = [
    ("web", "webproxy"),
    ("secureweb", "securewebproxy"),
    ("socks", "socksfirewallproxy"),
    ("auto", "autoproxyurl"),
];

/// All network services of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct MacOs;

impl ProxyStore for MacOs {
    fn desktop(&self) -> DesktopKind {
        DesktopKind::MacOs
    }

    fn read(&self) -> Result<ProxySettings, StoreError> {
        let mut settings = ProxySettings::default();
        for service in services(&run(PROGRAM, &["-listallnetworkservices"])?) {
            for (kind, name) in KINDS {
                let printed = run(PROGRAM, &[&format!("-get{name}"), &service])?;
                settings
                    .values
                    .insert(format!("{service}/{kind}"), Value::set(parse(&printed)));
            }
        }
        Ok(settings)
    }

    fn write(&self, changes: &[Change], parent_pipe: &ParentPipe) -> Result<(), StoreError> {
        for change in changes {
            for words in commands(change) {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                run_with_pipe(parent_pipe, PROGRAM, &words)?;
            }
        }
        Ok(())
    }
}

/// The first line explains the asterisk of a disabled service; those are left alone.
fn services(listed: &str) -> Vec<String> {
    let lines = listed.lines().skip(1).map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('*'))
        .map(str::to_owned)
        .collect()
}

fn parse(printed: &str) -> String {
    let field = |name: &str| {
        printed
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map_or("", str::trim)
    };
    let state = if field("Enabled") == "Yes" {
        "on"
    } else {
        "off"
    };
    let url = field("URL");
    let text = if printed.contains("URL:") {
        format!("{state} {}", if url == "(null)" { "" } else { url })
    } else {
        format!("{state} {} {}", field("Server"), field("Port"))
    };
    text.trim_end().to_owned()
}

/// The commands for one change: first the address, then whether it is enabled.
fn commands(change: &Change) -> Vec<Vec<String>> {
    let Some((service, kind)) = change.key.rsplit_once('/') else {
        return Vec::new();
    };
    let Some((_, name)) = KINDS.iter().find(|(ours, _)| *ours == kind) else {
        return Vec::new();
    };
    let (state, address) = change
        .value
        .text
        .split_once(' ')
        .unwrap_or((&change.value.text, ""));
    let mut all = Vec::new();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    if kind == "auto" {
        if !address.is_empty() {
            all.push(words(&["-setautoproxyurl", service, address]));
        }
        all.push(words(&["-setautoproxystate", service, state]));
        return all;
    }
    if let Some((host, port)) = address.trim().rsplit_once(' ') {
        all.push(words(&[&format!("-set{name}"), service, host, port]));
    }
    all.push(words(&[&format!("-set{name}state"), service, state]));
    all
}

fn of_kind(now: &ProxySettings, kind: &str) -> Vec<String> {
    let of_kind = now
        .values
        .keys()
        .filter(|key| key.rsplit_once('/').is_some_and(|(_, found)| found == kind));
    of_kind.cloned().collect()
}

pub(super) fn values_for(target: &DesiredProxy, now: &ProxySettings) -> Vec<(String, String)> {
    let mut values = Vec::new();
    let mut all = |kind: &str, text: &str| {
        values.extend(
            of_kind(now, kind)
                .into_iter()
                .map(|key| (key, text.to_owned())),
        );
    };
    match target {
        DesiredProxy::Pac { url } => all("auto", &format!("on {url}")),
        DesiredProxy::Manual { http, socks } => {
            let text = format!("on {} {}", http.ip(), http.port());
            all("web", &text);
            all("secureweb", &text);
            if let Some(socks) = socks {
                all("socks", &format!("on {} {}", socks.ip(), socks.port()));
            }
        }
    }
    values
}

pub(super) fn current_target(settings: &ProxySettings) -> ProxyTarget {
    let on = |kind: &str| -> Vec<String> {
        let keys = of_kind(settings, kind);
        keys.iter()
            .filter_map(|key| settings.text(key).strip_prefix("on ").map(str::to_owned))
            .collect()
    };
    if let Some(url) = on("auto").into_iter().find(|url| !url.is_empty()) {
        return ProxyTarget::Pac(url);
    }
    let mut proxies = Vec::new();
    let kinds = [
        ("web", ProxyScheme::Http),
        ("secureweb", ProxyScheme::Https),
        ("socks", ProxyScheme::Socks),
    ];
    for (kind, serves) in kinds {
        proxies.extend(on(kind).iter().filter_map(|address| {
            let (host, port) = address.rsplit_once(' ')?;
            Some(ProxyEndpoint::new(serves, host, port.parse().ok()?))
        }));
    }
    if proxies.is_empty() {
        ProxyTarget::Disabled
    } else {
        ProxyTarget::Proxies(proxies)
    }
}

pub(super) fn disabled_values(now: &ProxySettings) -> Vec<(String, String)> {
    let on = now.values.iter().filter_map(|(key, value)| {
        let address = value.text.strip_prefix("on")?;
        Some((key.clone(), format!("off{address}")))
    });
    on.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_are_off_are_left_alone() {
        let listed = "An asterisk (*) denotes that a network service is disabled.\nWi-Fi\n*Bluetooth PAN\nUSB 10/100 LAN\n";
        assert_eq!(services(listed), ["Wi-Fi", "USB 10/100 LAN"]);
    }

    #[test]
    fn printed_settings_become_values_and_commands() {
        let web = parse(
            "Enabled: Yes\nServer: corp.example\nPort: 8080\nAuthenticated Proxy Enabled: 0\n",
        );
        assert_eq!(web, "on corp.example 8080");
        let change = |key: &str, text: &str| Change {
            key: key.to_owned(),
            value: Value::set(text),
        };
        assert_eq!(
            commands(&change("USB 10/100 LAN/web", &web)),
            [
                vec!["-setwebproxy", "USB 10/100 LAN", "corp.example", "8080"],
                vec!["-setwebproxystate", "USB 10/100 LAN", "on"]
            ]
        );
        let auto = parse("URL: (null)\nEnabled: No\n");
        assert_eq!(auto, "off");
        assert_eq!(
            commands(&change("Wi-Fi/auto", &auto)),
            [vec!["-setautoproxystate", "Wi-Fi", "off"]]
        );
    }

    #[test]
    fn every_service_gets_the_proxy() {
        let now: ProxySettings = ["Wi-Fi/auto", "Wi-Fi/web", "LAN/auto"]
            .iter()
            .map(|key| ((*key).to_owned(), Value::set("off")))
            .collect();
        let target = DesiredProxy::pac("127.0.0.1:7281".parse().unwrap());
        let mut after = now.clone();
        for (key, text) in values_for(&target, &now) {
            after.values.insert(key, Value::set(text));
        }
        assert_eq!(after.text("LAN/auto"), "on http://127.0.0.1:7281/proxy.pac");
        assert_eq!(
            current_target(&after),
            ProxyTarget::Pac("http://127.0.0.1:7281/proxy.pac".to_owned())
        );
        assert_eq!(disabled_values(&after).len(), 2);
    }
}
