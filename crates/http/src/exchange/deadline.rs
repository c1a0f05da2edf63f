//! One timer per connection. Moving the deadline later is free: the timer is reset when it fires.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::turn;

pub struct Deadline {
    at: Instant,
    /// When the timer fires: at `at` or earlier.
    armed: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub fn at(at: Instant) -> Self {
        Self {
            at,
            armed: at,
            sleep: None,
        }
    }

    /// Moves the deadline to `wait` from now.
    pub fn set(&mut self, wait: Duration) {
        self.at = turn::now() + wait;
    }

    /// Ready once the deadline has passed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| {
            self.armed = self.at;
            Box::pin(sleep_until(self.at))
        });
        if self.at < self.armed {
            self.armed = self.at;
            sleep.as_mut().reset(self.at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if self.at <= self.armed {
                return Poll::Ready(());
            }
            self.armed = self.at;
            sleep.as_mut().reset(self.at);
        }
    }
}
