//! One row: written by its connection with plain atomics, read by whoever looks. Small, because an idle tunnel pays for
//! it as long as it stands.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use privet_policy::{App, Listener, Protocol, Target, Why};

use crate::connection::{CloseReason, NewConnection, Verdict};
use crate::shard::Shard;

/// The texts that many rows have in common, kept once.
#[derive(Debug)]
pub(crate) struct SharedTexts {
    pub user: Option<Arc<str>>,
    pub route: Arc<str>,
    pub why: Why,
}

/// One row of the live table or of the history.
pub struct ConnectionRow {
    /// Unique in this run; at most 2^53.
    pub id: u64,
    /// Unix milliseconds.
    pub(crate) started: u64,
    pub(crate) texts: Arc<SharedTexts>,
    target: Target,
    app: OnceLock<Arc<App>>,
    client_ip: IpAddr,
    client_port: u16,
    listener: Listener,
    protocol: Protocol,
    verdict: Verdict,
    /// 0, or the [`CloseReason`] that somebody asked for.
    cancelled: AtomicU8,
    /// Whether `remote` holds an address.
    has_remote: AtomicBool,
    /// Whether the minute buckets know of this connection.
    pub(crate) counted: AtomicBool,
    /// Its place in the shard's table, or [`crate::shard::GONE`]; the shard's own.
    pub(crate) slot: AtomicU32,
    up: AtomicU64,
    down: AtomicU64,
    remote: [AtomicU64; 2],
    /// DNS, connect, TLS, first byte: microseconds plus one, 0 for a phase that did not happen.
    phases: [AtomicU32; 4],
    requests: AtomicU32,
    pub(crate) sample: Sample,
    waker: AtomicWaker,
}

/// What the sampler last saw. Only the holder of the books' lock writes it.
#[derive(Default)]
pub(crate) struct Sample {
    pub up: AtomicU64,
    pub down: AtomicU64,
    /// Bytes a second, as the bits of an `f32`.
    pub up_speed: AtomicU32,
    pub down_speed: AtomicU32,
    /// When the counters were last seen to change: tenths of a second since the connection log began.
    pub changed: AtomicU32,
}

/// The data plane's hold on its row; dropping it ends the row.
pub struct LiveConnection {
    row: Arc<ConnectionRow>,
    shard: Arc<Shard>,
}

/// A phase of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Dns = 0,
    Connect = 1,
    Tls = 2,
    FirstByte = 3,
}

impl ConnectionRow {
    /// `started` is Unix milliseconds, `opened` the same moment on the connection log's clock.
    pub(crate) fn new(
        id: u64,
        started: u64,
        opened: u64,
        texts: Arc<SharedTexts>,
        opening: NewConnection,
        verdict: Verdict,
    ) -> Self {
        let app = OnceLock::new();
        if let Some(known) = opening.app {
            let _ = app.set(known);
        }
        Self {
            id,
            started,
            texts,
            target: opening.target,
            app,
            client_ip: opening.client.ip(),
            client_port: opening.client.port(),
            listener: opening.listener,
            protocol: opening.protocol,
            verdict,
            cancelled: AtomicU8::new(0),
            has_remote: AtomicBool::new(false),
            counted: AtomicBool::new(false),
            slot: AtomicU32::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            remote: Default::default(),
            phases: Default::default(),
            requests: AtomicU32::new(0),
            sample: Sample {
                changed: AtomicU32::new(tenths(opened)),
                ..Sample::default()
            },
            waker: AtomicWaker::new(),
        }
    }

    /// Asks the connection to close; the first reason stays with the row.
    pub fn cancel(&self, why: CloseReason) {
        let _ = self
            .cancelled
            .compare_exchange(0, why as u8, Ordering::Release, Ordering::Relaxed);
        self.waker.wake();
    }

    /// The reason for which it was asked to close.
    pub fn cancelled(&self) -> Option<CloseReason> {
        CloseReason::from_code(self.cancelled.load(Ordering::Acquire))
    }

    /// The program behind the connection, found after the row was opened. The first answer stays.
    pub fn set_app(&self, app: Arc<App>) {
        let _ = self.app.set(app);
    }

    pub fn app(&self) -> Option<&Arc<App>> {
        self.app.get()
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn client(&self) -> SocketAddr {
        SocketAddr::new(self.client_ip, self.client_port)
    }

    pub fn user(&self) -> Option<&Arc<str>> {
        self.texts.user.as_ref()
    }

    pub fn route(&self) -> &Arc<str> {
        &self.texts.route
    }

    pub fn why(&self) -> &Why {
        &self.texts.why
    }

    pub fn listener(&self) -> Listener {
        self.listener
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What the row was opened with, its program as known now.
    pub fn opening(&self) -> NewConnection {
        NewConnection {
            listener: self.listener,
            client: self.client(),
            protocol: self.protocol,
            user: self.user().cloned(),
            app: self.app().cloned(),
            target: self.target.clone(),
            route: self.route().clone(),
            why: self.why().clone(),
        }
    }

    /// Bytes from the client to the far end so far.
    pub fn up_bytes(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// Bytes from the far end to the client so far.
    pub fn down_bytes(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    /// HTTP requests that this connection carried; 0 for a tunnel.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Microseconds; `None`: the phase did not happen, or not here.
    pub fn phase(&self, phase: Phase) -> Option<u32> {
        self.phases[phase as usize]
            .load(Ordering::Relaxed)
            .checked_sub(1)
    }

    /// The target's address, where we know it.
    pub fn remote(&self) -> Option<IpAddr> {
        self.has_remote.load(Ordering::Acquire).then(|| {
            let [high, low] = [0, 1].map(|at| self.remote[at].load(Ordering::Relaxed));
            let bits = (u128::from(high) << 64) | u128::from(low);
            Ipv6Addr::from(bits).to_canonical()
        })
    }

    /// Bytes a second at the last sample, up.
    pub fn up_speed(&self) -> f32 {
        f32::from_bits(self.sample.up_speed.load(Ordering::Relaxed))
    }

    /// Bytes a second at the last sample, down.
    pub fn down_speed(&self) -> f32 {
        f32::from_bits(self.sample.down_speed.load(Ordering::Relaxed))
    }

    pub(crate) fn set_phase(&self, phase: Phase, micros: Option<u32>) {
        let stored = micros.map_or(0, |micros| micros.saturating_add(1));
        self.phases[phase as usize].store(stored, Ordering::Relaxed);
    }

    pub(crate) fn set_remote(&self, remote: IpAddr) {
        let bits = match remote {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        }
        .to_bits();
        self.remote[0].store((bits >> 64) as u64, Ordering::Relaxed);
        self.remote[1].store(bits as u64, Ordering::Relaxed);
        self.has_remote.store(true, Ordering::Release);
    }

    pub(crate) fn set_figures(&self, up: u64, down: u64, requests: u32) {
        self.up.store(up, Ordering::Relaxed);
        self.down.store(down, Ordering::Relaxed);
        self.requests.store(requests, Ordering::Relaxed);
    }
}

impl LiveConnection {
    pub(crate) fn new(row: Arc<ConnectionRow>, shard: Arc<Shard>) -> Self {
        Self { row, shard }
    }

    pub fn row(&self) -> &Arc<ConnectionRow> {
        &self.row
    }

    /// Counts bytes from the client to the far end.
    pub fn up(&self, bytes: u64) {
        self.row.up.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes from the far end to the client.
    pub fn down(&self, bytes: u64) {
        self.row.down.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Recorder how long opening took; `None`: the phase did not happen here.
    pub fn set_phases(
        &self,
        dns: Option<Duration>,
        connect: Option<Duration>,
        tls: Option<Duration>,
    ) {
        self.row.set_phase(Phase::Dns, dns.map(micros));
        self.row.set_phase(Phase::Connect, connect.map(micros));
        self.row.set_phase(Phase::Tls, tls.map(micros));
    }

    /// Recorder the time from the connection's standing to the first byte from the far end.
    pub fn first_byte(&self, after: Duration) {
        self.row.set_phase(Phase::FirstByte, Some(micros(after)));
    }

    /// Recorder the target's address, where it is known (direct connections).
    pub fn set_remote(&self, remote: SocketAddr) {
        self.row.set_remote(remote.ip());
    }

    /// Counts one HTTP request.
    pub fn request(&self) {
        self.row.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Ready once somebody wants this connection closed.
    pub fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.row.cancelled.load(Ordering::Acquire) != 0 {
            return Poll::Ready(());
        }
        self.row.waker.register(cx.waker());
        if self.row.cancelled.load(Ordering::Acquire) == 0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Ends the row with its reason; without this call it ends as finished when dropped. Where somebody asked for the
    /// end ([`ConnectionRow::cancel`]) that reason is booked instead.
    pub fn close(self, reason: CloseReason, error: Option<String>) {
        self.shard.close(&self.row, reason, error);
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        self.shard.close(&self.row, CloseReason::Finished, None);
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// Tenths of a second of a time on the connection log's clock; enough for 13 years.
pub(crate) fn tenths(ms: u64) -> u32 {
    u32::try_from(ms / 100).unwrap_or(u32::MAX)
}
