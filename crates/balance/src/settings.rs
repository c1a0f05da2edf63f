//! How the members of a pool are judged.

use std::time::Duration;

use crate::health::{FirstProbe, HealthSettings, ProbeSchedule};
use crate::outlier::OutlierSettings;

/// What the results of requests decide. Probes decide health in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassiveChecks {
    /// Each result counts like that of a probe.
    Health,
    /// They eject members.
    Ejection(OutlierSettings),
}

/// Where [`MemberView::latency`](crate::MemberView::latency) comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencySource {
    Requests,
    Probes,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub health: HealthSettings,
    pub passive: PassiveChecks,
    pub latency: LatencySource,
}

impl Settings {
    /// For sites with health checks at a steady interval.
    pub fn with_probes(interval: Duration, unhealthy_after: u32, healthy_after: u32) -> Self {
        Self {
            health: HealthSettings {
                unhealthy_after,
                healthy_after,
                first_probe: FirstProbe::Decides,
                schedule: ProbeSchedule::steady(interval),
            },
            passive: PassiveChecks::Ejection(OutlierSettings::default()),
            latency: LatencySource::Requests,
        }
    }

    /// For sites without health checks: members are judged by their requests alone, and never probed.
    pub fn without_probes() -> Self {
        let mut settings = Self::with_probes(Duration::ZERO, 1, 1);
        settings.health.schedule.interval = None;
        settings
    }
}
