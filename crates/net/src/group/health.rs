//! The health of one member. It goes down after two failures in a row and up after two successful probes in a row.
//! The pause before probing doubles with each fall and failed probe.

use std::time::{Duration, Instant};

/// Failures in a row until a member is down.
pub(crate) const FALL: u32 = 2;
/// Successes in a row until a member that was down is up.
pub(crate) const RISE: u32 = 2;
/// One earlier fall is forgiven for each period of this length that a member is up.
pub(crate) const FORGIVE: Duration = Duration::from_secs(60);
/// The most times that the pause doubles.
const MAX_DOUBLINGS: u32 = 16;
/// Weight of a new latency against the smoothed one.
const SMOOTHING: f64 = 0.3;

/// When the members of a group are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProbeSchedule {
    /// The first pause after a fall, and the pause between the probes that confirm a change.
    pub(crate) first: Duration,
    /// The longest pause.
    pub(crate) longest: Duration,
    /// Between probes of a member that is up; `None`: such members are not probed.
    pub(crate) interval: Option<Duration>,
}

impl ProbeSchedule {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    /// `interval`: of the active check, if there is one. A member that is down is probed at least as often.
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self {
            first: interval.unwrap_or(Self::FIRST).min(Self::FIRST),
            longest: interval.unwrap_or(Self::LONGEST),
            interval,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// Not tried yet; counts as up.
    Unknown,
    Up {
        since: Instant,
    },
    /// Not used or probed before `until`.
    Down {
        until: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    NotPlanned,
    DueAt(Instant),
    Running,
}

impl Probe {
    fn planned(at: Option<Instant>) -> Self {
        at.map_or(Self::NotPlanned, Self::DueAt)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct MemberHealth {
    state: MemberState,
    /// In a row, while up.
    failures: u32,
    /// In a row, while down.
    successes: u32,
    /// Falls that are not forgiven yet.
    falls: u32,
    /// Probes that failed since the last fall.
    failed_probes: u32,
    probe: Probe,
    latency: Option<Duration>,
}

impl MemberHealth {
    pub(crate) fn new(now: Instant, schedule: &ProbeSchedule) -> Self {
        Self {
            state: MemberState::Unknown,
            failures: 0,
            successes: 0,
            falls: 0,
            failed_probes: 0,
            probe: Probe::planned(schedule.interval.map(|_| now)),
            latency: None,
        }
    }

    /// The same health under a new configuration.
    pub(crate) fn carried_over(&self, now: Instant, schedule: &ProbeSchedule) -> Self {
        let probe_at = match self.state {
            MemberState::Down { until } => Some(until),
            _ => schedule.interval.map(|_| now),
        };
        Self {
            probe: Probe::planned(probe_at),
            ..self.clone()
        }
    }

    pub(crate) fn state(&self) -> MemberState {
        self.state
    }

    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state, MemberState::Down { .. })
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures + self.failed_probes
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// Whether it is down and its pause is over.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.state, MemberState::Down { until } if now >= until)
    }

    /// A connection through it or a probe succeeded.
    pub(crate) fn succeeded(&mut self, now: Instant, schedule: &ProbeSchedule) {
        match self.state {
            MemberState::Unknown => self.state = MemberState::Up { since: now },
            MemberState::Up { since } => {
                let forgiven = now.saturating_duration_since(since).as_secs() / FORGIVE.as_secs();
                if forgiven > 0 {
                    self.falls = self
                        .falls
                        .saturating_sub(forgiven.min(u64::from(u32::MAX)) as u32);
                    self.state = MemberState::Up { since: now };
                }
            }
            // The connection was started before the fall; its success proves nothing.
            MemberState::Down { until } if now < until => return,
            MemberState::Down { .. } => {
                self.successes += 1;
                if self.successes < RISE {
                    self.probe = Probe::DueAt(now + schedule.first);
                    return;
                }
                self.state = MemberState::Up { since: now };
                self.failed_probes = 0;
                self.probe = Probe::planned(schedule.interval.map(|interval| now + interval));
            }
        }
        self.failures = 0;
    }

    /// A connection through it or a probe failed through its fault.
    pub(crate) fn failed(&mut self, now: Instant, schedule: &ProbeSchedule, dice: u64) {
        self.successes = 0;
        match self.state {
            MemberState::Down { until } if now < until => {}
            MemberState::Down { .. } => {
                self.failed_probes = self.failed_probes.saturating_add(1);
                self.go_down(now, schedule, dice);
            }
            _ => {
                self.failures += 1;
                if self.failures >= FALL {
                    self.go_down(now, schedule, dice);
                    self.falls = self.falls.saturating_add(1);
                } else {
                    let soon = now + schedule.first;
                    self.probe = match self.probe {
                        Probe::DueAt(at) => Probe::DueAt(at.min(soon)),
                        Probe::NotPlanned | Probe::Running => Probe::DueAt(soon),
                    };
                }
            }
        }
    }

    /// A connection through it got no answer about its target, and another member's did. Either may be to blame: a probe
    /// decides.
    pub(crate) fn suspected(&mut self, now: Instant, schedule: &ProbeSchedule) {
        let soon = now + schedule.first;
        self.probe = match (self.state, self.probe) {
            (MemberState::Down { .. }, planned) | (_, planned @ Probe::Running) => planned,
            (_, Probe::DueAt(at)) => Probe::DueAt(at.min(soon)),
            (_, Probe::NotPlanned) => Probe::DueAt(soon),
        };
    }

    fn go_down(&mut self, now: Instant, schedule: &ProbeSchedule, dice: u64) {
        let until = now + self.pause(schedule, dice);
        self.state = MemberState::Down { until };
        self.probe = Probe::DueAt(until);
    }

    /// Doubles with each fall and failed probe. Up to a quarter is added at random, so that probes spread out.
    fn pause(&self, schedule: &ProbeSchedule, dice: u64) -> Duration {
        let doublings = self
            .falls
            .saturating_add(self.failed_probes)
            .min(MAX_DOUBLINGS);
        let pause = schedule
            .first
            .saturating_mul(1 << doublings)
            .min(schedule.longest);
        pause + pause.mul_f64((dice % 256) as f64 / 1024.0)
    }

    pub(crate) fn measured(&mut self, latency: Duration) {
        self.latency = Some(match self.latency {
            None => latency,
            Some(old) => old.mul_f64(1.0 - SMOOTHING) + latency.mul_f64(SMOOTHING),
        });
    }

    /// When the next probe is due; `None`: none is planned, or one is running.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        match self.probe {
            Probe::DueAt(at) => Some(at),
            Probe::NotPlanned | Probe::Running => None,
        }
    }

    /// A probe starts; [`MemberHealth::probed`] reports its result.
    pub(crate) fn probing(&mut self) {
        self.probe = Probe::Running;
    }

    /// A probe ended: `Ok` with the time it took.
    pub(crate) fn probed(
        &mut self,
        result: Result<Duration, ()>,
        now: Instant,
        schedule: &ProbeSchedule,
        dice: u64,
    ) {
        match result {
            Ok(took) => {
                self.measured(took);
                self.succeeded(now, schedule);
            }
            Err(()) => self.failed(now, schedule, dice),
        }
        if self.probe_at().is_none() {
            self.probe = match self.state {
                MemberState::Down { until } => Probe::DueAt(until.max(now + schedule.first)),
                _ => Probe::planned(schedule.interval.map(|interval| now + interval)),
            };
        }
    }
}
