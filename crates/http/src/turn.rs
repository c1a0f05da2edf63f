//! The clocks, each read once at most while a connection's task is polled: deadlines, records and pools need no finer time.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::time::Instant;

#[derive(Clone, Copy)]
enum Clock {
    /// No [`Turns`] is polled on this thread.
    Outside,
    Unread,
    Read(Instant),
}

thread_local! {
    static CLOCK: Cell<Clock> = const { Cell::new(Clock::Outside) };
    /// The time of day, where the current poll asked for it.
    static WALL: Cell<Option<SystemTime>> = const { Cell::new(None) };
}

/// Now. While [`Turns`] are polled: when the current poll asked first.
pub fn now() -> Instant {
    match CLOCK.get() {
        Clock::Outside => Instant::now(),
        Clock::Read(now) => now,
        Clock::Unread => {
            let now = Instant::now();
            CLOCK.set(Clock::Read(now));
            now
        }
    }
}

/// The time of day. While [`Turns`] are polled: when the current poll asked first.
pub fn wall_time() -> SystemTime {
    if matches!(CLOCK.get(), Clock::Outside) {
        return SystemTime::now();
    }
    WALL.get().unwrap_or_else(|| {
        let now = SystemTime::now();
        WALL.set(Some(now));
        now
    })
}

/// A future during whose polls [`now`] and [`wall_time`] stand still.
pub(crate) struct Turns<F>(Pin<Box<F>>);

impl<F> Turns<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for Turns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _turn = Turn::start();
        self.0.as_mut().poll(cx)
    }
}

/// One poll. It ends when this is dropped, also by a panic.
struct Turn;

impl Turn {
    fn start() -> Self {
        CLOCK.set(Clock::Unread);
        WALL.set(None);
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CLOCK.set(Clock::Outside);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn time_stands_still_during_a_poll_and_passes_between_polls() {
        let mut seen = Vec::new();
        let mut days = Vec::new();
        let mut polls = 0;
        let two_polls = poll_fn(|cx| {
            seen.push(now());
            days.push(wall_time());
            let first = Instant::now();
            while first.elapsed() < std::time::Duration::from_millis(2) {}
            seen.push(now());
            days.push(wall_time());
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        Turns::new(two_polls).await;
        let outside = now();
        assert_eq!((seen[0], seen[2]), (seen[1], seen[3]));
        assert!(seen[0] < seen[2] && seen[2] < outside);
        assert_eq!((days[0], days[2]), (days[1], days[3]));
        assert!(days[0] < days[2] && days[2] < wall_time());
    }
}
