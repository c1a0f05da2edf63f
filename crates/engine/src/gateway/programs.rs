//! Which program is behind a connection: asked for beside the gateway, and never so often that it shows.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use privet_connection_log::ConnectionRow;
use privet_gateway::RequestContext;
use privet_policy::App;
use privet_system::{Finder, Processes};

/// New connections a thread asks about between two ticks. Past it they wait for the tick, which asks about those that
/// still stand: a burst of short connections costs nothing.
const AT_ONCE: u32 = 32;
/// Rows that one tick asks about.
const AT_A_TICK: usize = 256;

/// The finder with its budget.
pub(crate) struct Programs {
    finder: Finder,
    tick: AtomicU32,
    some_wait: AtomicBool,
}

impl Programs {
    /// # Errors
    /// The system gives no more threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        Ok(Self {
            finder: Finder::start(Processes::new())?,
            tick: AtomicU32::new(0),
            some_wait: AtomicBool::new(false),
        })
    }

    /// For a rule that has to know: waits for the answer.
    pub(crate) async fn of(&self, context: &RequestContext<'_>) -> Option<Arc<App>> {
        self.finder.look_up(context.client, context.local).await
    }

    /// For the connection log: the row gets its program a little later.
    pub(crate) fn find_for(&self, row: &Arc<ConnectionRow>, context: &RequestContext<'_>) {
        if !context.client.ip().to_canonical().is_loopback() {
            return;
        }
        if self.may_ask() {
            self.ask(row, context.local);
        } else {
            self.some_wait.store(true, Ordering::Relaxed);
        }
    }

    /// Once a second: a new budget for every thread, and the rows that still wait.
    pub(crate) fn tick(
        &self,
        live: impl FnOnce() -> Vec<Arc<ConnectionRow>>,
        local: impl Fn(&ConnectionRow) -> Option<std::net::SocketAddr>,
    ) {
        self.tick.fetch_add(1, Ordering::Relaxed);
        if !self.some_wait.swap(false, Ordering::Relaxed) {
            return;
        }
        let live = live();
        let nameless = live
            .iter()
            .filter(|row| row.app().is_none() && row.client().ip().to_canonical().is_loopback());
        for row in nameless.take(AT_A_TICK) {
            if let Some(local) = local(row) {
                self.ask(row, local);
            }
        }
    }

    fn ask(&self, row: &Arc<ConnectionRow>, local: std::net::SocketAddr) {
        let waiting = Arc::downgrade(row);
        self.finder.find(row.client(), local, move |app| {
            if let (Some(app), Some(row)) = (app, waiting.upgrade()) {
                row.set_app(app);
            }
        });
    }

    fn may_ask(&self) -> bool {
        thread_local!(static ASKED: Cell<(u32, u32)> = const { Cell::new((0, 0)) });
        let now = self.tick.load(Ordering::Relaxed);
        let (tick, asked) = ASKED.get();
        let asked = if tick == now { asked } else { 0 };
        ASKED.set((now, asked + 1));
        asked < AT_ONCE
    }
}
