//! The background task: connects, writes queued entries and purges, and pauses after a failure.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use privet_cache::Timestamp;
use privet_cache::shared::SharedCounters;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::commands;
use crate::link::{Link, LinkError};
use crate::state::Inner;

/// The first pause after a failure; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MOST_PAUSE: Duration = Duration::from_secs(120);
/// Purges that are sent before the next entry is written.
const PURGES_AT_ONCE: usize = 256;

pub(crate) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    stop.run_until_cancelled(connect_again(&inner)).await;
}

async fn connect_again(inner: &Inner) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        match connect(inner).await {
            Ok((link, driver)) => serve(inner, &link, driver).await,
            Err(error) => inner.unreachable(&error),
        }
        let dropped = inner.queue.clear();
        inner.counters.dropped.fetch_add(dropped, Ordering::Relaxed);
        // A connection that lasted for longer than its pause was a good one.
        if started.elapsed() > pause {
            pause = FIRST_PAUSE;
        }
        inner.pauses(Some(pause));
        sleep(pause).await;
        inner.pauses(None);
        pause = (pause * 2).min(MOST_PAUSE);
    }
}

/// The task that drives a connection. Dropping it aborts the task.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, checks that the server answers, and sends the pending purges.
async fn connect(inner: &Inner) -> Result<(Arc<Link>, Driver), LinkError> {
    let (link, driver) = Link::open(&inner.settings).await?;
    let driver = Driver(tokio::spawn(driver));
    commands::greet(&link).await?;
    tell_purges(inner, &link).await?;
    Ok((Arc::new(link), driver))
}

/// Writes until the connection fails.
async fn serve(inner: &Inner, link: &Arc<Link>, mut driver: Driver) {
    inner.connected(link.clone());
    let error = tokio::select! {
        () = link.failed.cancelled() => return,
        _ = &mut driver.0 => LinkError::Closed,
        error = write(inner, link) => error,
    };
    inner.failed(link, &error);
}

/// Writes queued entries and purges. Returns the failure that ended it.
async fn write(inner: &Inner, link: &Link) -> LinkError {
    loop {
        if let Err(error) = write_waiting(inner, link).await {
            return error;
        }
        inner.wake.notified().await;
    }
}

async fn write_waiting(inner: &Inner, link: &Link) -> Result<(), LinkError> {
    loop {
        tell_purges(inner, link).await?;
        let Some(put) = inner.queue.pop() else {
            if inner.purges.pending_count() == 0 {
                return Ok(());
            }
            continue;
        };
        let writes = put.writes(
            inner.settings.secret.as_ref(),
            Timestamp::from(SystemTime::now()),
        );
        for write in &writes {
            commands::set(link, write).await?;
        }
        if !writes.is_empty() {
            SharedCounters::count(&inner.counters.written);
        }
    }
}

/// Sends the oldest pending purges.
async fn tell_purges(inner: &Inner, link: &Link) -> Result<(), LinkError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
    for purge in inner.purges.pending(PURGES_AT_ONCE, now) {
        let generation = commands::purge(link, &purge).await?;
        inner.purges.delivered(&purge, generation);
    }
    Ok(())
}
