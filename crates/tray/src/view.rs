//! The menu as it is to be seen, made from what the engine tells. Pure: no clock but the one that is given.

use std::time::Duration;

use privet_control::calls::status::Status;
use privet_control::recipes::SHELLS;

use crate::icon::Shape;

/// What a click asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    SystemProxy(bool),
    Mode(String),
    /// The present mode goes out by this from now on.
    Route {
        mode: String,
        route: String,
    },
    /// Into the mode "off", for so long; `None`: until restart.
    Pause(Option<Duration>),
    NewIdentity,
    CloseAll,
    /// For the shell of that recipe.
    CopyProxy(&'static str),
    /// Let through for an hour.
    Unblock(String),
    Open,
    Quit,
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Says something.
    Label(String),
    Button(String, Action),
    Check(String, bool, Action),
    /// One of several.
    Choice(Vec<Chosen>),
    Sub(String, Vec<Entry>),
    Line,
}

/// One of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub label: String,
    pub on: bool,
    pub action: Action,
}

/// The whole icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub shape: Shape,
    /// For who points at it.
    pub hint: String,
    pub menu: Vec<Entry>,
}

/// Something that was blocked just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub host: String,
    pub app: Option<String>,
}

/// What the menu is made from.
pub struct Seen<'a> {
    pub status: &'a Status,
    /// Groups, then upstreams.
    pub outlets: &'a [String],
    /// Newest first, each host once.
    pub blocked: &'a [Blocked],
    /// The mode before a pause that has no end of its own.
    pub paused_from: Option<&'a str>,
    pub can_copy: bool,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// A pause is a while in this mode.
pub const PAUSE: &str = "off";
const PAUSES: [(&str, Duration); 3] = [
    ("5 minutes", Duration::from_secs(5 * 60)),
    ("15 minutes", Duration::from_secs(15 * 60)),
    ("1 hour", Duration::from_secs(3600)),
];
/// Longer lines make a menu as wide as the screen.
const LONGEST: usize = 64;

/// While no engine answers.
pub fn without_engine(why: &str) -> View {
    View {
        shape: Shape::Problem,
        hint: format!("Privet: {why}"),
        menu: vec![Entry::Label(short(why)), Entry::Line, quit()],
    }
}

/// The menu of a running engine.
pub fn of(seen: &Seen<'_>) -> View {
    let status = seen.status;
    let line = status_line(seen);
    let mut menu = vec![Entry::Label(short(&line))];
    if let Some(problem) = status.problems.first() {
        menu.push(Entry::Label(short(&format!("Problem: {}", problem.text))));
    }
    menu.push(Entry::Line);
    menu.extend(system_proxy(status));
    menu.push(modes(status));
    menu.push(pauses(seen));
    menu.push(routes(seen));
    menu.push(Entry::Line);
    menu.push(Entry::Button(
        "New identity".to_owned(),
        Action::NewIdentity,
    ));
    menu.push(Entry::Button(
        format!("Close all connections ({})", status.totals.active),
        Action::CloseAll,
    ));
    if seen.can_copy {
        let shells = SHELLS.map(|(id, name)| Entry::Button(name.to_owned(), Action::CopyProxy(id)));
        menu.push(Entry::Sub(
            "Copy proxy for terminal".to_owned(),
            shells.into(),
        ));
    }
    if !seen.blocked.is_empty() {
        menu.push(Entry::Sub("Blocked just now".to_owned(), unblocks(seen)));
    }
    menu.push(Entry::Line);
    menu.push(Entry::Button("Open Privet".to_owned(), Action::Open));
    menu.push(quit());
    View {
        shape: shape(seen),
        hint: format!("Privet: {line}"),
        menu,
    }
}

fn quit() -> Entry {
    Entry::Button(
        "Quit and restore my proxy settings".to_owned(),
        Action::Quit,
    )
}

fn is_paused(seen: &Seen<'_>) -> bool {
    let mode = &seen.status.mode;
    mode.name == PAUSE && (mode.then.is_some() || seen.paused_from.is_some())
}

fn shape(seen: &Seen<'_>) -> Shape {
    let proxy = seen.status.system_proxy.as_ref();
    if !seen.status.problems.is_empty() {
        Shape::Problem
    } else if is_paused(seen) {
        Shape::Paused
    } else if proxy.is_some_and(|proxy| proxy.state == "on") {
        Shape::On
    } else {
        Shape::Off
    }
}

/// The same sentence as the window's title and its first page.
fn status_line(seen: &Seen<'_>) -> String {
    let mode = &seen.status.mode;
    let then = mode.then.as_deref().zip(mode.until_ms);
    let then = then.map(|(then, until)| format!("{} in {}", word(then), left(until, seen.now_ms)));
    match then {
        Some(then) if mode.name == PAUSE => format!("Paused · {then}"),
        None if is_paused(seen) => "Paused · until restart".to_owned(),
        then => {
            let state = if mode.name == PAUSE {
                "Passing all through"
            } else {
                "On"
            };
            let then = then.map_or_else(String::new, |then| format!(" · {then}"));
            format!(
                "{state} · {} · {}{then}",
                word(&mode.name),
                route(seen.status)
            )
        }
    }
}

/// A mode's name as a word: those that are built in begin like one.
fn word(mode: &str) -> &str {
    match mode {
        "off" => "Off",
        "standard" => "Standard",
        "strict" => "Strict",
        own => own,
    }
}

/// The time until then, to the minute, rounded up.
fn left(until_ms: u64, now_ms: u64) -> String {
    let minutes = until_ms.saturating_sub(now_ms).div_ceil(60_000).max(1);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn route(status: &Status) -> String {
    let route = &status.route;
    let health = match route.healthy {
        Some(false) => " · route is down".to_owned(),
        _ => route
            .latency_ms
            .map_or_else(String::new, |ms| format!(" · {ms:.0} ms")),
    };
    match route.name.as_str() {
        "direct" => "direct".to_owned(),
        "none" => "no route".to_owned(),
        name => format!("via {name}{health}"),
    }
}

/// The ways out of the present mode. The one that means "no proxy" is all that the mode of a pause has, and what a kill
/// switch never takes.
fn routes(seen: &Seen<'_>) -> Entry {
    let status = seen.status;
    let label = short(&format!("Upstream: {}", status.route.name));
    if status.mode.name == PAUSE || seen.outlets.is_empty() {
        return Entry::Label(label);
    }
    let direct = (!status.mode.kill_switch).then_some("direct");
    let names = seen.outlets.iter().map(String::as_str).chain(direct);
    let choice = names.map(|name| Chosen {
        label: name.to_owned(),
        on: name == status.route.name,
        action: Action::Route {
            mode: status.mode.name.clone(),
            route: name.to_owned(),
        },
    });
    Entry::Sub(label, vec![Entry::Choice(choice.collect())])
}

/// The switch with its measured state; what is amiss stands beside it.
fn system_proxy(status: &Status) -> Vec<Entry> {
    let Some(proxy) = &status.system_proxy else {
        return Vec::new();
    };
    let label = "System proxy".to_owned();
    match proxy.state.as_str() {
        "unsupported" => vec![Entry::Label("No system proxy on this desktop".to_owned())],
        "changed" => vec![
            Entry::Check(
                format!("{label}: changed by something else"),
                true,
                Action::SystemProxy(false),
            ),
            Entry::Button(
                "Turn the system proxy on again".to_owned(),
                Action::SystemProxy(true),
            ),
        ],
        state => vec![Entry::Check(
            label,
            state == "on",
            Action::SystemProxy(state != "on"),
        )],
    }
}

fn modes(status: &Status) -> Entry {
    let mode = |name: &String| Chosen {
        label: name.clone(),
        on: *name == status.mode.name,
        action: Action::Mode(name.clone()),
    };
    let all = status.mode.available.iter().map(mode).collect();
    Entry::Sub("Mode".to_owned(), vec![Entry::Choice(all)])
}

fn pauses(seen: &Seen<'_>) -> Entry {
    let mut menu = Vec::new();
    let back = seen.status.mode.then.as_deref().or(seen.paused_from);
    if let (true, Some(back)) = (is_paused(seen), back) {
        menu.push(Entry::Button(
            format!("Resume {back} now"),
            Action::Mode(back.to_owned()),
        ));
        menu.push(Entry::Line);
    }
    menu.extend(
        PAUSES
            .iter()
            .map(|(label, span)| Entry::Button((*label).to_owned(), Action::Pause(Some(*span)))),
    );
    menu.push(Entry::Button(
        "Until restart".to_owned(),
        Action::Pause(None),
    ));
    let label = match (&seen.status.mode.then, seen.status.mode.until_ms) {
        (Some(_), Some(until)) if is_paused(seen) => {
            format!("Paused, resumes in {}", left(until, seen.now_ms))
        }
        _ if is_paused(seen) => "Paused until restart".to_owned(),
        _ => "Pause".to_owned(),
    };
    Entry::Sub(label, menu)
}

fn unblocks(seen: &Seen<'_>) -> Vec<Entry> {
    let mut menu = vec![Entry::Label("Let through for an hour:".to_owned())];
    menu.extend(seen.blocked.iter().map(|blocked| {
        let by = blocked
            .app
            .as_ref()
            .map_or_else(String::new, |app| format!(" ({app})"));
        Entry::Button(
            short(&format!("{}{by}", blocked.host)),
            Action::Unblock(blocked.host.clone()),
        )
    }));
    menu
}

/// Cut where a menu would get too wide.
fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(change: impl FnOnce(&mut serde_json::Value)) -> Status {
        let sums = json!({"connections": 0, "up": 0, "down": 0});
        let mut status = json!({
            "version": "0.1.0", "pid": 1, "started_ms": 0,
            "mode": {"name": "standard", "available": ["off", "standard", "strict"], "kill_switch": false, "until_ms": null, "then": null},
            "listeners": [],
            "system_proxy": {"enabled": false, "state": "off", "desktop": "gnome", "pointing": "no proxy", "text": "off", "mend": null, "guardian": null},
            "route": {"name": "tor", "healthy": true, "latency_ms": 41.6},
            "totals": {"active": 3, "connections": 0, "blocked": 0, "failed": 0, "direct": sums, "routed": sums, "up": 0, "down": 0, "up_speed": 0, "down_speed": 0},
            "problems": [], "config": null,
        });
        change(&mut status);
        serde_json::from_value(status).expect("a status")
    }

    fn view(status: &Status, paused_from: Option<&str>) -> View {
        of(&Seen {
            status,
            outlets: &["tor".to_owned(), "office".to_owned()],
            blocked: &[Blocked {
                host: "ads.test".to_owned(),
                app: Some("firefox".to_owned()),
            }],
            paused_from,
            can_copy: false,
            now_ms: 1_000_000,
        })
    }

    #[test]
    fn the_icon_tells_on_off_paused_and_problem() {
        let with = |change: fn(&mut serde_json::Value)| view(&status(change), None).shape;
        assert_eq!(with(|_| {}), Shape::Off);
        assert_eq!(
            with(|s| s["system_proxy"]["state"] = json!("on")),
            Shape::On
        );
        let paused = |s: &mut serde_json::Value| {
            s["mode"]["name"] = json!("off");
            s["mode"]["then"] = json!("strict");
            s["mode"]["until_ms"] = json!(1_000_000 + 12 * 60_000);
        };
        assert_eq!(with(paused), Shape::Paused);
        let seen = view(&status(paused), None);
        assert!(
            seen.hint.contains("Paused · Strict in 12 min"),
            "{}",
            seen.hint
        );
        let problem = |s: &mut serde_json::Value| {
            s["problems"] = json!([{"about": "listen", "text": "no port", "mend": "x"}]);
        };
        assert_eq!(with(problem), Shape::Problem);
        // Chosen, not paused.
        assert_eq!(with(|s| s["mode"]["name"] = json!("off")), Shape::Off);
        let off = status(|s| s["mode"]["name"] = json!("off"));
        assert_eq!(view(&off, Some("strict")).shape, Shape::Paused);
    }

    #[test]
    fn a_changed_system_proxy_offers_its_repair_in_one_click() {
        let changed = status(|s| s["system_proxy"]["state"] = json!("changed"));
        let repair = Entry::Button(
            "Turn the system proxy on again".to_owned(),
            Action::SystemProxy(true),
        );
        assert!(view(&changed, None).menu.contains(&repair));
    }

    #[test]
    fn the_way_out_is_chosen_among_those_that_the_mode_allows() {
        let names = |status: &Status| {
            let menu = view(status, None).menu;
            let choice = menu.into_iter().find_map(|entry| match entry {
                Entry::Sub(label, mut entries) if label.starts_with("Upstream: tor") => {
                    entries.pop()
                }
                _ => None,
            });
            match choice {
                Some(Entry::Choice(all)) => {
                    all.into_iter().map(|one| (one.label, one.on)).collect()
                }
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
    fn what_was_blocked_is_let_through_by_a_click() {
        let menu = view(&status(|_| {}), None).menu;
        let sub = menu.iter().find_map(|entry| match entry {
            Entry::Sub(label, entries) if label == "Blocked just now" => Some(entries),
            _ => None,
        });
        let click = Entry::Button(
            "ads.test (firefox)".to_owned(),
            Action::Unblock("ads.test".to_owned()),
        );
        assert!(sub.expect("a submenu").contains(&click));
    }

    #[test]
    fn the_time_left_is_rounded_up() {
        for (ms, text) in [
            (1, "1 min"),
            (60_000, "1 min"),
            (60_001, "2 min"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
        ] {
            assert_eq!(left(ms, 0), text);
        }
    }
}
