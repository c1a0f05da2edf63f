//! The load and latency of one member, shared by all threads. These are the only words that every request writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A latency sample loses weight by the factor e in this time (Finagle's and linkerd's default).
pub const EWMA_DECAY: Duration = Duration::from_secs(10);
/// What a failure counts as, and what a member costs that has requests in flight but no answer yet. Otherwise the
/// member that fails fastest would get most requests.
pub(crate) const PENALTY: Duration = Duration::from_secs(1);
/// Weight of a new latency against the smoothed one.
const SMOOTHING: f64 = 0.3;
/// How often the requests in flight are read again while others end.
const READS: u32 = 3;
/// Nanoseconds of one tick of a stamp, as a power of two: 65.5 µs. Stamps wrap after 78 hours; then an idle member's
/// cost is too high for a moment.
const TICK_BITS: u32 = 16;

/// Aligned, so that two members share no cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Load {
    epoch: Instant,
    started: AtomicU64,
    ended: AtomicU64,
    failures: AtomicU64,
    /// Peak EWMA: nanoseconds as `f32` bits above, ticks since `epoch` of the last sample below. Written without
    /// read-modify-write: of two samples at the same moment one may be lost.
    peak: AtomicU64,
    /// Smoothed, in nanoseconds; 0: not measured.
    latency: AtomicU64,
}

impl Load {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            latency: AtomicU64::new(0),
        }
    }

    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::Release);
    }

    /// Never below the truth at the moment when `ended` is read: each end that is seen brings its start with it. Above it
    /// by what starts and ends between the two reads, so that it is read again where a request ended in between.
    pub(crate) fn in_flight(&self) -> u64 {
        let mut ended = self.ended.load(Ordering::Acquire);
        for _ in 0..READS {
            let started = self.started.load(Ordering::Acquire);
            let now_ended = self.ended.load(Ordering::Acquire);
            if now_ended == ended {
                return started.saturating_sub(ended);
            }
            ended = now_ended;
        }
        self.started.load(Ordering::Relaxed).saturating_sub(ended)
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self, now: Instant) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.observe(PENALTY, now);
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Smooths the latency that is shown, and that the policy "latency" compares.
    pub(crate) fn measured(&self, latency: Duration) {
        let latency = nanos(latency);
        let smoothed = match self.latency.load(Ordering::Relaxed) {
            0 => latency,
            old => (old as f64 * (1.0 - SMOOTHING) + latency as f64 * SMOOTHING) as u64,
        };
        self.latency.store(smoothed.max(1), Ordering::Relaxed);
    }

    /// Adds a sample to the peak EWMA: a higher one replaces it at once, a lower one by its age.
    pub(crate) fn observe(&self, latency: Duration, now: Instant) {
        let (old, stamp) = unpack(self.peak.load(Ordering::Relaxed));
        let now = self.tick(now);
        let sample = nanos(latency).max(1) as f32;
        let new = if sample >= old {
            sample
        } else {
            let weight = decay(now.wrapping_sub(stamp));
            old * weight + sample * (1.0 - weight)
        };
        self.peak.store(pack(new, now), Ordering::Relaxed);
    }

    /// The peak EWMA in nanoseconds; it falls while no sample comes, so that a slow member is tried again. `None`: no
    /// sample yet.
    pub(crate) fn peak(&self, now: Instant) -> Option<f32> {
        let (value, stamp) = unpack(self.peak.load(Ordering::Relaxed));
        (value > 0.0).then(|| value * decay(self.tick(now).wrapping_sub(stamp)))
    }

    /// What one more request costs: the peak EWMA for each request in flight. A member without a sample gets one
    /// request at once, and no second one before its first answer while others cost less than [`PENALTY`] each.
    pub(crate) fn cost(&self, now: Instant) -> f32 {
        let in_flight = self.in_flight();
        let each = match self.peak(now) {
            Some(peak) => peak,
            None if in_flight == 0 => 0.0,
            None => nanos(PENALTY) as f32,
        };
        each * (in_flight + 1) as f32
    }

    fn tick(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.epoch);
        (nanos(since) >> TICK_BITS) as u32
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn pack(value: f32, stamp: u32) -> u64 {
    (u64::from(value.to_bits()) << 32) | u64::from(stamp)
}

fn unpack(word: u64) -> (f32, u32) {
    (f32::from_bits((word >> 32) as u32), word as u32)
}

/// The weight that is left of a sample of this age, in ticks. The clocks of two threads may differ by a little: an
/// age in the upper half of the range is negative.
fn decay(ticks: u32) -> f32 {
    if ticks == 0 || ticks > u32::MAX / 2 {
        return 1.0;
    }
    let scale = (1_u64 << TICK_BITS) as f32 / (EWMA_DECAY.as_nanos() as f32);
    (-(ticks as f32) * scale).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_peak_counts_at_once_and_decays_with_its_age() {
        let mut now = Instant::now();
        let load = Load::new(now);
        load.observe(10 * MS, now);
        load.observe(100 * MS, now);
        assert_eq!(load.peak(now), Some(100e6));
        // A fast answer right after the peak changes nothing yet.
        load.observe(MS, now);
        assert_eq!(load.peak(now), Some(100e6));
        now += EWMA_DECAY;
        let left = 100e6 / std::f32::consts::E;
        assert!((load.peak(now).unwrap() / left - 1.0).abs() < 1e-3);
        load.observe(10 * MS, now);
        let mixed = left + 10e6 * (1.0 - 1.0 / std::f32::consts::E);
        assert!((load.peak(now).unwrap() / mixed - 1.0).abs() < 1e-3);
    }

    #[test]
    fn many_samples_within_a_tick_weigh_as_much_as_their_time() {
        let mut now = Instant::now();
        let load = Load::new(now);
        load.observe(100 * MS, now);
        // 1 million samples a second.
        for _ in 0..1_000_000 {
            now += Duration::from_micros(1);
            load.observe(10 * MS, now);
        }
        let weight = (-0.1_f32).exp();
        let expected = 100e6 * weight + 10e6 * (1.0 - weight);
        assert!((load.peak(now).unwrap() / expected - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_changes_nothing() {
        let now = Instant::now();
        let load = Load::new(now);
        load.observe(10 * MS, now + 10 * MS);
        assert_eq!(load.peak(now), Some(10e6));
        load.observe(MS, now);
        assert_eq!(load.peak(now), Some(10e6));
    }

    #[test]
    fn a_new_member_costs_nothing_until_a_request_is_in_flight() {
        let now = Instant::now();
        let load = Load::new(now);
        assert_eq!(load.cost(now), 0.0);
        load.start();
        assert_eq!(load.cost(now), 2.0 * PENALTY.as_nanos() as f32);
        load.observe(MS, now);
        load.end();
        assert_eq!(load.cost(now), 1e6);
        load.failed(now);
        assert_eq!(load.cost(now), PENALTY.as_nanos() as f32);
    }
}
