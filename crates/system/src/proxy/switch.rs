//! The decisions of the system proxy switch, pure: from the journal and the current settings to the steps to take.
//!
//! A value is *before* if it equals the one before the first change, *ours* if it equals one that Privet wrote, and
//! *foreign* otherwise. Only values that are ours are restored. A part (a host and its port) with a foreign value is left
//! alone as a whole, and so is a switch that makes such a part active.

use std::collections::BTreeSet;

use super::journal::{Journal, Phase};
use super::settings::{Change, ProxySettings, Value};
use super::settings::{DesktopKind, KeyRole};

/// One step. Steps are done in order; a kill between any two leaves a state that the next start can restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write the journal durably.
    WriteJournal(Journal),
    WriteSetting(Change),
    /// Remove the journal: nothing of Privet's is left.
    RemoveJournal,
}

/// The settings compared with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchState {
    /// There is no journal.
    Off,
    /// They are as Privet wrote them.
    On,
    /// These keys are not as Privet wrote them.
    Changed(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Before,
    Ours,
    Foreign,
    /// The store no longer has the key.
    Gone,
}

/// The steps that turn the proxy on, or on again where something changed it. What the user set meanwhile is restored later.
pub fn turn_on(
    desktop: DesktopKind,
    journal: Option<&Journal>,
    measured: &ProxySettings,
    wanted: &[(String, String)],
) -> Vec<Step> {
    let mut before = measured.clone();
    let mut ours = Vec::new();
    if let Some(journal) = journal {
        for change in restoring_changes(journal, measured) {
            before.apply(&change);
        }
        ours.clone_from(&journal.ours);
    }
    let wanted_map = wanted.iter().cloned().collect();
    ours.retain(|earlier| *earlier != wanted_map);
    ours.push(wanted_map.clone());
    let note = |phase, ours| {
        Step::WriteJournal(Journal {
            version: Journal::VERSION,
            phase,
            desktop,
            before: before.clone(),
            ours,
        })
    };
    let mut steps = vec![note(Phase::Switching, ours.clone())];
    let writes = wanted
        .iter()
        .filter(|(key, text)| measured.text(key) != text || !measured.values.contains_key(key));
    steps.extend(writes.map(|(key, text)| {
        Step::WriteSetting(Change {
            key: key.clone(),
            value: Value::set(text.clone()),
        })
    }));
    // Keys that only an earlier target had are restored now.
    let passed = Journal {
        version: Journal::VERSION,
        phase: Phase::Switching,
        desktop,
        before: before.clone(),
        ours,
    };
    steps.extend(
        restoring_changes(&passed, measured)
            .into_iter()
            .filter(|change| !wanted_map.contains_key(&change.key))
            .map(Step::WriteSetting),
    );
    steps.push(note(Phase::On, vec![wanted_map]));
    steps
}

/// The steps that turn the proxy off; none without a journal.
pub fn turn_off(journal: Option<&Journal>, measured: &ProxySettings) -> Vec<Step> {
    let Some(journal) = journal else {
        return Vec::new();
    };
    let mut steps: Vec<Step> = restoring_changes(journal, measured)
        .into_iter()
        .map(Step::WriteSetting)
        .collect();
    steps.push(Step::RemoveJournal);
    steps
}

/// The writes that restore the values that are still ours, the switch first. After some of them, another call returns the
/// rest.
pub fn restoring_changes(journal: &Journal, measured: &ProxySettings) -> Vec<Change> {
    let keys: BTreeSet<&String> = journal.ours.iter().flat_map(|ours| ours.keys()).collect();
    let desktop = journal.desktop;
    let foreign: BTreeSet<&str> = keys
        .iter()
        .filter(|key| origin(journal, measured, key) == Origin::Foreign)
        .filter_map(|key| match desktop.key_role(key) {
            KeyRole::Part(part) => Some(part),
            KeyRole::Switch => None,
        })
        .collect();
    let (mut switches, mut parts) = (Vec::new(), Vec::new());
    for key in keys {
        if origin(journal, measured, key) != Origin::Ours {
            continue;
        }
        let Some(value) = journal.before.values.get(key) else {
            continue;
        };
        let change = Change {
            key: key.clone(),
            value: value.clone(),
        };
        match desktop.key_role(key) {
            KeyRole::Switch => {
                let now = measured.text(key);
                if !foreign.iter().any(|part| desktop.is_active(now, part)) {
                    switches.push(change);
                }
            }
            KeyRole::Part(part) => {
                if !foreign.contains(part) {
                    parts.push(change);
                }
            }
        }
    }
    switches.append(&mut parts);
    switches
}

pub fn switch_state(journal: Option<&Journal>, measured: &ProxySettings) -> SwitchState {
    let Some(ours) = journal.and_then(|journal| journal.ours.last()) else {
        return SwitchState::Off;
    };
    let changed: Vec<String> = ours
        .iter()
        .filter(|(key, text)| measured.text(key) != text.as_str())
        .map(|(key, _)| key.clone())
        .collect();
    if changed.is_empty() {
        SwitchState::On
    } else {
        SwitchState::Changed(changed)
    }
}

fn origin(journal: &Journal, measured: &ProxySettings, key: &str) -> Origin {
    let Some(now) = measured.values.get(key) else {
        return Origin::Gone;
    };
    let before = journal.before.values.get(key);
    if before == Some(now) {
        return Origin::Before;
    }
    let ours = |written: &std::collections::BTreeMap<String, String>| {
        written.get(key).is_some_and(|text| *text == now.text)
    };
    if journal.ours.iter().any(ours) {
        Origin::Ours
    } else if before.is_some_and(|before| before.text == now.text) {
        // The user set the default value explicitly.
        Origin::Before
    } else {
        Origin::Foreign
    }
}
