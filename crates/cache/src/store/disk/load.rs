//! The reading of a key's entries, for which look-ups wait.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::queue::lock;

/// The reading of a key's entries from disk, for which look-ups wait.
#[derive(Debug, Default)]
pub(crate) struct Load {
    state: Mutex<LoadState>,
}

#[derive(Debug, Default)]
struct LoadState {
    done: bool,
    wakers: Vec<Waker>,
}

impl Load {
    pub(crate) fn finish(&self) {
        let mut state = lock(&self.state);
        state.done = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.done {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
