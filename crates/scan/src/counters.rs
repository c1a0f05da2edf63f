//! What one engine did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::verdict::Outcome;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    scanned: AtomicU64,
    bad: AtomicU64,
    errors: AtomicU64,
    bytes: AtomicU64,
    micros: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// What one engine did since the program started, or the configuration named it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineCounts {
    pub scanned: u64,
    pub bad: u64,
    pub errors: u64,
    pub bytes: u64,
    pub took: Duration,
    pub last_error: Option<String>,
}

impl Counters {
    pub fn count(&self, outcome: &Outcome, bytes: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (counter, by) in [
            (&self.scanned, 1),
            (&self.bytes, bytes as u64),
            (&self.micros, micros),
            (&self.bad, u64::from(matches!(outcome, Outcome::Found(_)))),
            (
                &self.errors,
                u64::from(matches!(outcome, Outcome::Failed(_))),
            ),
        ] {
            counter.fetch_add(by, Ordering::Relaxed);
        }
        if let Outcome::Failed(why) = outcome {
            let mut last = self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = Some(why.clone());
        }
    }

    pub fn get(&self) -> EngineCounts {
        let last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        EngineCounts {
            scanned: self.scanned.load(Ordering::Relaxed),
            bad: self.bad.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            took: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
            last_error: last.clone(),
        }
    }
}
