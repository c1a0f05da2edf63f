//! One member: its health, its ejection, and what a person set by hand.

use std::collections::VecDeque;
use std::time::Instant;

use crate::health::{Health, HealthSettings, HealthState};
use crate::outlier::Outlier;
use crate::settings::{PassiveChecks, Settings};

/// The largest weight; a larger one counts as this.
pub const MAX_WEIGHT: u32 = 65_535;
/// State changes that are kept of each member.
pub const HISTORY: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// Not tried yet; it is used as if it were healthy.
    Unknown,
    Healthy,
    /// By failures in a row.
    Unhealthy,
    /// By hand: no new requests.
    Draining,
    /// By outlier ejection, for a time.
    Ejected,
}

/// What caused a change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Probe,
    Requests,
    /// The time of an ejection is over.
    EjectionEnded,
    Manual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateChange {
    pub at: Instant,
    pub state: MemberState,
    pub cause: Cause,
}

/// Whether a member may be selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Available,
    /// Unhealthy or ejected: only when nothing else is left, see [`Fallback`](crate::Fallback).
    LastResort,
    /// Draining, or weight 0.
    Never,
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) configured_weight: u32,
    /// Set by hand.
    pub(crate) manual_weight: Option<u32>,
    /// Set by hand.
    pub(crate) draining: bool,
    pub(crate) health: Health,
    pub(crate) outlier: Outlier,
    history: VecDeque<StateChange>,
}

impl Member {
    pub(crate) fn new(weight: u32, now: Instant, settings: &HealthSettings) -> Self {
        Self {
            configured_weight: weight.min(MAX_WEIGHT),
            manual_weight: None,
            draining: false,
            health: Health::new(now, settings),
            outlier: Outlier::new(now),
            history: VecDeque::new(),
        }
    }

    /// Keeps what the member of the configuration before had. Without probes an unhealthy member would stay so.
    pub(crate) fn take_over(&mut self, before: Self, settings: &Settings, now: Instant) {
        let has_probes = settings.health.schedule.interval.is_some()
            || settings.passive == PassiveChecks::Health;
        if has_probes {
            self.health = before.health.carried_over(now, &settings.health);
        }
        self.manual_weight = before.manual_weight;
        self.draining = before.draining;
        self.outlier = before.outlier;
        self.history = before.history;
    }

    pub(crate) fn weight(&self) -> u32 {
        self.manual_weight.unwrap_or(self.configured_weight)
    }

    pub(crate) fn state(&self) -> MemberState {
        if self.draining {
            return MemberState::Draining;
        }
        match self.health.state() {
            HealthState::Unhealthy { .. } => MemberState::Unhealthy,
            _ if self.outlier.is_ejected() => MemberState::Ejected,
            HealthState::Healthy { .. } => MemberState::Healthy,
            HealthState::Unknown => MemberState::Unknown,
        }
    }

    pub(crate) fn tier(&self) -> Tier {
        if self.draining || self.weight() == 0 {
            Tier::Never
        } else if self.health.is_unhealthy() || self.outlier.is_ejected() {
            Tier::LastResort
        } else {
            Tier::Available
        }
    }

    /// When a member that is not available may be tried again.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let pause = match self.health.state() {
            HealthState::Unhealthy { until } => Some(until),
            HealthState::Unknown | HealthState::Healthy { .. } => None,
        };
        pause.max(self.outlier.ejected_until())
    }

    /// Whether the success of a request would change anything.
    pub(crate) fn awaits_success(&self, passive: &PassiveChecks) -> bool {
        match passive {
            PassiveChecks::Health => self.health.awaits_success(),
            PassiveChecks::Ejection(_) => {
                self.health.state() == HealthState::Unknown || self.outlier.awaits_success()
            }
        }
    }

    pub(crate) fn history(&self) -> impl Iterator<Item = &StateChange> {
        self.history.iter()
    }

    pub(crate) fn record(&mut self, change: StateChange) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(change);
    }
}
