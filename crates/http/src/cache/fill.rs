//! Receives the body of a response that the cache took, apart from the client that caused it: clients read what was
//! received, join and leave. It ends with the body, or when nobody reads it any more.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use privet_cache::FillWriter;
use privet_connection_log::LiveConnection;
use tokio::time::Instant;

use super::sink::StoreSink;
use crate::body::Transfer;
use crate::exchange::{Deadline, Upstream};
use crate::scanning::{BodyScan, Scanned};

/// Whether a body is received for its readers or for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// It ends with its last reader.
    Readers,
    /// No client waits for it: a stored response is refreshed.
    Store,
}

/// The way to end a fill that runs, and the place of its row once its client is gone.
#[derive(Clone, Default)]
pub struct FillControl(Arc<Mutex<Control>>);

#[derive(Default)]
struct Control {
    cancelled: bool,
    /// The row of the origin's connection. It is the client's while that reads.
    row: Option<LiveConnection>,
    waker: Option<Waker>,
}

impl FillControl {
    fn lock(&self) -> MutexGuard<'_, Control> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection may not go on: for no reader.
    pub fn cancel(&self) {
        let mut control = self.lock();
        control.cancelled = true;
        wake(control);
    }

    /// The client that caused the fill leaves: closing the row ends the fill from here on.
    pub fn adopt(&self, row: LiveConnection) {
        let mut control = self.lock();
        control.row = Some(row);
        wake(control);
    }

    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut control = self.lock();
        let by_row = match &control.row {
            Some(row) => row.poll_cancelled(cx).is_ready(),
            None => false,
        };
        if control.cancelled || by_row {
            return Poll::Ready(());
        }
        match &mut control.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The fill ended: so does its row, where the client has left it here.
    fn end(&self) {
        let row = self.lock().row.take();
        drop(row);
    }
}

fn wake(mut control: MutexGuard<'_, Control>) {
    let waker = control.waker.take();
    drop(control);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// How long a disk may write nothing while a body waits for it: the body then goes on without it.
const DISK_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait for a disk that is behind.
struct DiskWait {
    /// Bytes that were on disk when it began.
    on_disk: u64,
    deadline: Deadline,
}

/// A body on its way from an origin into the cache.
pub struct Fill<U> {
    origin: U,
    sink: StoreSink,
    audience: Audience,
    control: FillControl,
    transfer: Transfer,
    moved: u64,
    idle: Duration,
    deadline: Deadline,
    /// What happens to the origin's connection after the whole body.
    release: fn(U),
    scan: Option<Box<BodyScan>>,
    disk: Option<Box<DiskWait>>,
}

impl<U: Upstream + 'static> Fill<U> {
    pub fn new(
        origin: U,
        writer: FillWriter,
        audience: Audience,
        idle: Duration,
        release: fn(U),
    ) -> Self {
        Self {
            origin,
            sink: StoreSink::new(writer),
            audience,
            control: FillControl::default(),
            transfer: Transfer::default(),
            moved: 0,
            idle,
            deadline: Deadline::at(Instant::now() + idle),
            release,
            scan: None,
            disk: None,
        }
    }

    /// What is stored goes through this scan first.
    pub fn scanned_by(self, scan: Option<Box<BodyScan>>) -> Self {
        Self { scan, ..self }
    }

    /// Takes what has arrived; what is left is received by a task of its own, which the control ends.
    pub fn start(mut self) -> Option<FillControl> {
        match self.transfer_some(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(whole) => {
                self.finish(whole);
                None
            }
            Poll::Pending => {
                let control = self.control.clone();
                tokio::spawn(self.run());
                Some(control)
            }
        }
    }

    async fn run(mut self) {
        let whole = poll_fn(|cx| self.poll(cx)).await;
        self.finish(whole);
    }

    fn finish(self, whole: bool) {
        self.control.end();
        if whole {
            (self.release)(self.origin);
        }
    }

    /// Ready at the end; `true`: of the whole body.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let before = (self.moved, self.scanned());
        if let Poll::Ready(whole) = self.transfer_some(cx) {
            return Poll::Ready(whole);
        }
        if self.poll_disk_hangs(cx).is_ready() {
            self.sink.leave_disk();
            if let Poll::Ready(whole) = self.transfer_some(cx) {
                return Poll::Ready(whole);
            }
        }
        if self.control.poll_cancelled(cx).is_ready() {
            return Poll::Ready(false);
        }
        if self.audience == Audience::Readers && self.sink.poll_unread(cx).is_ready() {
            return Poll::Ready(false);
        }
        let asks = self.scan.as_ref().is_some_and(|scan| scan.is_asking());
        if asks || (self.moved, self.scanned()) != before {
            self.deadline.set(self.idle);
        }
        if asks {
            return Poll::Pending;
        }
        self.deadline.poll(cx).map(|()| false)
    }

    /// Ready once the disk that the body waits for has written nothing for too long.
    fn poll_disk_hangs(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(on_disk) = self.sink.waits_for_disk() else {
            self.disk = None;
            return Poll::Pending;
        };
        let wait = match self.disk.take().filter(|wait| wait.on_disk == on_disk) {
            Some(wait) => wait,
            None => Box::new(DiskWait {
                on_disk,
                deadline: Deadline::at(Instant::now() + DISK_TIMEOUT),
            }),
        };
        self.disk.insert(wait).deadline.poll(cx)
    }

    /// Bytes that the scan has read.
    fn scanned(&self) -> u64 {
        self.scan.as_ref().map_or(0, |scan| scan.read())
    }

    fn transfer_some(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut sink = &mut self.sink;
        let (mut source, moved) = (self.origin.source(), &mut self.moved);
        let moving = match &mut self.scan {
            None => self.transfer.poll(cx, &mut source, &mut sink, moved),
            Some(scan) => {
                let mut source = Scanned { source, scan };
                self.transfer.poll(cx, &mut source, &mut sink, moved)
            }
        };
        moving.map(|result| match result {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(?error, "a response was not stored to its end");
                false
            }
        })
    }
}
