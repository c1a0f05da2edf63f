//! Switches a store in memory: what is read and reported, and the state after a failing write.

use std::net::TcpListener;

use privet_system::proxy::memory_store::MemoryStore;
use privet_system::proxy::{
    Change, DesiredProxy, DesktopKind, JournalFile, ProxyError, ProxySettings, ProxyStore,
    SystemProxySession, SystemProxyState, Value,
};

struct Fixture {
    store: MemoryStore,
    journal: JournalFile,
    session: SystemProxySession,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new(values: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings: ProxySettings = values
            .iter()
            .map(|(key, text)| ((*key).to_owned(), Value::set(*text)))
            .collect();
        let store = MemoryStore::new(DesktopKind::Gnome, settings);
        let journal = JournalFile::at(folder.path().join("state"));
        let session = SystemProxySession::new(Some(Box::new(store.clone())), Some(journal.clone()));
        Self {
            store,
            journal,
            session,
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
        // A store in memory has no file whose version shows a change.
        self.session = SystemProxySession::new(
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
fn switching_on_and_off_restores_every_value_in_memory() {
    let mut fixture = Fixture::new(PLAIN);
    let before = fixture.settings();
    assert_eq!(fixture.session.report().state, SystemProxyState::Off);
    fixture.session.turn_on(&target()).unwrap();
    let report = fixture.session.report();
    assert_eq!(report.state, SystemProxyState::On);
    assert_eq!(
        report.target.map(|target| target.to_string()).as_deref(),
        Some("the proxy 127.0.0.1:7280")
    );
    assert_eq!(fixture.settings().text("ignore-hosts"), "['a']");
    fixture.session.turn_off().unwrap();
    assert_eq!(fixture.settings(), before);
    assert!(!fixture.journal.path().exists());
    assert_eq!(fixture.session.report().state, SystemProxyState::Off);
}

#[test]
fn a_foreign_change_is_reported_and_left_alone() {
    let mut fixture = Fixture::new(PLAIN);
    fixture.session.turn_on(&target()).unwrap();
    fixture.user_sets("mode", "'auto'");
    let report = fixture.session.report();
    assert_eq!(report.state, SystemProxyState::Changed);
    assert!(report.text.contains("mode"), "{}", report.text);
    fixture.session.turn_off().unwrap();
    assert_eq!(fixture.settings().text("mode"), "'auto'");
    assert_eq!(fixture.settings().text("http/host"), "'corp.example'");
}

#[test]
fn a_failed_switch_is_reverted_at_once() {
    for writes in 0..9 {
        let mut fixture = Fixture::new(PLAIN);
        let before = fixture.settings();
        fixture.store.fail_after(Some(writes));
        let done = fixture.session.turn_on(&target());
        fixture.store.fail_after(None);
        if done.is_ok() {
            assert_eq!(writes, 8, "all of it was written");
            continue;
        }
        // The desktop refused restoring too; the journal remembers the rest.
        fixture.session.turn_off().unwrap();
        assert_eq!(fixture.settings(), before, "after {writes} writes");
    }
}

#[test]
fn a_dead_port_of_another_program_is_reported_and_repaired_on_demand_only() {
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = live.local_addr().unwrap().port().to_string();
    let mut fixture = Fixture::new(&[
        ("mode", "'manual'"),
        ("http/host", "'127.0.0.1'"),
        ("http/port", &port),
    ]);
    assert_eq!(fixture.session.report().state, SystemProxyState::Off);
    assert!(matches!(
        fixture.session.repair_leftover(),
        Err(ProxyError::NothingToRepair)
    ));
    drop(live);
    let report = fixture.session.report();
    assert_eq!(report.state, SystemProxyState::Leftover);
    assert!(report.fix.is_some());
    assert_eq!(fixture.settings().text("mode"), "'manual'");
    fixture.session.repair_leftover().unwrap();
    assert_eq!(fixture.settings().text("mode"), "'none'");
    assert_eq!(fixture.session.report().state, SystemProxyState::Off);
}

#[test]
fn only_one_process_of_a_user_can_switch_the_proxy() {
    let mut fixture = Fixture::new(PLAIN);
    fixture.session.turn_on(&target()).unwrap();
    let mut second = SystemProxySession::new(
        Some(Box::new(fixture.store.clone())),
        Some(fixture.journal.clone()),
    );
    let refused = second.turn_on(&target()).unwrap_err().to_string();
    assert!(
        refused.contains(&std::process::id().to_string()),
        "{refused}"
    );
    assert_eq!(second.report().state, SystemProxyState::On);
    fixture.session.turn_off().unwrap();
    second.turn_on(&target()).unwrap();
    second.turn_off().unwrap();
}

#[test]
fn settings_that_name_privet_without_a_journal_are_restored_to_off() {
    let mut fixture = Fixture::new(PLAIN);
    fixture.session.turn_on(&target()).unwrap();
    std::fs::write(fixture.journal.path(), "damaged").unwrap();
    assert!(fixture.session.turn_off().is_err());
    assert_eq!(fixture.settings().text("mode"), "'manual'");
    fixture.session.turn_on(&target()).unwrap();
    fixture.session.turn_off().unwrap();
    assert_eq!(fixture.settings().text("mode"), "'none'");
}

#[test]
fn a_desktop_without_settings_is_reported_with_a_fix() {
    let mut session = SystemProxySession::new(None, None);
    let report = session.report();
    assert_eq!(report.state, SystemProxyState::Unsupported);
    assert!(report.text.contains("privet env"), "{}", report.text);
    assert!(matches!(
        SystemProxySession::new(None, Some(JournalFile::at("/nonexistent"))).turn_on(&target()),
        Err(ProxyError::Unsupported)
    ));
}
