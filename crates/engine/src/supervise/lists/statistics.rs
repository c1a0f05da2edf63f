//! What a list has done, over reloads and restarts: hits in all and by the hour, and what it would block on probation.
//! Pure: the clock is an argument.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Milliseconds of an hour.
const HOUR: u64 = 3_600_000;
/// Hours that make a day.
const DAY: u64 = 24;
/// Hosts that are kept apart; beyond, those with the fewest connections are let go.
const KEPT_HOSTS: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    /// Unix milliseconds from which on all is counted.
    pub(crate) since: u64,
    pub(crate) hits: u64,
    /// Connections that it would have blocked while it only counted.
    pub(crate) would_block: u64,
    /// Unix hours with their hits, the oldest first; at most a day of them.
    hours: VecDeque<(u64, u64)>,
    /// The hosts behind `would_block`, those with most connections first.
    hosts: Vec<(String, u64)>,
}

impl Figures {
    pub(crate) fn from(now: u64) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    pub(crate) fn add_hits(&mut self, hits: u64, now: u64) {
        self.hits += hits;
        let hour = now / HOUR;
        // A clock that was set back by more than a day: those hours would be of no day for long.
        if self
            .hours
            .back()
            .is_some_and(|newest| newest.0 > hour + DAY)
        {
            self.hours.clear();
        }
        match self.hours.back_mut() {
            // One that was set back by less counts in the newest hour there is.
            Some((newest, of_hour)) if *newest >= hour => *of_hour += hits,
            _ => self.hours.push_back((hour, hits)),
        }
        while self
            .hours
            .front()
            .is_some_and(|first| first.0 + DAY <= hour)
        {
            self.hours.pop_front();
        }
    }

    pub(crate) fn add_would_block(
        &mut self,
        connections: u64,
        hosts: impl IntoIterator<Item = (impl AsRef<str>, u64)>,
    ) {
        self.would_block += connections;
        for (host, count) in hosts {
            match self.hosts.iter_mut().find(|known| known.0 == host.as_ref()) {
                Some(known) => known.1 += count,
                None => self.hosts.push((host.as_ref().to_owned(), count)),
            }
        }
        self.hosts
            .sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.hosts.truncate(KEPT_HOSTS);
    }

    pub(super) fn forget_hosts(&mut self) {
        self.hosts.clear();
    }

    /// Hits of the last 24 hours, to the hour.
    pub(crate) fn of_day(&self, now: u64) -> u64 {
        let first = (now / HOUR).saturating_sub(DAY - 1);
        let of_day = self.hours.iter().filter(|(hour, _)| *hour >= first);
        of_day.map(|(_, hits)| hits).sum()
    }

    /// The hosts that it would have blocked most often, with their connections.
    pub(crate) fn top_hosts(&self, most: usize) -> Vec<(String, u64)> {
        self.hosts.iter().take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_own_hits_and_the_sum_loses_none() {
        let mut figures = Figures::from(0);
        for hour in 0..30 {
            figures.add_hits(1, hour * HOUR + 5);
        }
        assert_eq!(figures.hits, 30);
        assert_eq!(figures.of_day(29 * HOUR), 24);
        assert_eq!(figures.of_day(40 * HOUR), 13);
        assert_eq!(figures.of_day(90 * HOUR), 0);
        figures.add_hits(2, 20 * HOUR);
        assert_eq!(figures.of_day(29 * HOUR), 26, "the clock was set back");
        assert!(figures.hours.len() <= 25);
        figures.add_hits(3, HOUR);
        assert_eq!(figures.of_day(HOUR), 3, "set back by more than a day");
        figures.add_hits(4, 2 * HOUR);
        assert_eq!((figures.of_day(2 * HOUR), figures.hits), (7, 39));
    }

    #[test]
    fn hosts_are_bounded_and_the_busiest_stay() {
        let mut figures = Figures::default();
        figures.add_would_block(500, [("busy.test", 500)]);
        figures.add_would_block(300, (0..300).map(|n| (format!("h{n}.test"), 1)));
        figures.add_would_block(5, [("busy.test", 5)]);
        assert_eq!(figures.would_block, 805);
        assert_eq!(figures.hosts.len(), KEPT_HOSTS);
        assert_eq!(figures.top_hosts(1), [("busy.test".to_owned(), 505)]);
    }
}
