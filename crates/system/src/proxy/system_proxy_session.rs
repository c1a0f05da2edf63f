//! Switches the system proxy as `switch` decides, and reports its state. Every call blocks on the desktop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::guardian::{self, Guardian};
use super::journal::{Journal, JournalFile, Phase, SessionLock};
use super::proxy_target::{DesiredProxy, ProxyTarget};
use super::report::{self, LockHolder, SystemProxyReport, SystemProxyState};
use super::restore::{self, ProxyError};
use super::settings::{Change, DesktopKind, ProxySettings, Value};
use super::store::{FileVersion, ProxyStore};
use super::switch::{self, Step, SwitchState};
use super::{detect, leftover, restore_at_login};
use crate::command::ParentPipe;

/// How long to wait for a guardian or another command that is restoring the settings.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long settings that were read are used, while the desktop's file is unchanged.
const CACHE_TIME: Duration = Duration::from_secs(30);
/// The same where the desktop has no file to look at.
const CACHE_TIME_WITHOUT_FILE: Duration = Duration::from_secs(10);
/// How long a port counts as dead before it is tried again.
const DEAD_PORT_TIME: Duration = Duration::from_secs(5);

/// The right to write the proxy settings of this user's session, and what is needed to restore them.
pub struct SystemProxySession {
    store: Option<Box<dyn ProxyStore>>,
    journal: Option<JournalFile>,
    lock: Option<SessionLock>,
    protection: Protection,
    cached: Option<CachedSettings>,
}

/// Restores the settings when this process dies.
enum Protection {
    /// Only the next start, from the journal.
    Journal,
    /// A guardian process, where one could be started, and an autostart entry.
    Guardian(Option<Guardian>),
}

struct CachedSettings {
    settings: ProxySettings,
    file_version: Option<FileVersion>,
    read_at: Instant,
    dead_port: Option<(SocketAddr, Instant)>,
}

impl SystemProxySession {
    /// The settings of this session and the user's journal, with a guardian.
    pub fn of_session() -> Self {
        Self {
            protection: Protection::Guardian(None),
            ..Self::new(detect::detect(), JournalFile::of_user())
        }
    }

    /// Without a guardian.
    pub fn new(store: Option<Box<dyn ProxyStore>>, journal: Option<JournalFile>) -> Self {
        Self {
            store,
            journal,
            lock: None,
            protection: Protection::Journal,
            cached: None,
        }
    }

    /// Sets the desktop's proxy to `target`, also where it is on already. What the user changed meanwhile is what will be
    /// restored.
    ///
    /// # Errors
    /// The settings are as before the call, or the journal remembers what is still to be restored.
    pub fn turn_on(&mut self, target: &DesiredProxy) -> Result<(), ProxyError> {
        let file = self.journal.clone().ok_or(ProxyError::NoHomeFolder)?;
        if self.store.is_none() {
            return Err(ProxyError::Unsupported);
        }
        if self.lock.is_none() {
            self.lock = Some(file.lock(LOCK_TIMEOUT)?);
        }
        let done = self.write_on(&file, target);
        self.cached = None;
        if let Err(error) = done {
            // The first failure is reported.
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
                restore::restore_other_desktop(&other, &parent_pipe)?;
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

    /// Restores the values that are still as Privet wrote them. Without a journal nothing is changed.
    ///
    /// # Errors
    /// The journal stays, and the next call or start tries again.
    pub fn turn_off(&mut self) -> Result<(), ProxyError> {
        let Some(file) = self.journal.clone() else {
            return Ok(());
        };
        self.cached = None;
        if self.lock.is_none() {
            if !file.path().exists() {
                return Ok(());
            }
            self.lock = Some(file.lock(LOCK_TIMEOUT)?);
        }
        match file.read() {
            Ok(Some(journal)) => {
                let parent_pipe = self.parent_pipe();
                match self.store.as_deref() {
                    Some(store) if store.desktop() == journal.desktop => {
                        restore::restore(store, &journal, &parent_pipe)?;
                    }
                    _ => restore::restore_other_desktop(&journal, &parent_pipe)?,
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
        if let Protection::Guardian(guardian) = &mut self.protection {
            restore_at_login::remove();
            // The guardian ends before others may take the lock.
            *guardian = None;
        }
        self.lock = None;
    }

    /// Turns off a proxy that another program left behind, whose port is dead.
    ///
    /// # Errors
    /// The port is not dead, or the desktop refuses.
    pub fn repair_leftover(&mut self) -> Result<(), ProxyError> {
        self.cached = None;
        if self.report().state != SystemProxyState::Leftover {
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
        self.cached = None;
        match self.report().state {
            SystemProxyState::Leftover => Err(ProxyError::NotKept(
                changes.into_iter().map(|change| change.key).collect(),
            )),
            _ => Ok(()),
        }
    }

    /// Starts another guardian where the last one died while the settings are on. Cheap enough to be called every second.
    pub fn restart_guardian(&mut self) {
        let is_lost = match &mut self.protection {
            Protection::Guardian(Some(guardian)) => !guardian.is_alive(),
            _ => false,
        };
        if is_lost
            && self.lock.is_some()
            && let Some(file) = self.journal.clone()
        {
            self.guard(&file);
        }
    }

    fn guard(&mut self, file: &JournalFile) {
        let Protection::Guardian(guardian) = &mut self.protection else {
            return;
        };
        restore_at_login::install(file, guardian::ARGUMENT);
        if !guardian.as_mut().is_some_and(Guardian::is_alive) {
            // Without one the journal and the autostart entry remain; the report shows that there is none.
            *guardian = Guardian::start(file).ok();
        }
    }

    fn parent_pipe(&self) -> ParentPipe {
        match &self.protection {
            Protection::Guardian(Some(guardian)) => guardian.parent_pipe(),
            _ => ParentPipe::default(),
        }
    }

    /// Whether this process holds the lock on the settings.
    pub fn holds_lock(&self) -> bool {
        self.lock.is_some()
    }

    /// The state of the settings now.
    pub fn report(&mut self) -> SystemProxyReport {
        let guardian = match &mut self.protection {
            Protection::Guardian(Some(guardian)) => guardian.is_alive().then(|| guardian.pid()),
            _ => None,
        };
        let report = self.measure().unwrap_or_else(|error| match error {
            ProxyError::Unsupported => report::unsupported(error.to_string()),
            error => report::unknown(&error),
        });
        SystemProxyReport {
            desktop: self.store.as_ref().map(|store| store.desktop()),
            guardian,
            ..report
        }
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
        let cached = self.cached.take().filter(|cached| cached.is_fresh(store));
        let cached = self.cached.insert(match cached {
            Some(cached) => cached,
            None => CachedSettings::read(store)?,
        });
        let target = store.desktop().current_target(&cached.settings);
        let holder = match self.lock {
            Some(_) => LockHolder::ThisProcess,
            None => LockHolder::OtherOrNone,
        };
        Ok(
            match switch::switch_state(journal.as_ref(), &cached.settings) {
                SwitchState::On => report::on(target, holder),
                SwitchState::Changed(keys) => report::changed(target, &keys),
                SwitchState::Off => match cached.dead_port(&target) {
                    Some(dead) => report::leftover(target, dead),
                    None => report::off(target),
                },
            },
        )
    }
}

impl CachedSettings {
    fn read(store: &dyn ProxyStore) -> Result<Self, ProxyError> {
        // Taken before reading, so that a change meanwhile is noticed.
        let file_version = store.file_version();
        Ok(Self {
            settings: store.read()?,
            file_version,
            read_at: Instant::now(),
            dead_port: None,
        })
    }

    fn is_fresh(&self, store: &dyn ProxyStore) -> bool {
        let time = match self.file_version {
            Some(_) => CACHE_TIME,
            None => CACHE_TIME_WITHOUT_FILE,
        };
        self.file_version == store.file_version() && self.read_at.elapsed() < time
    }

    /// The local port without a listener that the settings name.
    fn dead_port(&mut self, target: &ProxyTarget) -> Option<SocketAddr> {
        let known = self
            .dead_port
            .filter(|(_, tried)| tried.elapsed() < DEAD_PORT_TIME);
        self.dead_port =
            known.or_else(|| leftover::dead_port(target).map(|dead| (dead, Instant::now())));
        self.dead_port.map(|(dead, _)| dead)
    }
}

/// Settings that name this proxy without a journal (it was lost) are not the user's: "off" is restored.
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
