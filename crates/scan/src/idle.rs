//! Connections to a scanner that wait for the next body.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use privet_net::Connection;

/// Connections that are kept.
const MOST: usize = 8;
/// How long a connection waits: shorter than a scanner's own timeout.
const WAIT: Duration = Duration::from_secs(5);

pub type Stream = Pin<Box<dyn Connection>>;

/// Idle connections, each with what its scanner needs to know of it.
pub struct IdleConnections<T>(Mutex<Vec<(Stream, T, Instant)>>);

impl<T> Default for IdleConnections<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> IdleConnections<T> {
    pub fn take(&self) -> Option<(Stream, T)> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, _, since)| since.elapsed() < WAIT);
        idle.pop().map(|(stream, state, _)| (stream, state))
    }

    pub fn give(&self, stream: Stream, state: T) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST {
            idle.push((stream, state, Instant::now()));
        }
    }
}
