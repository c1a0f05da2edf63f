//! Ten thousand random histories of one user's settings: switches, changed targets, changes by the user, and kills after any
//! step. At the end the settings are those that they would be without Privet.

use std::collections::BTreeSet;

use privet_system::proxy::KeyRole;
use privet_system::proxy::journal::Journal;
use privet_system::proxy::switch::{Step, SwitchState, switch_state, turn_off, turn_on};
use privet_system::proxy::{Change, DesiredProxy, DesktopKind, ProxySettings, Value};
use proptest::prelude::*;

/// An event. The `usize` is the number of steps before a kill.
#[derive(Debug, Clone)]
enum Event {
    On(u8, usize),
    Off(usize),
    /// A start that finds a journal restores.
    Start(usize),
    /// The user sets a whole part (host and port).
    Part(usize),
    /// The user sets the switch.
    Switch(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Mostly few steps, so that kills within a switch are common; 99: no kill.
    let dies = prop_oneof![2 => 0..9_usize, 1 => Just(99)];
    let event = prop_oneof![
        4 => (0..3_u8, dies.clone()).prop_map(|(target, dies)| Event::On(target, dies)),
        2 => dies.clone().prop_map(Event::Off),
        1 => dies.prop_map(Event::Start),
        3 => (0..8_usize).prop_map(Event::Part),
        2 => (0..4_usize).prop_map(Event::Switch),
    ];
    prop::collection::vec(event, 1..14)
}

/// One machine: the settings, the journal, and the settings as they would be without Privet.
struct Machine {
    desktop: DesktopKind,
    real: ProxySettings,
    journal: Option<Journal>,
    without_us: ProxySettings,
    switch: &'static str,
    modes: &'static [&'static str],
    fresh: u32,
}

fn keys(
    desktop: DesktopKind,
) -> (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
) {
    match desktop {
        DesktopKind::Kde => (
            "ProxyType",
            &["0", "1", "2", "4"],
            &[
                "Proxy Config Script",
                "httpProxy",
                "httpsProxy",
                "socksProxy",
                "ftpProxy",
            ],
        ),
        DesktopKind::Windows => (
            "ProxyEnable",
            &["REG_DWORD 0x0", "REG_DWORD 0x1"],
            &["ProxyServer", "ProxyOverride", "AutoConfigURL"],
        ),
        _ => (
            "mode",
            &["'none'", "'manual'", "'auto'"],
            &[
                "autoconfig-url",
                "http/host",
                "http/port",
                "http/use-authentication",
                "https/host",
                "https/port",
                "socks/host",
                "socks/port",
                "ftp/host",
                "ftp/port",
                "ignore-hosts",
            ],
        ),
    }
}

impl Machine {
    fn new(desktop: DesktopKind, mode: usize, set: u16) -> Self {
        let (switch, modes, parts) = keys(desktop);
        let mut real = ProxySettings::default();
        let values = parts.iter().map(|key| (*key, format!("first {key}")));
        let mode = modes[mode % modes.len()].to_owned();
        for (number, (key, text)) in values.chain([(switch, mode)]).enumerate() {
            let set = set & (1 << number) != 0;
            real.values.insert(key.to_owned(), Value { text, set });
        }
        Self {
            desktop,
            without_us: real.clone(),
            real,
            journal: None,
            switch,
            modes,
            fresh: 0,
        }
    }

    /// Carries out steps until the kill. `false` if it was killed.
    fn carry_out(&mut self, steps: Vec<Step>, dies: usize) -> bool {
        for (done, step) in steps.into_iter().enumerate() {
            if done == dies {
                return false;
            }
            match step {
                Step::WriteJournal(journal) => self.journal = Some(journal),
                Step::WriteSetting(change) => self.real.apply(&change),
                Step::RemoveJournal => self.journal = None,
            }
        }
        true
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::On(target, dies) => {
                let wanted = self.desktop.values_for(&self.target(*target), &self.real);
                let steps = turn_on(self.desktop, self.journal.as_ref(), &self.real, &wanted);
                assert!(
                    matches!(steps[0], Step::WriteJournal(_)),
                    "the journal comes first"
                );
                if self.carry_out(steps, *dies) {
                    assert_eq!(
                        switch_state(self.journal.as_ref(), &self.real),
                        SwitchState::On
                    );
                }
            }
            Event::Off(dies) | Event::Start(dies) => {
                let steps = turn_off(self.journal.as_ref(), &self.real);
                if self.carry_out(steps, *dies) {
                    self.nothing_is_left();
                }
            }
            Event::Part(which) => self.user_sets_a_part(*which),
            Event::Switch(which) => self.user_sets_the_switch(*which),
        }
    }

    fn target(&self, which: u8) -> DesiredProxy {
        match which {
            0 => DesiredProxy::pac("127.0.0.1:7281".parse().unwrap()),
            1 => DesiredProxy::Manual {
                http: "127.0.0.1:7280".parse().unwrap(),
                socks: Some("127.0.0.1:7280".parse().unwrap()),
            },
            _ => DesiredProxy::Manual {
                http: "127.0.0.1:9999".parse().unwrap(),
                socks: None,
            },
        }
    }

    fn user_sets_a_part(&mut self, which: usize) {
        let parts: BTreeSet<String> = self
            .real
            .values
            .keys()
            .filter_map(|key| match self.desktop.key_role(key) {
                KeyRole::Part(part) => Some(part.to_owned()),
                KeyRole::Switch => None,
            })
            .collect();
        let part = parts.iter().nth(which % parts.len()).unwrap().clone();
        let keys: Vec<String> = self
            .real
            .values
            .keys()
            .filter(|key| self.desktop.key_role(key) == KeyRole::Part(&part))
            .cloned()
            .collect();
        for key in &keys {
            self.fresh += 1;
            let change = Change {
                key: key.clone(),
                value: Value::set(format!("the user's {}", self.fresh)),
            };
            self.real.apply(&change);
            self.without_us.apply(&change);
        }
        // The user saw which switch made the part active, and kept it.
        let ours = self.journal.iter().flat_map(|journal| &journal.ours);
        let ours = ours
            .flat_map(|ours| ours.keys())
            .any(|key| keys.contains(key));
        let now = self.real.values[self.switch].clone();
        if ours && self.desktop.is_active(&now.text, &part) && self.is_ours(&now.text) {
            self.without_us.values.insert(self.switch.to_owned(), now);
        }
    }

    fn is_ours(&self, mode: &str) -> bool {
        let ours = self.journal.iter().flat_map(|journal| &journal.ours);
        ours.filter_map(|ours| ours.get(self.switch))
            .any(|text| text == mode)
    }

    /// Never to a value that Privet wrote: it could not be distinguished.
    fn user_sets_the_switch(&mut self, which: usize) {
        let mode = self.modes[which % self.modes.len()];
        if self.is_ours(mode) || self.real.text(self.switch) == mode {
            return;
        }
        let change = Change {
            key: self.switch.to_owned(),
            value: Value::set(mode),
        };
        self.real.apply(&change);
        self.without_us.apply(&change);
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.journal, None);
        assert_eq!(self.real, self.without_us);
    }
}

fn check_history(mut machine: Machine, history: &[Event]) {
    for event in history {
        machine.happen(event);
    }
    machine.happen(&Event::Start(99));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_history_the_settings_are_those_without_privet(
        desktop in prop::sample::select(vec![DesktopKind::Gnome, DesktopKind::Kde, DesktopKind::Windows]),
        mode in 0..4_usize,
        set: u16,
        history in events(),
    ) {
        check_history(Machine::new(desktop, mode, set), &history);
    }
}

#[test]
fn a_kill_after_any_step_of_on_and_off_is_restored() {
    for desktop in [DesktopKind::Gnome, DesktopKind::Kde, DesktopKind::Windows] {
        for (first, second, mode) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b, a + b))) {
            for dies in 0..16 {
                for dies_again in 0..16 {
                    let history = [
                        Event::On(first, 99),
                        Event::On(second, dies),
                        Event::Off(dies_again),
                    ];
                    check_history(Machine::new(desktop, mode.into(), 0b1010), &history);
                }
            }
        }
    }
}

#[test]
fn a_foreign_proxy_is_not_changed_while_ours_is_off() {
    let machine = Machine::new(DesktopKind::Gnome, 2, 0);
    assert_eq!(turn_off(None, &machine.real), []);
}

#[test]
fn a_journal_is_read_back_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = privet_system::proxy::JournalFile::at(folder.path());
    let machine = Machine::new(DesktopKind::Gnome, 0, 0b11);
    let wanted = DesktopKind::Gnome.values_for(&machine.target(1), &machine.real);
    let steps = turn_on(DesktopKind::Gnome, None, &machine.real, &wanted);
    let Step::WriteJournal(journal) = &steps[0] else {
        panic!("{steps:?}")
    };
    file.write(journal).unwrap();
    assert_eq!(file.read().unwrap().as_ref(), Some(journal));
    std::fs::write(file.path(), "{\"version\":1,").unwrap();
    let damaged = file.read().unwrap_err().to_string();
    assert!(damaged.contains("system-proxy.json.damaged-"), "{damaged}");
    assert_eq!(file.read().unwrap(), None);
}
