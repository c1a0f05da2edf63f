//! A proxy store in memory, for tests, with failures on request.

use std::sync::{Arc, Mutex};

use super::settings::DesktopKind;
use super::settings::{Change, ProxySettings};
use super::store::{ProxyStore, StoreError};
use crate::command::{CommandError, ParentPipe};

/// A store that is shared by its clones.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    desktop: DesktopKind,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    settings: ProxySettings,
    /// How many more writes succeed; `None` for all.
    writes_left: Option<usize>,
}

impl MemoryStore {
    pub fn new(desktop: DesktopKind, settings: ProxySettings) -> Self {
        let state = State {
            settings,
            writes_left: None,
        };
        Self {
            desktop,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Changes a value as another program would.
    pub fn set(&self, change: &Change) {
        self.with(|state| state.settings.apply(change));
    }

    /// Makes writes fail after `writes` more; `None`: never.
    pub fn fail_after(&self, writes: Option<usize>) {
        self.with(|state| state.writes_left = writes);
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&mut state)
    }
}

impl ProxyStore for MemoryStore {
    fn desktop(&self) -> DesktopKind {
        self.desktop
    }

    fn read(&self) -> Result<ProxySettings, StoreError> {
        Ok(self.with(|state| state.settings.clone()))
    }

    fn write(&self, changes: &[Change], _leash: &ParentPipe) -> Result<(), StoreError> {
        self.with(|state| {
            for change in changes {
                match &mut state.writes_left {
                    Some(0) => {
                        return Err(CommandError::Failed {
                            program: "memory".to_owned(),
                            cause: "a failure was requested".to_owned(),
                        }
                        .into());
                    }
                    Some(left) => *left -= 1,
                    None => {}
                }
                state.settings.apply(change);
            }
            Ok(())
        })
    }
}
