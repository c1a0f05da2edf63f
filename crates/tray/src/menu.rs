//! Builds the view from the engine's status. Pure: the time is an input.

use std::time::Duration;

use privet_api::apps::SHELLS;
use privet_api::status::Status;
use privet_api::system_proxy::SystemProxy;
use privet_system::proxy::ProxyTarget;

use crate::icon::IconState;
use crate::status_line::{shortened, status_line, time_left};
use crate::view::{Action, MenuChoice, MenuEntry, PAUSE_MODE, PauseLength, TrayInputs, TrayView};

const PAUSES: [(&str, Duration); 3] = [
    ("5 minutes", Duration::from_secs(5 * 60)),
    ("15 minutes", Duration::from_secs(15 * 60)),
    ("1 hour", Duration::from_secs(3600)),
];

/// The view while no engine answers.
pub(crate) fn without_engine(why: &str) -> TrayView {
    TrayView {
        icon: IconState::Problem,
        tooltip: format!("Privet: {why}"),
        menu: vec![
            MenuEntry::Label(shortened(why)),
            MenuEntry::Separator,
            quit(),
        ],
    }
}

/// The view of a running engine.
pub(crate) fn view(inputs: &TrayInputs<'_>) -> TrayView {
    let status = inputs.status;
    let line = status_line(inputs);
    let mut menu = vec![MenuEntry::Label(shortened(&line))];
    if let Some(problem) = status.problems.first() {
        menu.push(MenuEntry::Label(shortened(&format!(
            "Problem: {}",
            problem.text
        ))));
    }
    menu.push(MenuEntry::Separator);
    menu.extend(system_proxy(status));
    menu.push(modes(status));
    menu.push(pauses(inputs));
    menu.push(routes(inputs));
    menu.push(MenuEntry::Separator);
    menu.push(MenuEntry::button(
        "New identity".to_owned(),
        Action::NewIdentity,
    ));
    menu.push(MenuEntry::button(
        format!("Close all connections ({})", status.totals.active),
        Action::CloseAll,
    ));
    if inputs.can_copy {
        let shells =
            SHELLS.map(|(id, name)| MenuEntry::button(name.to_owned(), Action::CopyProxy(id)));
        menu.push(MenuEntry::submenu(
            "Copy proxy for terminal".to_owned(),
            shells.into(),
        ));
    }
    if !inputs.blocked.is_empty() {
        menu.push(MenuEntry::submenu(
            "Blocked just now".to_owned(),
            unblocks(inputs),
        ));
    }
    menu.push(MenuEntry::Separator);
    menu.push(MenuEntry::button(
        "Open Privet".to_owned(),
        Action::OpenWindow,
    ));
    menu.push(quit());
    TrayView {
        icon: icon(inputs),
        tooltip: format!("Privet: {line}"),
        menu,
    }
}

fn quit() -> MenuEntry {
    MenuEntry::button(
        "Quit and restore my proxy settings".to_owned(),
        Action::Quit,
    )
}

fn icon(inputs: &TrayInputs<'_>) -> IconState {
    let proxy = inputs.status.system_proxy.as_ref();
    if !inputs.status.problems.is_empty() {
        IconState::Problem
    } else if inputs.is_paused() {
        IconState::Paused
    } else if proxy.is_some_and(|proxy| proxy.state == "on") {
        IconState::On
    } else {
        IconState::Off
    }
}

/// The routes of the current mode: none for the mode "off", and no direct one where there is a kill switch.
fn routes(inputs: &TrayInputs<'_>) -> MenuEntry {
    let status = inputs.status;
    let label = shortened(&format!("Upstream: {}", status.route.name));
    if status.mode.name == PAUSE_MODE || inputs.outbounds.is_empty() {
        return MenuEntry::Label(label);
    }
    let direct = (!status.mode.kill_switch).then_some("direct");
    let names = inputs.outbounds.iter().map(String::as_str).chain(direct);
    let choice = names.map(|name| MenuChoice {
        label: name.to_owned(),
        selected: name == status.route.name,
        action: Action::SetRoute {
            mode: status.mode.name.clone(),
            route: name.to_owned(),
        },
    });
    MenuEntry::submenu(label, vec![MenuEntry::Choice(choice.collect())])
}

/// The checkbox of the system proxy with its measured state, and a repair where something changed it.
fn system_proxy(status: &Status) -> Vec<MenuEntry> {
    let Some(proxy) = &status.system_proxy else {
        return Vec::new();
    };
    let label = "System proxy".to_owned();
    match proxy.state.as_str() {
        "unsupported" => vec![MenuEntry::Label(
            "No system proxy on this desktop".to_owned(),
        )],
        "changed" => vec![
            MenuEntry::Checkbox {
                label: format!("{label}: changed by something else"),
                checked: true,
                action: Action::TurnSystemProxyOff,
            },
            MenuEntry::button(
                "Turn the system proxy on again".to_owned(),
                Action::TurnSystemProxyOn,
            ),
        ],
        "on" => vec![MenuEntry::Checkbox {
            label,
            checked: true,
            action: Action::TurnSystemProxyOff,
        }],
        _ => vec![MenuEntry::Checkbox {
            label: match replaced(proxy) {
                Some(target) => shortened(&format!("{label} (replaces {target})")),
                None => label,
            },
            checked: false,
            action: Action::TurnSystemProxyOn,
        }],
    }
}

/// What turning it on replaces.
fn replaced(proxy: &SystemProxy) -> Option<&str> {
    let target = proxy.target.as_deref()?;
    (proxy.state == "off" && target != ProxyTarget::Disabled.to_string()).then_some(target)
}

fn modes(status: &Status) -> MenuEntry {
    let mode = |name: &String| MenuChoice {
        label: name.clone(),
        selected: *name == status.mode.name,
        action: Action::SetMode(name.clone()),
    };
    let all = status.mode.available.iter().map(mode).collect();
    MenuEntry::submenu("Mode", vec![MenuEntry::Choice(all)])
}

fn pauses(inputs: &TrayInputs<'_>) -> MenuEntry {
    let mut menu = Vec::new();
    let back = inputs.status.mode.then.as_deref().or(inputs.paused_from);
    if let (true, Some(back)) = (inputs.is_paused(), back) {
        menu.push(MenuEntry::button(
            format!("Resume {back} now"),
            Action::SetMode(back.to_owned()),
        ));
        menu.push(MenuEntry::Separator);
    }
    menu.extend(PAUSES.iter().map(|(label, length)| {
        MenuEntry::button(*label, Action::Pause(PauseLength::For(*length)))
    }));
    menu.push(MenuEntry::button(
        "Until restart".to_owned(),
        Action::Pause(PauseLength::UntilRestart),
    ));
    let label = match (&inputs.status.mode.then, inputs.status.mode.until_ms) {
        (Some(_), Some(until)) if inputs.is_paused() => {
            format!("Paused, resumes in {}", time_left(until, inputs.now_ms))
        }
        _ if inputs.is_paused() => "Paused until restart".to_owned(),
        _ => "Pause".to_owned(),
    };
    MenuEntry::submenu(label, menu)
}

fn unblocks(inputs: &TrayInputs<'_>) -> Vec<MenuEntry> {
    let mut menu = vec![MenuEntry::Label("Let through for an hour:".to_owned())];
    menu.extend(inputs.blocked.iter().map(|blocked| {
        let by = blocked
            .app
            .as_ref()
            .map_or_else(String::new, |app| format!(" ({app})"));
        MenuEntry::button(
            shortened(&format!("{}{by}", blocked.host)),
            Action::Unblock(blocked.host.clone()),
        )
    }));
    menu
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::BlockedHost;
    use serde_json::json;

    fn status(change: impl FnOnce(&mut serde_json::Value)) -> Status {
        let sums = json!({"connections": 0, "up": 0, "down": 0});
        let mut status = json!({
            "version": "0.1.0", "pid": 1, "started_ms": 0,
            "mode": {"name": "standard", "available": ["off", "standard", "strict"], "kill_switch": false, "until_ms": null, "then": null},
            "listeners": [],
            "system_proxy": {"enabled": false, "state": "off", "desktop": "gnome", "target": "no proxy", "text": "off", "fix": null, "guardian": null},
            "route": {"name": "tor", "healthy": true, "latency_ms": 41.6},
            "totals": {"active": 3, "connections": 0, "blocked": 0, "failed": 0, "direct": sums, "routed": sums, "up": 0, "down": 0, "up_speed": 0, "down_speed": 0},
            "problems": [], "config": null,
        });
        change(&mut status);
        serde_json::from_value(status).expect("a status")
    }

    fn view(status: &Status, paused_from: Option<&str>) -> TrayView {
        super::view(&TrayInputs {
            status,
            outbounds: &["tor".to_owned(), "office".to_owned()],
            blocked: &[BlockedHost {
                host: "ads.test".to_owned(),
                app: Some("firefox".to_owned()),
            }],
            paused_from,
            can_copy: false,
            now_ms: 1_000_000,
        })
    }

    #[test]
    fn the_icon_shows_on_off_paused_and_problem() {
        let with = |change: fn(&mut serde_json::Value)| view(&status(change), None).icon;
        assert_eq!(with(|_| {}), IconState::Off);
        assert_eq!(
            with(|s| s["system_proxy"]["state"] = json!("on")),
            IconState::On
        );
        let paused = |s: &mut serde_json::Value| {
            s["mode"]["name"] = json!("off");
            s["mode"]["then"] = json!("strict");
            s["mode"]["until_ms"] = json!(1_000_000 + 12 * 60_000);
        };
        assert_eq!(with(paused), IconState::Paused);
        let inputs = view(&status(paused), None);
        assert!(
            inputs.tooltip.contains("Paused · Strict in 12 min"),
            "{}",
            inputs.tooltip
        );
        let problem = |s: &mut serde_json::Value| {
            s["problems"] = json!([{"about": "listen", "text": "no port", "fix": "x"}]);
        };
        assert_eq!(with(problem), IconState::Problem);
        // MenuChoice, not paused.
        assert_eq!(with(|s| s["mode"]["name"] = json!("off")), IconState::Off);
        let off = status(|s| s["mode"]["name"] = json!("off"));
        assert_eq!(view(&off, Some("strict")).icon, IconState::Paused);
    }

    #[test]
    fn a_changed_system_proxy_can_be_repaired_with_one_click() {
        let changed = status(|s| s["system_proxy"]["state"] = json!("changed"));
        let repair = MenuEntry::button(
            "Turn the system proxy on again".to_owned(),
            Action::TurnSystemProxyOn,
        );
        assert!(view(&changed, None).menu.contains(&repair));
    }

    #[test]
    fn the_switch_says_whose_proxy_it_replaces() {
        let label = |target: &str| {
            let status = status(|s| s["system_proxy"]["target"] = json!(target));
            view(&status, None)
                .menu
                .into_iter()
                .find_map(|entry| match entry {
                    MenuEntry::Checkbox { label, .. } => Some(label),
                    _ => None,
                })
        };
        assert_eq!(label("no proxy").as_deref(), Some("System proxy"));
        assert_eq!(
            label("the proxy corp:3128").as_deref(),
            Some("System proxy (replaces the proxy corp:3128)")
        );
    }

    #[test]
    fn only_routes_that_the_mode_allows_are_offered() {
        let names = |status: &Status| {
            let menu = view(status, None).menu;
            let choice = menu.into_iter().find_map(|entry| match entry {
                MenuEntry::Submenu { label, mut entries } if label.starts_with("Upstream: tor") => {
                    entries.pop()
                }
                _ => None,
            });
            match choice {
                Some(MenuEntry::Choice(all)) => all
                    .into_iter()
                    .map(|one| (one.label, one.selected))
                    .collect(),
                _ => Vec::new(),
            }
        };
        let all = [("tor", true), ("office", false), ("direct", false)];
        let all = all.map(|(name, on)| (name.to_owned(), on));
        assert_eq!(names(&status(|_| {})), all);
        let strict = status(|s| s["mode"]["kill_switch"] = json!(true));
        assert_eq!(names(&strict), all[..2]);
        assert_eq!(names(&status(|s| s["mode"]["name"] = json!("off"))), []);
    }

    #[test]
    fn a_blocked_host_is_allowed_by_a_click() {
        let menu = view(&status(|_| {}), None).menu;
        let sub = menu.iter().find_map(|entry| match entry {
            MenuEntry::Submenu { label, entries } if label == "Blocked just now" => Some(entries),
            _ => None,
        });
        let click = MenuEntry::button(
            "ads.test (firefox)".to_owned(),
            Action::Unblock("ads.test".to_owned()),
        );
        assert!(sub.expect("a submenu").contains(&click));
    }
}
