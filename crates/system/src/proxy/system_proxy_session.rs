//! Carries out what the switch decides, and says how the settings stand. Everything here blocks on the desktop.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::desired_proxy::DesiredProxy;
use super::desktop::{DesktopKind, ProxyTarget};
use super::detect;
use super::guardian::Guardian;
use super::journal::{Journal, JournalError, JournalFile, Phase, SessionLock};
use super::leftover;
use super::restore_at_login;
use super::settings::{Change, ProxySettings, Value};
use super::store::{FileVersion, ParentPipe, ProxyStore, StoreError};
use super::switch::{self, Step, SwitchState};

/// A guardian or a second command may be putting back just now.
const HOLD_PATIENCE: Duration = Duration::from_secs(3);
/// A measurement serves so long while the store's file says that nothing changed…
const FRESH: Duration = Duration::from_secs(30);
/// …and so long where no file tells.
const FRESH_UNTOLD: Duration = Duration::from_secs(10);
/// A dead port may come to life at any time.
const FRESH_LEFTOVER: Duration = Duration::from_secs(5);

/// The settings as they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemProxyState {
    /// They point at us, as we wrote them.
    On,
    /// We have nothing in them.
    Off,
    /// We turned them on, and something else changed them since.
    Changed,
    /// They point at a port of this machine where nobody listens, and it is none of ours.
    Leftover,
    /// This desktop has none that we know.
    Unsupported,
    /// They could not be read.
    Unknown,
}

/// The system proxy at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemProxyReport {
    pub state: SystemProxyState,
    pub desktop: Option<DesktopKind>,
    /// Where the desktop points now, for a person.
    pub pointing: Option<String>,
    /// The same for a program that takes it over.
    pub found: Option<ProxyTarget>,
    /// Of a leftover: the place where nobody listens.
    pub dead: Option<std::net::SocketAddr>,
    /// One sentence.
    pub text: String,
    /// What to do, where something is to be done.
    pub mend: Option<String>,
    /// The process that puts back when we die.
    pub guardian: Option<u32>,
}

/// The system proxy cannot be switched.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(
        "this desktop has no system proxy that Privet knows; `privet env` prints the variables to copy for a shell"
    )]
    Unsupported,
    #[error(
        "this user has no home folder to keep the journal in, so the system proxy is left alone"
    )]
    Homeless,
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// All that could be put back was.
    #[error("the desktop did not keep what was written ({}): is its settings service running?", .0.join(", "))]
    NotKept(Vec<String>),
    #[error("the settings point at no dead port of this machine: there is nothing to repair")]
    NothingToRepair,
}

/// The one hand that writes the settings of this session.
pub struct SystemProxySession {
    store: Option<Box<dyn ProxyStore>>,
    journal: Option<JournalFile>,
    held: Option<SessionLock>,
    guardian: Option<Guardian>,
    /// Whether guardian and net are put up.
    guarded: bool,
    seen: Option<CachedSettings>,
}

struct CachedSettings {
    settings: ProxySettings,
    stamp: Option<FileVersion>,
    at: Instant,
    leftover: Option<(std::net::SocketAddr, Instant)>,
}

impl SystemProxySession {
    /// The session's own settings and the user's own journal.
    pub fn of_session() -> Self {
        let mut holder = Self::new(detect::detect(), JournalFile::of_user());
        holder.guarded = true;
        holder
    }

    /// Without a guardian.
    pub fn new(store: Option<Box<dyn ProxyStore>>, journal: Option<JournalFile>) -> Self {
        Self {
            store,
            journal,
            held: None,
            guardian: None,
            guarded: false,
            seen: None,
        }
    }

    /// Points the desktop at us; where it is on already, anew. What the user changed meanwhile is what comes back later.
    ///
    /// # Errors
    /// [`ProxyError`]; then all is as it was before the call, or the journal says what is still to be put back.
    pub fn turn_on(&mut self, target: &DesiredProxy) -> Result<(), ProxyError> {
        let file = self.journal.clone().ok_or(ProxyError::Homeless)?;
        if self.store.is_none() {
            return Err(ProxyError::Unsupported);
        }
        if self.held.is_none() {
            self.held = Some(file.lock(HOLD_PATIENCE)?);
        }
        let done = self.write_on(&file, target);
        self.seen = None;
        if let Err(error) = done {
            // The first failure is the one to tell.
            let _ = self.turn_off();
            return Err(error);
        }
        Ok(())
    }

    fn write_on(&mut self, file: &JournalFile, target: &DesiredProxy) -> Result<(), ProxyError> {
        let journal = file.read()?;
        self.guard(file);
        let parent_pipe = self.parent_pipe();
        let store = self.store.as_deref().ok_or(ProxyError::Unsupported)?;
        let journal = match journal {
            Some(other) if other.desktop != store.desktop() => {
                put_back_elsewhere(&other, &parent_pipe)?;
                None
            }
            journal => journal,
        };
        let measured = store.read()?;
        let wanted = store.desktop().values_for(target, &measured);
        let journal = journal.or_else(|| already_ours(store.desktop(), &measured, &wanted));
        for step in switch::turn_on(store.desktop(), journal.as_ref(), &measured, &wanted) {
            match step {
                Step::WriteJournal(journal) => file.write(&journal)?,
                Step::WriteSetting(change) => store.write(&[change], &parent_pipe)?,
                Step::RemoveJournal => file.remove()?,
            }
        }
        let journal = file.read()?;
        match switch::switch_state(journal.as_ref(), &store.read()?) {
            SwitchState::Changed(keys) => Err(ProxyError::NotKept(keys)),
            SwitchState::On | SwitchState::Off => Ok(()),
        }
    }

    /// Puts back what is still ours; without a journal nothing is touched.
    ///
    /// # Errors
    /// [`ProxyError`]; the journal stays, and the next call or start tries again.
    pub fn turn_off(&mut self) -> Result<(), ProxyError> {
        let Some(file) = self.journal.clone() else {
            return Ok(());
        };
        self.seen = None;
        if self.held.is_none() {
            if !file.path().exists() {
                return Ok(());
            }
            self.held = Some(file.lock(HOLD_PATIENCE)?);
        }
        match file.read() {
            Ok(Some(journal)) => {
                let parent_pipe = self.parent_pipe();
                match self.store.as_deref() {
                    Some(store) if store.desktop() == journal.desktop => {
                        put_back(store, &journal, &parent_pipe)?;
                    }
                    _ => put_back_elsewhere(&journal, &parent_pipe)?,
                }
                file.remove()?;
            }
            Ok(None) => {}
            Err(error) => {
                self.release();
                return Err(error.into());
            }
        }
        self.release();
        Ok(())
    }

    fn release(&mut self) {
        if self.guarded {
            restore_at_login::remove();
        }
        self.held = None;
        self.guardian = None;
    }

    /// Turns off a proxy of another program's whose port is dead.
    ///
    /// # Errors
    /// It is not dead, or the desktop refuses.
    pub fn repair_leftover(&mut self) -> Result<(), ProxyError> {
        self.seen = None;
        if self.look().state != SystemProxyState::Leftover {
            return Err(ProxyError::NothingToRepair);
        }
        let store = self.store.as_deref().ok_or(ProxyError::Unsupported)?;
        let nowhere = store.desktop().disabled_values(&store.read()?);
        let changes: Vec<Change> = nowhere
            .into_iter()
            .map(|(key, text)| Change {
                key,
                value: Value::set(text),
            })
            .collect();
        store.write(&changes, &ParentPipe::default())?;
        self.seen = None;
        match self.look().state {
            SystemProxyState::Leftover => Err(ProxyError::NotKept(
                changes.into_iter().map(|change| change.key).collect(),
            )),
            _ => Ok(()),
        }
    }

    /// Sees to it that a guardian watches while settings are ours; cheap enough for every second.
    pub fn keep_guarded(&mut self) {
        let lost = self
            .guardian
            .as_mut()
            .is_some_and(|guardian| !guardian.is_alive());
        if lost
            && self.held.is_some()
            && let Some(file) = self.journal.clone()
        {
            self.guardian = None;
            self.guard(&file);
        }
    }

    fn guard(&mut self, file: &JournalFile) {
        if !self.guarded {
            return;
        }
        restore_at_login::install(file);
        if !self.guardian.as_mut().is_some_and(Guardian::is_alive) {
            // Without one the journal and the net remain; the report shows that there is none.
            self.guardian = Guardian::start(file).ok();
        }
    }

    fn parent_pipe(&self) -> ParentPipe {
        self.guardian
            .as_ref()
            .map(Guardian::parent_pipe)
            .unwrap_or_default()
    }

    /// Whether this process has the settings.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// How the settings stand now.
    pub fn look(&mut self) -> SystemProxyReport {
        let guardian = self.guardian.as_mut().and_then(|guardian| {
            let alive = guardian.is_alive();
            alive.then(|| guardian.pid())
        });
        let mut report = match self.measure() {
            Ok(report) => report,
            Err(ProxyError::Unsupported) => SystemProxyReport {
                text: ProxyError::Unsupported.to_string(),
                ..bare(SystemProxyState::Unsupported)
            },
            Err(error) => SystemProxyReport {
                text: format!("the system proxy cannot be told: {error}"),
                mend: Some("look at the desktop's proxy settings".to_owned()),
                ..bare(SystemProxyState::Unknown)
            },
        };
        report.desktop = self.store.as_ref().map(|store| store.desktop());
        report.guardian = guardian;
        report
    }

    fn measure(&mut self) -> Result<SystemProxyReport, ProxyError> {
        let store = self.store.as_deref().ok_or(ProxyError::Unsupported)?;
        let journal = self
            .journal
            .as_ref()
            .map(JournalFile::read)
            .transpose()?
            .flatten();
        let journal = journal.filter(|journal| journal.desktop == store.desktop());
        let stamp = store.file_version();
        let fresh = if stamp.is_some() { FRESH } else { FRESH_UNTOLD };
        let seen = match self.seen.take() {
            Some(seen) if seen.stamp == stamp && seen.at.elapsed() < fresh => seen,
            _ => CachedSettings {
                settings: store.read()?,
                stamp,
                at: Instant::now(),
                leftover: None,
            },
        };
        let seen = self.seen.insert(seen);
        let pointing = store.desktop().current_target(&seen.settings);
        let report = match switch::switch_state(journal.as_ref(), &seen.settings) {
            SwitchState::On => on(&pointing, self.held.is_some()),
            SwitchState::Changed(keys) => changed(&pointing, &keys),
            SwitchState::Off => off(&pointing, seen),
        };
        Ok(SystemProxyReport {
            found: Some(pointing),
            ..report
        })
    }
}

fn bare(state: SystemProxyState) -> SystemProxyReport {
    SystemProxyReport {
        state,
        desktop: None,
        pointing: None,
        found: None,
        dead: None,
        text: String::new(),
        mend: None,
        guardian: None,
    }
}

fn on(pointing: &ProxyTarget, held: bool) -> SystemProxyReport {
    SystemProxyReport {
        pointing: Some(pointing.to_string()),
        text: format!("on: the desktop uses {pointing}"),
        // Read by a command beside the engine, this is as it should be; the engine itself always holds it.
        mend: (!held).then(|| {
            "if no Privet runs, put the settings back: privet system-proxy off".to_owned()
        }),
        ..bare(SystemProxyState::On)
    }
}

fn changed(pointing: &ProxyTarget, keys: &[String]) -> SystemProxyReport {
    SystemProxyReport {
        pointing: Some(pointing.to_string()),
        text: format!(
            "changed by something else since Privet turned it on ({}): the desktop uses {pointing}",
            keys.join(", ")
        ),
        mend: Some("turn it on again (privet system-proxy on), or off to leave it so".to_owned()),
        ..bare(SystemProxyState::Changed)
    }
}

fn off(pointing: &ProxyTarget, seen: &mut CachedSettings) -> SystemProxyReport {
    let known = seen
        .leftover
        .filter(|(_, at)| at.elapsed() < FRESH_LEFTOVER);
    let dead = known
        .map(|(dead, _)| dead)
        .or_else(|| leftover::dead(pointing));
    seen.leftover = dead.map(|dead| (dead, known.map_or_else(Instant::now, |(_, at)| at)));
    let Some(dead) = dead else {
        return SystemProxyReport {
            pointing: Some(pointing.to_string()),
            text: format!("off: the desktop uses {pointing}, which Privet leaves alone"),
            ..bare(SystemProxyState::Off)
        };
    };
    SystemProxyReport {
        dead: Some(dead),
        pointing: Some(pointing.to_string()),
        text: format!(
            "the desktop uses {pointing}, and nobody listens on {dead}: another program left it behind"
        ),
        mend: Some("turn it off: privet system-proxy repair; or start that program".to_owned()),
        ..bare(SystemProxyState::Leftover)
    }
}

/// Puts back what is still ours, and looks whether it was kept.
pub(super) fn put_back(
    store: &dyn ProxyStore,
    journal: &Journal,
    parent_pipe: &ParentPipe,
) -> Result<(), ProxyError> {
    for change in switch::put_back(journal, &store.read()?) {
        store.write(&[change], parent_pipe)?;
    }
    let left = switch::put_back(journal, &store.read()?);
    if left.is_empty() {
        return Ok(());
    }
    Err(ProxyError::NotKept(
        left.into_iter().map(|change| change.key).collect(),
    ))
}

/// The journal is of another desktop of the same user.
fn put_back_elsewhere(journal: &Journal, parent_pipe: &ParentPipe) -> Result<(), ProxyError> {
    let store = detect::open(journal.desktop).ok_or(ProxyError::Unsupported)?;
    put_back(store.as_ref(), journal, parent_pipe)
}

/// Settings that point at us without a journal (it was lost) are no state to come back to: off is.
fn already_ours(
    desktop: DesktopKind,
    measured: &ProxySettings,
    wanted: &[(String, String)],
) -> Option<Journal> {
    let all_ours =
        !wanted.is_empty() && wanted.iter().all(|(key, text)| measured.text(key) == text);
    all_ours.then(|| {
        let mut before = measured.clone();
        for (key, text) in desktop.disabled_values(measured) {
            before.values.insert(key, Value::set(text));
        }
        Journal {
            version: Journal::VERSION,
            phase: Phase::Switching,
            desktop,
            before,
            ours: vec![wanted.iter().cloned().collect()],
        }
    })
}
