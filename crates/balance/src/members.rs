//! The members of one pool: results in, states out. Pure; [`Pool`](crate::Pool) puts it behind a lock.

use std::time::Instant;

use crate::failure::Failure;
use crate::health::HealthState;
use crate::member::{Cause, Member, StateChange, Tier};
use crate::request::Fallback;
use crate::settings::{PassiveChecks, Settings};

#[derive(Debug, Clone)]
pub(crate) struct Members {
    settings: Settings,
    members: Vec<Member>,
}

impl Members {
    /// Members that were carried over may be ejected; those beyond the share return, the ones whose time ends first.
    pub(crate) fn new(settings: Settings, members: Vec<Member>, now: Instant) -> Self {
        let mut made = Self { settings, members };
        while made.ejected() > made.max_ejected() {
            let Some(place) = made.next_return().map(|(place, _)| place) else {
                break;
            };
            made.restore(place, now);
        }
        made
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Member> {
        self.members.get(place)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// A request to the member succeeded.
    pub(crate) fn succeeded(&mut self, place: usize, now: Instant) {
        let settings = self.settings;
        self.change(place, now, Cause::Requests, |member| {
            match settings.passive {
                PassiveChecks::Health => member.health.succeeded(now, &settings.health),
                PassiveChecks::Ejection(_) => {
                    member.outlier.succeeded();
                    if member.health.state() == HealthState::Unknown {
                        member.health.succeeded(now, &settings.health);
                    }
                }
            }
        });
    }

    /// A request to the member failed through its fault.
    pub(crate) fn failed(&mut self, place: usize, failure: Failure, now: Instant, dice: u64) {
        let settings = self.settings;
        let may_eject = self.may_eject(place);
        self.change(place, now, Cause::Requests, |member| {
            match settings.passive {
                PassiveChecks::Health => member.health.failed(now, &settings.health, dice),
                PassiveChecks::Ejection(outlier) => {
                    if member.outlier.failed(failure, &outlier) && may_eject {
                        member.outlier.eject(now, &outlier, dice);
                    }
                }
            }
        });
    }

    pub(crate) fn suspected(&mut self, place: usize, now: Instant) {
        let settings = self.settings.health;
        if let Some(member) = self.members.get_mut(place) {
            member.health.suspected(now, &settings);
        }
    }

    pub(crate) fn probed(&mut self, place: usize, result: Result<(), ()>, now: Instant, dice: u64) {
        let settings = self.settings.health;
        self.change(place, now, Cause::Probe, |member| {
            member.health.probed(result, now, &settings, dice);
        });
    }

    /// The member whose probe is due at `now`; the probe counts as running from here on.
    pub(crate) fn take_due_probe(&mut self, now: Instant) -> Option<usize> {
        let (place, at) = self.next_probe()?;
        if at > now {
            return None;
        }
        self.members.get_mut(place)?.health.probing();
        Some(place)
    }

    /// The member whose probe is due first, and when.
    pub(crate) fn next_probe(&self) -> Option<(usize, Instant)> {
        let planned = |(place, it): (usize, &Member)| Some((place, it.health.probe_at()?));
        self.members
            .iter()
            .enumerate()
            .filter_map(planned)
            .min_by_key(|(_, at)| *at)
    }

    pub(crate) fn set_draining(&mut self, place: usize, draining: bool, now: Instant) {
        self.change(place, now, Cause::Manual, |member| {
            member.draining = draining;
        });
    }

    pub(crate) fn set_weight(&mut self, place: usize, weight: Option<u32>) {
        if let Some(member) = self.members.get_mut(place) {
            member.manual_weight = weight.map(|it| it.min(crate::member::MAX_WEIGHT));
        }
    }

    /// Ends the ejections whose time is over at `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        while let Some((place, until)) = self.next_return()
            && until <= now
        {
            self.restore(place, now);
        }
    }

    /// The ejected member that returns first, and when.
    pub(crate) fn next_return(&self) -> Option<(usize, Instant)> {
        let ejected = |(place, it): (usize, &Member)| Some((place, it.outlier.ejected_until()?));
        self.members
            .iter()
            .enumerate()
            .filter_map(ejected)
            .min_by_key(|(_, until)| *until)
    }

    /// The member to use when none is available, by [`Fallback::LongestDown`] or [`Fallback::Due`]: the one whose
    /// pause ends first.
    pub(crate) fn longest_down(
        &self,
        now: Instant,
        tried: &[usize],
        fallback: Fallback,
    ) -> Option<usize> {
        let candidate = |(place, it): (usize, &Member)| {
            let due_at = it.due_at()?;
            let due = fallback == Fallback::LongestDown || due_at <= now;
            (it.tier() == Tier::LastResort && due && !tried.contains(&place))
                .then_some((place, due_at))
        };
        let candidates = self.members.iter().enumerate().filter_map(candidate);
        candidates
            .min_by_key(|(_, due_at)| *due_at)
            .map(|(place, _)| place)
    }

    pub(crate) fn ejected(&self) -> usize {
        let ejected = |it: &&Member| it.outlier.is_ejected();
        self.members.iter().filter(ejected).count()
    }

    pub(crate) fn max_ejected(&self) -> usize {
        match &self.settings.passive {
            PassiveChecks::Health => 0,
            PassiveChecks::Ejection(outlier) => outlier.max_ejected(self.members.len()),
        }
    }

    /// The share is kept, and the last member that is available stays.
    fn may_eject(&self, place: usize) -> bool {
        let mut others = self.members.iter().enumerate();
        self.ejected() < self.max_ejected()
            && others.any(|(other, it)| other != place && it.tier() == Tier::Available)
    }

    fn restore(&mut self, place: usize, now: Instant) {
        self.change(place, now, Cause::EjectionEnded, |member| {
            member.outlier.restore(now);
        });
    }

    fn change(
        &mut self,
        place: usize,
        now: Instant,
        cause: Cause,
        change: impl FnOnce(&mut Member),
    ) {
        let Some(member) = self.members.get_mut(place) else {
            return;
        };
        let before = member.state();
        change(member);
        let state = member.state();
        if state != before {
            member.record(StateChange {
                at: now,
                state,
                cause,
            });
        }
    }
}
