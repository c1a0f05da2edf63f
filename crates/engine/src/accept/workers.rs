//! The threads of the data plane, each with a single-threaded runtime: a connection stays on the thread that accepted it.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::accept::connection_limit::ConnectionLimit;

/// Maximum of queued tasks per thread; tasks are sent only at start and reload.
const MAX_WAITING: usize = 256;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The data plane's threads. Dropping them cancels every task that still runs.
pub(crate) struct Workers {
    tasks: Vec<mpsc::Sender<Task>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl Workers {
    /// Starts `count` threads (at least one). `open` counts the connections of all of them.
    pub(crate) fn start(count: usize, open: &Arc<ConnectionLimit>) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        let mut threads = Vec::new();
        for number in 0..count.max(1) {
            let (sender, receiver) = mpsc::channel(MAX_WAITING);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let (stop, open) = (stop.clone(), open.clone());
            let thread = std::thread::Builder::new()
                .name(format!("privet-data-{number}"))
                .spawn(move || {
                    runtime.block_on(work(receiver, stop, open));
                    // A running blocking call must not delay the program's exit.
                    runtime.shutdown_background();
                })?;
            tasks.push(sender);
            threads.push(thread);
        }
        Ok(Self {
            tasks,
            threads: Mutex::new(threads),
            stop,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Spawns a task on one thread. Does nothing where the thread has ended: the engine is stopping then.
    pub(crate) async fn run_on(
        &self,
        number: usize,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        if let Some(tasks) = self.tasks.get(number) {
            let _ = tasks.send(Box::pin(task)).await;
        }
    }

    /// Ends all threads and their tasks.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        let threads = self
            .threads
            .lock()
            .map(|mut threads| std::mem::take(&mut *threads))
            .unwrap_or_default();
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The runtime wakes itself by a system call whenever a timer becomes the earliest. While connections are open this timer
/// is always the earliest, so the deadline of a handshake costs no system call.
const EARLIEST_TIMER: Duration = Duration::from_millis(500);

/// The timer of one thread. It runs only while connections are open: an idle engine does not wake.
#[derive(Default)]
struct Tick {
    running: Cell<bool>,
    started: Notify,
}

thread_local! {
    static TICK: Rc<Tick> = Rc::default();
}

/// Starts the calling thread's timer; call it for every accepted connection. `true` where it was not running.
pub(crate) fn start_tick() -> bool {
    TICK.with(|tick| {
        let started = !tick.running.replace(true);
        if started {
            tick.started.notify_one();
        }
        started
    })
}

async fn work(
    mut tasks: mpsc::Receiver<Task>,
    stop: CancellationToken,
    open: Arc<ConnectionLimit>,
) {
    let tick = TICK.with(Rc::clone);
    let mut timer = tokio::time::interval(EARLIEST_TIMER);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timer.tick(), if tick.running.get() => {
                tick.running.set(!open.is_empty());
                if !tick.running.get() {
                    privet_net::relay::free_buffers();
                    privet_http::free_buffers();
                }
            }
            () = tick.started.notified() => timer.reset(),
            task = tasks.recv() => match task {
                Some(task) => drop(tokio::spawn(task)),
                None => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn stopping_the_threads_does_not_wait_for_blocking_calls() {
        let workers = Workers::start(1, &Arc::default()).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let task = async move {
            let blocked = tokio::task::spawn_blocking(move || {
                let _ = begun.send(());
                let _ = held.recv();
            });
            let _ = blocked.await;
        };
        workers.run_on(0, task).await;
        begins.await.unwrap();
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            workers.stop();
            let _ = ended.send(());
        });
        let waited = end.recv_timeout(Duration::from_secs(10));
        drop(release);
        assert_eq!(waited, Ok(()));
    }
}
