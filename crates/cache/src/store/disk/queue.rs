//! Jobs for the disk's own threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs in order. Handing one in never waits.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    /// The most jobs that are taken by [`Queue::offer`].
    most: usize,
}

#[derive(Debug)]
struct State<J> {
    jobs: VecDeque<J>,
    closed: bool,
}

impl<J> Queue<J> {
    pub(crate) fn new(most: usize) -> Queue<J> {
        Queue {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                closed: false,
            }),
            changed: Condvar::new(),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in a job. False where the queue is full.
    pub(crate) fn offer(&self, job: J) -> bool {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= self.most {
            return false;
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Hands in a job that must not be lost, also where the queue is full. The caller's number of these is bounded.
    pub(crate) fn push(&self, job: J) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
    }

    /// As [`Queue::push`]; false where nobody takes jobs any more.
    pub(crate) fn push_if_open(&self, job: J) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// The next job, if there is one now.
    #[cfg(test)]
    pub(crate) fn try_pop(&self) -> Option<J> {
        self.lock().jobs.pop_front()
    }

    /// The next job; none once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No more jobs come: threads end once they have done those that are there.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

/// What a lock guards is right also after a panic of its holder.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
