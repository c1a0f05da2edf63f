//! Which mode is current, and until when. Pure: the clock is an argument.

pub(crate) mod switch;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::unix_time::unix_ms;

/// Longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The current mode, as the API reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModeState {
    pub name: String,
    /// While paused: the end, in Unix milliseconds.
    pub until_ms: Option<u64>,
    /// While paused: the mode that follows.
    pub then: Option<String>,
}

/// The selected mode, and a pause into another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModeSelection {
    base: String,
    pause: Option<(String, SystemTime)>,
}

impl ModeSelection {
    pub(crate) fn new(base: String) -> Self {
        Self { base, pause: None }
    }

    /// The mode that is current at `now`.
    pub(crate) fn current(&self, now: SystemTime) -> &str {
        match &self.pause {
            Some((name, until)) if now < *until => name,
            _ => &self.base,
        }
    }

    /// Selects the base mode; a pause ends.
    pub(crate) fn select(&mut self, name: String) {
        *self = Self::new(name);
    }

    /// Pauses into `name` until `now + length`.
    pub(crate) fn pause(&mut self, name: String, length: Duration, now: SystemTime) {
        self.pause = Some((name, now + length.min(LONGEST_PAUSE)));
    }

    /// Ends the pause.
    pub(crate) fn resume(&mut self) {
        self.pause = None;
    }

    /// Remaining time of the pause at `now`; `None`: there is none.
    pub(crate) fn left(&self, now: SystemTime) -> Option<Duration> {
        let (_, until) = self.pause.as_ref()?;
        Some(until.duration_since(now).unwrap_or_default())
    }

    /// Ends a pause that is over. Returns whether one ended.
    pub(crate) fn expire(&mut self, now: SystemTime) -> bool {
        let over = self.pause.as_ref().is_some_and(|(_, until)| now >= *until);
        if over {
            self.pause = None;
        }
        over
    }

    pub(crate) fn state(&self) -> ModeState {
        match &self.pause {
            Some((name, until)) => ModeState {
                name: name.clone(),
                until_ms: Some(unix_ms(*until)),
                then: Some(self.base.clone()),
            },
            None => ModeState {
                name: self.base.clone(),
                until_ms: None,
                then: None,
            },
        }
    }

    /// The mode outside of a pause.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }
}

/// Completes when the pause ends; never, if there is none.
pub(crate) async fn pause_end(modes: &ModeSelection) {
    match modes.left(SystemTime::now()) {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_in_the_selected_mode() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut modes = ModeSelection::new("standard".into());
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
    fn a_second_pause_returns_to_the_selected_mode() {
        let now = SystemTime::UNIX_EPOCH;
        let mut modes = ModeSelection::new("strict".into());
        modes.pause("off".into(), Duration::from_secs(60), now);
        modes.pause("standard".into(), Duration::from_secs(10), now);
        assert_eq!(modes.current(now), "standard");
        assert_eq!(modes.current(now + Duration::from_secs(11)), "strict");
    }

    #[test]
    fn selecting_a_mode_ends_the_pause() {
        let now = SystemTime::UNIX_EPOCH;
        let mut modes = ModeSelection::new("strict".into());
        modes.pause("off".into(), Duration::from_secs(60), now);
        modes.select("standard".into());
        assert_eq!(modes.current(now), "standard");
        assert_eq!(modes.state().until_ms, None);
    }
}
