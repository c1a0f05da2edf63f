//! One row of the live table: written by its connection with atomics, read by any thread. Kept small, because every idle
//! tunnel has one.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::task::AtomicWaker;
use privet_policy::{App, Inspection, Listener, Protocol, Target, Why};

use crate::connection::{CloseReason, NewConnection, Verdict};
use crate::inspection_code;

/// The slot of a row that is not in the live table.
pub(crate) const NOT_LIVE: u32 = u32::MAX;

/// Texts that many rows share.
#[derive(Debug)]
pub(crate) struct SharedTexts {
    pub user: Option<Arc<str>>,
    pub route: Arc<str>,
    pub why: Why,
}

impl SharedTexts {
    pub fn of(opening: &NewConnection) -> Self {
        Self {
            user: opening.user.clone(),
            route: opening.route.clone(),
            why: opening.why.clone(),
        }
    }

    pub fn match_opening(&self, opening: &NewConnection) -> bool {
        let same_user = match (&self.user, &opening.user) {
            (None, None) => true,
            // Another allocation is another login of the same name.
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        };
        same_user
            && self.why.kind == opening.why.kind
            && (Arc::ptr_eq(&self.route, &opening.route) || self.route == opening.route)
            && (Arc::ptr_eq(&self.why.text, &opening.why.text) || self.why.text == opening.why.text)
    }
}

/// One connection, in the live table or in the history.
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
    /// 0, or the [`CloseReason`] that was asked for.
    pub(crate) cancelled: AtomicU8,
    /// Whether it was inspected: see [`crate::inspection_code`].
    inspection: AtomicU8,
    /// Whether `remote` holds an address.
    has_remote: AtomicBool,
    /// Whether the minutes have counted this connection.
    pub(crate) counted: AtomicBool,
    /// Whether another row, which counts its bytes, ends it when it is idle.
    pub(crate) idle_exempt: AtomicBool,
    /// It was opened while nothing is recorded: no history and no usage keeps it, whatever is recorded when it ends.
    pub(crate) unrecorded: bool,
    /// Its index in the shard's table, or [`NOT_LIVE`]. Written by the shard only.
    pub(crate) slot: AtomicU32,
    pub(crate) up: AtomicU64,
    pub(crate) down: AtomicU64,
    remote: [AtomicU64; 2],
    /// DNS, connect, TLS, first byte: microseconds plus 1; 0 for a phase that did not happen.
    phases: [AtomicU32; 4],
    pub(crate) requests: AtomicU32,
    pub(crate) sample: Sample,
    pub(crate) waker: AtomicWaker,
}

/// The last sample. Written under the recorder's lock only.
#[derive(Default)]
pub(crate) struct Sample {
    pub up: AtomicU64,
    pub down: AtomicU64,
    /// Bytes a second, as the bits of an `f32`.
    pub up_speed: AtomicU32,
    pub down_speed: AtomicU32,
    /// When the counters last changed, in tenths of a second on the connection log's clock.
    pub changed: AtomicU32,
}

/// A timed phase of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Dns = 0,
    Connect = 1,
    Tls = 2,
    FirstByte = 3,
}

impl ConnectionRow {
    /// `started` is in Unix milliseconds, `opened` is the same moment on the connection log's clock.
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
            inspection: AtomicU8::new(0),
            has_remote: AtomicBool::new(false),
            counted: AtomicBool::new(false),
            idle_exempt: AtomicBool::new(false),
            unrecorded: false,
            slot: AtomicU32::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            remote: Default::default(),
            phases: Default::default(),
            requests: AtomicU32::new(0),
            sample: Sample {
                changed: AtomicU32::new(to_tenths(opened)),
                ..Sample::default()
            },
            waker: AtomicWaker::new(),
        }
    }

    /// Asks the connection to close. The first reason is kept.
    pub fn cancel(&self, why: CloseReason) {
        let _ = self
            .cancelled
            .compare_exchange(0, why as u8, Ordering::Release, Ordering::Relaxed);
        self.waker.wake();
    }

    /// The reason it was asked to close for.
    pub fn cancelled(&self) -> Option<CloseReason> {
        CloseReason::from_code(self.cancelled.load(Ordering::Acquire))
    }

    /// Sets the client program where it is found after the row was opened. The first one is kept.
    pub fn set_app(&self, app: Arc<App>) {
        let _ = self.app.set(app);
    }

    /// Records whether what passes is inspected.
    pub fn set_inspection(&self, inspection: Inspection) {
        self.inspection
            .store(inspection_code::code(inspection), Ordering::Relaxed);
    }

    /// Whether it is inspected, or why not. Not kept on disk.
    pub fn inspection(&self) -> Inspection {
        inspection_code::from_code(self.inspection.load(Ordering::Relaxed))
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

    /// What the row was opened with, and the program as known now.
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

    /// Bytes from the client to the destination so far.
    pub fn up_bytes(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// Bytes from the destination to the client so far.
    pub fn down_bytes(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    /// HTTP requests on this connection; 0 for a tunnel.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Microseconds; `None` where the phase did not happen on this machine.
    pub fn phase(&self, phase: Phase) -> Option<u32> {
        self.phases[phase as usize]
            .load(Ordering::Relaxed)
            .checked_sub(1)
    }

    /// The destination's address, where it is known.
    pub fn remote(&self) -> Option<IpAddr> {
        self.has_remote.load(Ordering::Acquire).then(|| {
            let [high, low] = [0, 1].map(|at| self.remote[at].load(Ordering::Relaxed));
            let bits = (u128::from(high) << 64) | u128::from(low);
            Ipv6Addr::from(bits).to_canonical()
        })
    }

    /// Bytes per second to the destination at the last sample.
    pub fn up_speed(&self) -> f32 {
        f32::from_bits(self.sample.up_speed.load(Ordering::Relaxed))
    }

    /// Bytes per second to the client at the last sample.
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

/// Milliseconds as tenths of a second. A `u32` holds 13 years.
pub(crate) fn to_tenths(ms: u64) -> u32 {
    u32::try_from(ms / 100).unwrap_or(u32::MAX)
}
