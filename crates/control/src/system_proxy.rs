//! Sets the desktop's proxy to the engine's listeners, follows them when they change, and restores the settings from before
//! when the engine ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privet_api::address::reachable;
use privet_api::system_proxy::ProxyMethod;
use privet_engine::{Engine, ListenerKind, ListenerState};
use privet_system::proxy::{
    DesiredProxy, ProxyError, SystemProxyReport, SystemProxySession, SystemProxyState,
};

/// How long a measurement is cached.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The system proxy cannot be switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error("the engine has no listener that the desktop's proxy could be set to")]
    NoListener,
    #[error("this engine does not manage the desktop's proxy")]
    NotManaged,
    #[error(transparent)]
    Refused(#[from] ProxyError),
    #[error("the switch was interrupted: {0}")]
    Interrupted(String),
}

/// The switch of the desktop's proxy. Cheap to clone; one per engine.
#[derive(Clone)]
pub struct SystemProxyControl(Option<Arc<Inner>>);

struct Inner {
    /// Created when first needed: finding the desktop's settings starts a program.
    session: Mutex<Option<SystemProxySession>>,
    cached: Mutex<Option<(Instant, SystemProxyReport)>>,
    /// What the desktop's proxy was set to, and the requested method.
    desired: Mutex<Option<(DesiredProxy, Option<ProxyMethod>)>>,
    on: AtomicBool,
    /// A measurement is running.
    measuring: AtomicBool,
}

impl SystemProxyControl {
    /// For an engine that does not manage the desktop's proxy: nothing is measured, nothing can be switched.
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// The proxy of the current desktop session.
    pub fn of_session() -> Self {
        Self::with_session(None)
    }

    pub fn new(session: SystemProxySession) -> Self {
        Self::with_session(Some(session))
    }

    fn with_session(session: Option<SystemProxySession>) -> Self {
        Self(Some(Arc::new(Inner {
            session: Mutex::new(session),
            cached: Mutex::default(),
            desired: Mutex::default(),
            on: AtomicBool::new(false),
            measuring: AtomicBool::new(false),
        })))
    }

    /// The last measurement, without waiting; if it is old, a new one is started. `None` before the first, and if the proxy is
    /// not managed. Called on a runtime.
    pub fn last_report(&self) -> Option<SystemProxyReport> {
        let inner = self.0.as_ref()?;
        let cached = lock(&inner.cached).clone();
        let stale = cached
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= MAX_AGE);
        if stale && !inner.measuring.swap(true, Ordering::AcqRel) {
            let this = self.clone();
            tokio::spawn(async move {
                let _ = this.blocking(|session| Ok(session.report())).await;
                if let Some(inner) = &this.0 {
                    inner.measuring.store(false, Ordering::Release);
                }
            });
        }
        cached.map(|(_, report)| report)
    }

    /// A measurement of at most a second ago; `None` if the proxy is not managed.
    pub async fn measure(&self) -> Option<SystemProxyReport> {
        let inner = self.0.as_ref()?;
        if let Some((at, report)) = &*lock(&inner.cached)
            && at.elapsed() < MAX_AGE
        {
            return Some(report.clone());
        }
        self.measure_now().await
    }

    /// What the settings are now; `None` if the proxy is not managed.
    pub async fn measure_now(&self) -> Option<SystemProxyReport> {
        self.blocking(|session| Ok(session.report())).await.ok()
    }

    /// Sets the desktop's proxy to the engine's listeners; without a method by PAC, if there is a PAC listener.
    ///
    /// # Errors
    /// [`SwitchError`]; the settings are unchanged then.
    pub async fn turn_on(
        &self,
        engine: &Engine,
        method: Option<ProxyMethod>,
    ) -> Result<SystemProxyReport, SwitchError> {
        let inner = self.0.as_ref().ok_or(SwitchError::NotManaged)?;
        let target = target(&engine.listeners(), method).ok_or(SwitchError::NoListener)?;
        *lock(&inner.desired) = Some((target.clone(), method));
        self.blocking(move |session| {
            session.turn_on(&target)?;
            Ok(session.report())
        })
        .await
    }

    /// Restores the former settings, except those that the user changed meanwhile.
    ///
    /// # Errors
    /// [`SwitchError`]; the next start tries again.
    pub async fn turn_off(&self) -> Result<SystemProxyReport, SwitchError> {
        self.blocking(|session| {
            session.turn_off()?;
            Ok(session.report())
        })
        .await
    }

    /// Restores the settings after a crash; does nothing while another process manages them.
    ///
    /// # Errors
    /// [`SwitchError`]: to be reported; the start continues.
    pub async fn recover(&self) -> Result<(), SwitchError> {
        if self.0.is_none() {
            return Ok(());
        }
        match self.turn_off().await {
            Err(SwitchError::Refused(ProxyError::Journal(
                privet_system::proxy::journal::JournalError::Locked(_),
            ))) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Turns off a dead proxy that was left by another program.
    ///
    /// # Errors
    /// [`SwitchError`]: it is not dead, or the desktop refuses.
    pub async fn repair(&self) -> Result<SystemProxyReport, SwitchError> {
        self.blocking(|session| {
            session.repair_leftover()?;
            Ok(session.report())
        })
        .await
    }

    /// Follows changed listeners, and restarts the guardian. Settings that something else changed are left alone.
    pub async fn follow_listeners(&self, engine: &Engine) -> Result<(), SwitchError> {
        let Some(inner) = &self.0 else { return Ok(()) };
        if !inner.on.load(Ordering::Relaxed) {
            return Ok(());
        }
        let desired = lock(&inner.desired).clone();
        let moved = desired.and_then(|(current, method)| {
            target(&engine.listeners(), method).filter(|target| *target != current)
        });
        let Some(target) = moved else {
            if let Ok(mut session) = inner.session.try_lock()
                && let Some(session) = session.as_mut()
            {
                session.restart_guardian();
            }
            return Ok(());
        };
        if let Some((current, _)) = &mut *lock(&inner.desired) {
            current.clone_from(&target);
        }
        self.blocking(move |session| {
            if session.report().state == SystemProxyState::On {
                session.turn_on(&target)?;
            }
            Ok(session.report())
        })
        .await
        .map(|_| ())
    }

    async fn blocking(
        &self,
        work: impl FnOnce(&mut SystemProxySession) -> Result<SystemProxyReport, ProxyError>
        + Send
        + 'static,
    ) -> Result<SystemProxyReport, SwitchError> {
        let inner = self.0.clone().ok_or(SwitchError::NotManaged)?;
        let task = tokio::task::spawn_blocking(move || {
            let mut cell = lock(&inner.session);
            let session = cell.get_or_insert_with(SystemProxySession::of_session);
            let done = work(session);
            inner.on.store(session.holds_lock(), Ordering::Relaxed);
            *lock(&inner.cached) = done
                .as_ref()
                .ok()
                .map(|report| (Instant::now(), report.clone()));
            done
        });
        match task.await {
            Ok(done) => done.map_err(SwitchError::Refused),
            Err(error) => Err(SwitchError::Interrupted(error.to_string())),
        }
    }
}

/// Ignores poisoning: each change is a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn target(listeners: &[ListenerState], method: Option<ProxyMethod>) -> Option<DesiredProxy> {
    let first = |kinds: [ListenerKind; 2]| {
        kinds.iter().find_map(|kind| {
            let listener = listeners.iter().find(|listener| listener.kind == *kind)?;
            Some(reachable(listener.address))
        })
    };
    let pac = || first([ListenerKind::Pac, ListenerKind::Pac]).map(DesiredProxy::pac);
    let manual = || {
        Some(DesiredProxy::Manual {
            http: first([ListenerKind::Mixed, ListenerKind::Http])?,
            socks: first([ListenerKind::Mixed, ListenerKind::Socks]),
        })
    };
    match method {
        Some(ProxyMethod::Pac) => pac(),
        Some(ProxyMethod::Manual) => manual(),
        None => pac().or_else(manual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(all: &[(ListenerKind, &str)]) -> Vec<ListenerState> {
        let state = |(kind, address): &(ListenerKind, &str)| ListenerState {
            kind: *kind,
            address: address.parse().unwrap(),
        };
        all.iter().map(state).collect()
    }

    #[test]
    fn the_desktop_gets_the_pac_file_if_there_is_one() {
        let mixed = (ListenerKind::Mixed, "0.0.0.0:7280");
        let all = listeners(&[mixed, (ListenerKind::Pac, "127.0.0.1:7281")]);
        let pac = DesiredProxy::Pac {
            url: "http://127.0.0.1:7281/proxy.pac".to_owned(),
        };
        assert_eq!(target(&all, None), Some(pac));
        let here = "127.0.0.1:7280".parse().unwrap();
        let manual = Some(DesiredProxy::Manual {
            http: here,
            socks: Some(here),
        });
        assert_eq!(target(&all, Some(ProxyMethod::Manual)), manual);
        assert_eq!(target(&listeners(&[mixed]), None), manual);
        assert_eq!(target(&listeners(&[mixed]), Some(ProxyMethod::Pac)), None);
        assert_eq!(
            target(&listeners(&[(ListenerKind::Socks, "127.0.0.1:1")]), None),
            None
        );
    }
}
