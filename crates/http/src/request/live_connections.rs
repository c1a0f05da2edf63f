//! The entries in the connection log that one client connection holds: one for each target and route.

use std::sync::Arc;
use std::task::{Context, Poll};

use privet_connection_log::{CloseReason, LiveConnection};
use privet_policy::Target;

/// The most entries that one connection holds; the oldest is closed when another is opened.
const MAX_ROWS: usize = 8;

struct Entry {
    key: u64,
    target: Target,
    route: Arc<str>,
    live: LiveConnection,
}

#[derive(Default)]
pub struct LiveConnections(Vec<Entry>);

impl LiveConnections {
    /// The entry for this target and route; `open` opens one where there is none.
    pub fn find_or_open(
        &mut self,
        key: u64,
        target: &Target,
        route: &Arc<str>,
        open: impl FnOnce() -> LiveConnection,
    ) -> usize {
        self.drop_idle();
        let found = self
            .0
            .iter()
            .position(|held| held.key == key && held.target == *target && *held.route == **route);
        if let Some(at) = found {
            return at;
        }
        if self.0.len() >= MAX_ROWS {
            self.0.remove(0);
        }
        // Nearly all connections have one.
        self.0.reserve_exact(1);
        self.0.push(Entry {
            key,
            target: target.clone(),
            route: route.clone(),
            live: open(),
        });
        self.0.len() - 1
    }

    pub fn get(&self, at: usize) -> Option<&LiveConnection> {
        self.0.get(at).map(|held| &held.live)
    }

    /// Removes an entry, to hand it to a tunnel or to close it.
    pub fn take(&mut self, at: usize) -> Option<LiveConnection> {
        (at < self.0.len()).then(|| self.0.remove(at).live)
    }

    /// An entry that was idle for too long ends alone: the connection may be busy with another target.
    fn drop_idle(&mut self) {
        self.0
            .retain(|held| held.live.row().cancelled() != Some(CloseReason::Idle));
    }

    /// Ready once one of them is to be closed, and the connection with it.
    pub fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.drop_idle();
        if self
            .0
            .iter()
            .any(|held| held.live.poll_cancelled(cx).is_ready())
        {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Drops the entries that were asked to close. Never ready.
    pub fn poll_drop_cancelled(&mut self, cx: &mut Context<'_>) {
        self.0
            .retain(|held| held.live.poll_cancelled(cx).is_pending());
    }

    /// Closes all entries for one reason.
    pub fn end(&mut self, end: CloseReason, error: Option<&str>) {
        for held in self.0.drain(..) {
            held.live.close(end, error.map(str::to_owned));
        }
    }
}
