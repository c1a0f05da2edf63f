//! What a list did, over reloads and restarts: hits in total and by the hour, and what it would have blocked on probation.
//! Pure: the clock is an argument.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

const HOUR_MS: u64 = 3_600_000;
const DAY: u64 = 24;
/// Maximum number of hosts; those with the fewest connections are dropped.
const MAX_HOSTS: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListStatistics {
    /// Unix milliseconds since which everything is counted.
    pub(crate) since: u64,
    pub(crate) hits: u64,
    /// Connections that it would have blocked while on probation.
    pub(crate) would_block: u64,
    /// Unix hours with their hits, oldest first; at most the last 24 hours.
    hours: VecDeque<(u64, u64)>,
    /// Hosts of `would_block`, those with the most connections first.
    hosts: Vec<(String, u64)>,
}

impl ListStatistics {
    pub(crate) fn from(now: u64) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    pub(crate) fn add_hits(&mut self, hits: u64, now: u64) {
        self.hits += hits;
        let hour = now / HOUR_MS;
        // The clock was set back by more than a day: the recorded hours lie in the future.
        if self
            .hours
            .back()
            .is_some_and(|newest| newest.0 > hour + DAY)
        {
            self.hours.clear();
        }
        match self.hours.back_mut() {
            // The clock was set back by less: count in the newest hour.
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
            match self
                .hosts
                .iter_mut()
                .find(|counted| counted.0 == host.as_ref())
            {
                Some(counted) => counted.1 += count,
                None => self.hosts.push((host.as_ref().to_owned(), count)),
            }
        }
        self.hosts
            .sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.hosts.truncate(MAX_HOSTS);
    }

    pub(super) fn forget_hosts(&mut self) {
        self.hosts.clear();
    }

    /// Hits of the last 24 hours, with a resolution of one hour.
    pub(crate) fn last_day(&self, now: u64) -> u64 {
        let first = (now / HOUR_MS).saturating_sub(DAY - 1);
        let last_day = self.hours.iter().filter(|(hour, _)| *hour >= first);
        last_day.map(|(_, hits)| hits).sum()
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
    fn hits_are_counted_by_day_and_in_total() {
        let mut statistics = ListStatistics::from(0);
        for hour in 0..30 {
            statistics.add_hits(1, hour * HOUR_MS + 5);
        }
        assert_eq!(statistics.hits, 30);
        assert_eq!(statistics.last_day(29 * HOUR_MS), 24);
        assert_eq!(statistics.last_day(40 * HOUR_MS), 13);
        assert_eq!(statistics.last_day(90 * HOUR_MS), 0);
        statistics.add_hits(2, 20 * HOUR_MS);
        assert_eq!(
            statistics.last_day(29 * HOUR_MS),
            26,
            "the clock was set back"
        );
        assert!(statistics.hours.len() <= 25);
        statistics.add_hits(3, HOUR_MS);
        assert_eq!(
            statistics.last_day(HOUR_MS),
            3,
            "set back by more than a day"
        );
        statistics.add_hits(4, 2 * HOUR_MS);
        assert_eq!((statistics.last_day(2 * HOUR_MS), statistics.hits), (7, 39));
    }

    #[test]
    fn hosts_are_bounded_and_the_most_frequent_are_kept() {
        let mut statistics = ListStatistics::default();
        statistics.add_would_block(500, [("busy.test", 500)]);
        statistics.add_would_block(300, (0..300).map(|n| (format!("h{n}.test"), 1)));
        statistics.add_would_block(5, [("busy.test", 5)]);
        assert_eq!(statistics.would_block, 805);
        assert_eq!(statistics.hosts.len(), MAX_HOSTS);
        assert_eq!(statistics.top_hosts(1), [("busy.test".to_owned(), 505)]);
    }
}
