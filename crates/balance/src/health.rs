//! The health of one member: unhealthy after so many failures in a row, healthy again after so many successes in a
//! row. The pause before an unhealthy member is probed doubles with each time it becomes unhealthy and each failed
//! probe.

use std::time::{Duration, Instant};

use crate::dice::jittered;

/// One earlier fall is forgiven for each period of this length that a member is healthy.
pub const FORGIVE_AFTER: Duration = Duration::from_secs(60);
/// The most times that the pause doubles.
const MAX_DOUBLINGS: u32 = 16;

/// When members are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeSchedule {
    /// The first pause after a fall, and the pause between the probes that confirm a change.
    pub first: Duration,
    /// The longest pause. Up to a quarter is added at random.
    pub longest: Duration,
    /// Between probes of a healthy member; `None`: such members are not probed.
    pub interval: Option<Duration>,
}

impl ProbeSchedule {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    /// Every member at this interval, healthy or not.
    pub fn steady(interval: Duration) -> Self {
        Self {
            first: interval,
            longest: interval,
            interval: Some(interval),
        }
    }

    /// An unhealthy member after 1 s, then after pauses that double up to `interval` (without one: 60 s).
    pub fn with_backoff(interval: Option<Duration>) -> Self {
        Self {
            first: interval.unwrap_or(Self::FIRST).min(Self::FIRST),
            longest: interval.unwrap_or(Self::LONGEST),
            interval,
        }
    }
}

/// What the first probe of a member that was never tried decides, where it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstProbe {
    /// The member is unhealthy at once.
    Decides,
    /// It is one failure of [`HealthSettings::unhealthy_after`].
    Counts,
}

/// When a member becomes unhealthy and healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthSettings {
    /// Failures in a row until a member is unhealthy; 0 counts as 1.
    pub unhealthy_after: u32,
    /// Successes in a row until an unhealthy member is healthy; 0 counts as 1.
    pub healthy_after: u32,
    pub first_probe: FirstProbe,
    pub schedule: ProbeSchedule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HealthState {
    /// Not tried yet; it is used as if it were healthy.
    Unknown,
    Healthy {
        since: Instant,
    },
    /// Not probed before `until`; results before it are of requests that started earlier, and do not count.
    Unhealthy {
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
pub(crate) struct Health {
    state: HealthState,
    /// In a row, while not unhealthy.
    failures: u32,
    /// In a row, while unhealthy.
    successes: u32,
    /// Falls that are not forgiven yet.
    falls: u32,
    /// Probes that failed since the last fall.
    failed_probes: u32,
    probe: Probe,
}

impl Health {
    pub(crate) fn new(now: Instant, settings: &HealthSettings) -> Self {
        Self {
            state: HealthState::Unknown,
            failures: 0,
            successes: 0,
            falls: 0,
            failed_probes: 0,
            probe: Probe::planned(settings.schedule.interval.map(|_| now)),
        }
    }

    /// The same health under other settings. A probe that was running counts as lost.
    pub(crate) fn carried_over(&self, now: Instant, settings: &HealthSettings) -> Self {
        let probe_at = match self.state {
            HealthState::Unhealthy { until } => Some(until),
            _ => settings.schedule.interval.map(|_| now),
        };
        Self {
            probe: Probe::planned(probe_at),
            ..self.clone()
        }
    }

    pub(crate) fn state(&self) -> HealthState {
        self.state
    }

    pub(crate) fn is_unhealthy(&self) -> bool {
        matches!(self.state, HealthState::Unhealthy { .. })
    }

    /// Failures since the last success, requests and probes.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.saturating_add(self.failed_probes)
    }

    /// Whether a success would change anything.
    pub(crate) fn awaits_success(&self) -> bool {
        self.failures > 0 || !matches!(self.state, HealthState::Healthy { .. })
    }

    /// A request to it or a probe succeeded.
    pub(crate) fn succeeded(&mut self, now: Instant, settings: &HealthSettings) {
        match self.state {
            HealthState::Unknown => self.state = HealthState::Healthy { since: now },
            HealthState::Healthy { .. } => {}
            HealthState::Unhealthy { until } if now < until => return,
            HealthState::Unhealthy { .. } => {
                self.successes += 1;
                let schedule = &settings.schedule;
                if self.successes < settings.healthy_after {
                    self.probe = Probe::DueAt(now + schedule.first);
                    return;
                }
                self.state = HealthState::Healthy { since: now };
                self.failed_probes = 0;
                self.probe = Probe::planned(schedule.interval.map(|interval| now + interval));
            }
        }
        self.failures = 0;
    }

    /// A request to it or a probe failed through its fault.
    pub(crate) fn failed(&mut self, now: Instant, settings: &HealthSettings, dice: u64) {
        match self.state {
            HealthState::Unhealthy { until } if now < until => {}
            HealthState::Unhealthy { .. } => {
                self.failed_probes = self.failed_probes.saturating_add(1);
                self.fall(now, settings, dice);
            }
            HealthState::Unknown | HealthState::Healthy { .. } => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= settings.unhealthy_after {
                    self.forgive(now);
                    self.falls = self.falls.saturating_add(1);
                    self.fall(now, settings, dice);
                } else {
                    self.probe_by(now + settings.schedule.first);
                }
            }
        }
    }

    /// A request to it got no answer, and what lies behind it may be to blame: a probe decides.
    pub(crate) fn suspected(&mut self, now: Instant, settings: &HealthSettings) {
        if !self.is_unhealthy() && self.probe != Probe::Running {
            self.probe_by(now + settings.schedule.first);
        }
    }

    fn probe_by(&mut self, soon: Instant) {
        self.probe = match self.probe {
            Probe::DueAt(at) => Probe::DueAt(at.min(soon)),
            Probe::NotPlanned | Probe::Running => Probe::DueAt(soon),
        };
    }

    fn forgive(&mut self, now: Instant) {
        if let HealthState::Healthy { since } = self.state {
            let periods = now.saturating_duration_since(since).as_secs() / FORGIVE_AFTER.as_secs();
            self.falls = self
                .falls
                .saturating_sub(u32::try_from(periods).unwrap_or(u32::MAX));
        }
    }

    fn fall(&mut self, now: Instant, settings: &HealthSettings, dice: u64) {
        self.successes = 0;
        let until = now + self.pause(&settings.schedule, dice);
        self.state = HealthState::Unhealthy { until };
        self.probe = Probe::DueAt(until);
    }

    fn pause(&self, schedule: &ProbeSchedule, dice: u64) -> Duration {
        let earlier_falls = self.falls.saturating_sub(1);
        let doublings = earlier_falls
            .saturating_add(self.failed_probes)
            .min(MAX_DOUBLINGS);
        let pause = schedule
            .first
            .saturating_mul(1 << doublings)
            .min(schedule.longest);
        jittered(pause, dice)
    }

    /// When the next probe is due; `None`: none is planned, or one is running.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        match self.probe {
            Probe::DueAt(at) => Some(at),
            Probe::NotPlanned | Probe::Running => None,
        }
    }

    /// A probe starts; [`Health::probed`] reports its result.
    pub(crate) fn probing(&mut self) {
        self.probe = Probe::Running;
    }

    /// A probe ended.
    pub(crate) fn probed(
        &mut self,
        result: Result<(), ()>,
        now: Instant,
        settings: &HealthSettings,
        dice: u64,
    ) {
        let schedule = &settings.schedule;
        match result {
            Ok(()) => self.succeeded(now, settings),
            Err(()) => {
                if (self.state, settings.first_probe) == (HealthState::Unknown, FirstProbe::Decides)
                {
                    self.failures = settings.unhealthy_after;
                }
                self.failed(now, settings, dice);
            }
        }
        if self.probe_at().is_none() {
            self.probe = match self.state {
                HealthState::Unhealthy { until } => Probe::DueAt(until.max(now + schedule.first)),
                _ => Probe::planned(schedule.interval.map(|interval| now + interval)),
            };
        }
    }
}
