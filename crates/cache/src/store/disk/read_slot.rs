//! Where a reading thread puts what it read.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::queue::lock;
use crate::body::BodyReadError;

/// Where a reading thread puts what it read.
#[derive(Debug, Default)]
pub(crate) struct ReadSlot {
    state: Mutex<ReadState>,
}

#[derive(Debug, Default)]
struct ReadState {
    result: Option<Result<Vec<Bytes>, BodyReadError>>,
    waker: Option<Waker>,
}

impl ReadSlot {
    pub(crate) fn put(&self, result: Result<Vec<Bytes>, BodyReadError>) {
        let mut state = lock(&self.state);
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<Bytes>, BodyReadError>> {
        let mut state = lock(&self.state);
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
