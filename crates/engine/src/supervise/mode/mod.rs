//! Which mode is on, and until when. Pure: the clock is an argument.

pub(crate) mod switch;

use std::time::{Duration, SystemTime};

use serde::Serialize;

/// A pause lasts at most so long.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The mode as status shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModeState {
    pub name: String,
    /// While a pause runs: when it ends, in milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// While a pause runs: the mode that comes back.
    pub then: Option<String>,
}

/// The mode that stands, and a pause into another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Modes {
    standing: String,
    pause: Option<(String, SystemTime)>,
}

impl Modes {
    pub(crate) fn new(standing: String) -> Self {
        Self {
            standing,
            pause: None,
        }
    }

    /// The mode that is on at `now`.
    pub(crate) fn current(&self, now: SystemTime) -> &str {
        match &self.pause {
            Some((name, until)) if now < *until => name,
            _ => &self.standing,
        }
    }

    /// Stands from now on; a pause ends.
    pub(crate) fn stand(&mut self, name: String) {
        *self = Self::new(name);
    }

    /// On until `now + span`, then back to what stands now.
    pub(crate) fn pause(&mut self, name: String, span: Duration, now: SystemTime) {
        self.pause = Some((name, now + span.min(LONGEST_PAUSE)));
    }

    /// Ends the pause; what stands is on again.
    pub(crate) fn resume(&mut self) {
        self.pause = None;
    }

    /// How long the pause has still to run at `now`; `None`: there is none.
    pub(crate) fn left(&self, now: SystemTime) -> Option<Duration> {
        let (_, until) = self.pause.as_ref()?;
        Some(until.duration_since(now).unwrap_or_default())
    }

    /// Ends a pause whose time is up; whether one ended.
    pub(crate) fn expire(&mut self, now: SystemTime) -> bool {
        let over = self.pause.as_ref().is_some_and(|(_, until)| now >= *until);
        if over {
            self.pause = None;
        }
        over
    }

    pub(crate) fn state(&self) -> ModeState {
        let millis = |at: SystemTime| {
            let since = at.duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            })
        };
        match &self.pause {
            Some((name, until)) => ModeState {
                name: name.clone(),
                until_ms: Some(millis(*until)),
                then: Some(self.standing.clone()),
            },
            None => ModeState {
                name: self.standing.clone(),
                until_ms: None,
                then: None,
            },
        }
    }

    /// The standing mode, whatever pause runs.
    pub(crate) fn standing(&self) -> &str {
        &self.standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_in_the_mode_that_stood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut modes = Modes::new("standard".into());
        modes.pause("off".into(), Duration::from_secs(60), now);
        assert_eq!(modes.current(now), "off");
        assert_eq!(modes.state().until_ms, Some(1_060_000));
        let early = now + Duration::from_millis(59_250);
        assert_eq!(modes.left(early), Some(Duration::from_millis(750)));
        assert!(!modes.expire(early));
        assert_eq!(modes.current(now + Duration::from_secs(60)), "standard");
        assert!(modes.expire(now + Duration::from_secs(60)));
        assert_eq!(modes.left(now), None);
        assert_eq!(
            modes.state(),
            ModeState {
                name: "standard".into(),
                until_ms: None,
                then: None
            }
        );
    }

    #[test]
    fn a_pause_in_a_pause_comes_back_to_what_stood_first() {
        let now = SystemTime::UNIX_EPOCH;
        let mut modes = Modes::new("strict".into());
        modes.pause("off".into(), Duration::from_secs(60), now);
        modes.pause("standard".into(), Duration::from_secs(10), now);
        assert_eq!(modes.current(now), "standard");
        assert_eq!(modes.current(now + Duration::from_secs(11)), "strict");
    }

    #[test]
    fn choosing_a_mode_ends_the_pause() {
        let now = SystemTime::UNIX_EPOCH;
        let mut modes = Modes::new("strict".into());
        modes.pause("off".into(), Duration::from_secs(60), now);
        modes.stand("standard".into());
        assert_eq!(modes.current(now), "standard");
        assert_eq!(modes.state().until_ms, None);
    }
}
