//! One look-up of a program: started on a data-plane thread, answered on the finder's thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privet_policy::App;
use tokio::sync::oneshot;

type Callback = Box<dyn FnOnce(Option<&Arc<App>>) + Send>;

/// The state of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramState {
    /// Not answered yet.
    Pending,
    Known(Arc<App>),
    /// The client is no program of this machine, or this system cannot be asked.
    Absent,
    /// There will be no answer: the program closed the connection before it was found, or too many look-ups waited.
    Unknown,
}

/// A look-up that was started with [`ProgramFinder::find`](super::ProgramFinder::find). It is cancelled once all clones
/// are dropped and no callback waits for it.
#[derive(Clone)]
pub struct ProgramLookup(Arc<Inner>);

struct Inner {
    /// A decision waits for the answer: no budget applies.
    urgent: AtomicBool,
    started: Instant,
    state: Mutex<State>,
}

enum State {
    Pending(Vec<Callback>),
    Absent,
    Answered(Option<Arc<App>>),
}

impl ProgramLookup {
    /// For connections without a program of this machine.
    pub fn absent() -> Self {
        Self::new(State::Absent)
    }

    pub(super) fn pending() -> Self {
        Self::new(State::Pending(Vec::new()))
    }

    fn new(state: State) -> Self {
        Self(Arc::new(Inner {
            urgent: AtomicBool::new(false),
            started: Instant::now(),
            state: Mutex::new(state),
        }))
    }

    pub fn state(&self) -> ProgramState {
        match &*self.lock() {
            State::Pending(_) => ProgramState::Pending,
            State::Answered(Some(program)) => ProgramState::Known(program.clone()),
            State::Answered(None) => ProgramState::Unknown,
            State::Absent => ProgramState::Absent,
        }
    }

    /// Whether it is not answered yet.
    pub fn is_pending(&self) -> bool {
        matches!(&*self.lock(), State::Pending(_))
    }

    /// Calls `callback` with the program once the look-up is answered: at once if it is, else on the finder's thread.
    pub fn on_answer(&self, callback: impl FnOnce(Option<&Arc<App>>) + Send + 'static) {
        let mut state = self.lock();
        let program = match &mut *state {
            State::Pending(callbacks) => return callbacks.push(Box::new(callback)),
            State::Answered(program) => program.clone(),
            State::Absent => None,
        };
        drop(state);
        callback(program.as_ref());
    }

    /// Waits for the answer, no longer than `limit`.
    pub async fn wait(&self, limit: Duration) -> ProgramState {
        let state = self.state();
        if state != ProgramState::Pending {
            return state;
        }
        let (answer, answered) = oneshot::channel();
        self.on_answer(move |_| {
            let _ = answer.send(());
        });
        let _ = tokio::time::timeout(limit, answered).await;
        self.state()
    }

    /// As [`ProgramLookup::wait`]; the limit counts from the start of the look-up, however often it is waited for.
    pub async fn wait_since_start(&self, limit: Duration) -> ProgramState {
        let left = limit.saturating_sub(self.0.started.elapsed());
        match left.is_zero() {
            true => self.state(),
            false => self.wait(left).await,
        }
    }

    pub(super) fn answer(&self, program: Option<Arc<App>>) {
        let before = std::mem::replace(&mut *self.lock(), State::Answered(program.clone()));
        if let State::Pending(callbacks) = before {
            for callback in callbacks {
                callback(program.as_ref());
            }
        }
    }

    pub(super) fn set_urgent(&self) {
        self.0.urgent.store(true, Ordering::Release);
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.0.urgent.load(Ordering::Acquire)
    }

    /// Whether the answer is still wanted by anybody but the queue.
    pub(super) fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.0) > 1
            || matches!(&*self.lock(), State::Pending(callbacks) if !callbacks.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
