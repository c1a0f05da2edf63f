//! Switching a store in memory: what is measured, what is told, and what a failing desktop leaves behind.

use std::net::TcpListener;

use privet_system::proxy::memory_store::MemoryStore;
use privet_system::proxy::{
    Change, DesiredProxy, DesktopKind, JournalFile, ProxyError, ProxySettings, ProxyStore,
    SystemProxySession, SystemProxyState, Value,
};

struct Rig {
    store: MemoryStore,
    journal: JournalFile,
    holder: SystemProxySession,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new(values: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings: ProxySettings = values
            .iter()
            .map(|(key, text)| ((*key).to_owned(), Value::set(*text)))
            .collect();
        let store = MemoryStore::new(DesktopKind::Gnome, settings);
        let journal = JournalFile::at(folder.path().join("state"));
        let holder = SystemProxySession::new(Some(Box::new(store.clone())), Some(journal.clone()));
        Self {
            store,
            journal,
            holder,
            _folder: folder,
        }
    }

    fn settings(&self) -> ProxySettings {
        self.store.read().unwrap()
    }

    fn user_sets(&mut self, key: &str, text: &str) {
        self.store.set(&Change {
            key: key.to_owned(),
            value: Value::set(text),
        });
        // A store in memory has no file that tells of a change.
        self.holder = SystemProxySession::new(
            Some(Box::new(self.store.clone())),
            Some(self.journal.clone()),
        );
    }
}

const PLAIN: &[(&str, &str)] = &[
    ("mode", "'none'"),
    ("autoconfig-url", "''"),
    ("http/host", "'corp.example'"),
    ("http/port", "8080"),
    ("http/use-authentication", "true"),
    ("https/host", "''"),
    ("https/port", "0"),
    ("socks/host", "''"),
    ("socks/port", "0"),
    ("ignore-hosts", "['a']"),
];

fn target() -> DesiredProxy {
    DesiredProxy::Manual {
        http: "127.0.0.1:7280".parse().unwrap(),
        socks: Some("127.0.0.1:7280".parse().unwrap()),
    }
}

#[test]
fn on_and_off_again_leaves_every_value_as_it_was() {
    let mut rig = Rig::new(PLAIN);
    let before = rig.settings();
    assert_eq!(rig.holder.look().state, SystemProxyState::Off);
    rig.holder.turn_on(&target()).unwrap();
    let report = rig.holder.look();
    assert_eq!(report.state, SystemProxyState::On);
    assert_eq!(report.pointing.as_deref(), Some("the proxy 127.0.0.1:7280"));
    assert_eq!(rig.settings().text("ignore-hosts"), "['a']");
    rig.holder.turn_off().unwrap();
    assert_eq!(rig.settings(), before);
    assert!(!rig.journal.path().exists());
    assert_eq!(rig.holder.look().state, SystemProxyState::Off);
}

#[test]
fn a_change_by_something_else_is_shown_and_left_alone() {
    let mut rig = Rig::new(PLAIN);
    rig.holder.turn_on(&target()).unwrap();
    rig.user_sets("mode", "'auto'");
    let report = rig.holder.look();
    assert_eq!(report.state, SystemProxyState::Changed);
    assert!(report.text.contains("mode"), "{}", report.text);
    rig.holder.turn_off().unwrap();
    assert_eq!(rig.settings().text("mode"), "'auto'");
    assert_eq!(rig.settings().text("http/host"), "'corp.example'");
}

#[test]
fn a_desktop_that_fails_halfway_is_put_back_at_once() {
    for writes in 0..9 {
        let mut rig = Rig::new(PLAIN);
        let before = rig.settings();
        rig.store.fail_after(Some(writes));
        let done = rig.holder.turn_on(&target());
        rig.store.fail_after(None);
        if done.is_ok() {
            assert_eq!(writes, 8, "all of it was written");
            continue;
        }
        // The desktop refused the way back too; the journal knows the rest.
        rig.holder.turn_off().unwrap();
        assert_eq!(rig.settings(), before, "after {writes} writes");
    }
}

#[test]
fn a_dead_port_of_another_program_is_told_and_repaired_on_demand_only() {
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = live.local_addr().unwrap().port().to_string();
    let mut rig = Rig::new(&[
        ("mode", "'manual'"),
        ("http/host", "'127.0.0.1'"),
        ("http/port", &port),
    ]);
    assert_eq!(rig.holder.look().state, SystemProxyState::Off);
    assert!(matches!(
        rig.holder.repair_leftover(),
        Err(ProxyError::NothingToRepair)
    ));
    drop(live);
    let report = rig.holder.look();
    assert_eq!(report.state, SystemProxyState::Leftover);
    assert!(report.mend.is_some());
    assert_eq!(rig.settings().text("mode"), "'manual'");
    rig.holder.repair_leftover().unwrap();
    assert_eq!(rig.settings().text("mode"), "'none'");
    assert_eq!(rig.holder.look().state, SystemProxyState::Off);
}

#[test]
fn two_of_one_user_cannot_both_have_it() {
    let mut rig = Rig::new(PLAIN);
    rig.holder.turn_on(&target()).unwrap();
    let mut second =
        SystemProxySession::new(Some(Box::new(rig.store.clone())), Some(rig.journal.clone()));
    let refused = second.turn_on(&target()).unwrap_err().to_string();
    assert!(
        refused.contains(&std::process::id().to_string()),
        "{refused}"
    );
    assert_eq!(second.look().state, SystemProxyState::On);
    rig.holder.turn_off().unwrap();
    second.turn_on(&target()).unwrap();
    second.turn_off().unwrap();
}

#[test]
fn settings_that_point_at_us_without_a_journal_come_back_to_off() {
    let mut rig = Rig::new(PLAIN);
    rig.holder.turn_on(&target()).unwrap();
    std::fs::write(rig.journal.path(), "damaged").unwrap();
    assert!(rig.holder.turn_off().is_err());
    assert_eq!(rig.settings().text("mode"), "'manual'");
    rig.holder.turn_on(&target()).unwrap();
    rig.holder.turn_off().unwrap();
    assert_eq!(rig.settings().text("mode"), "'none'");
}

#[test]
fn a_desktop_without_settings_is_said_with_what_to_do_instead() {
    let mut holder = SystemProxySession::new(None, None);
    let report = holder.look();
    assert_eq!(report.state, SystemProxyState::Unsupported);
    assert!(report.text.contains("privet env"), "{}", report.text);
    assert!(matches!(
        SystemProxySession::new(None, Some(JournalFile::at("/nonexistent"))).turn_on(&target()),
        Err(ProxyError::Unsupported)
    ));
}
