//! Which mode is current, and until when. Pure: the clock is an argument.

use std::time::{Duration, SystemTime};

use privet_config::unix_time::unix_ms;

/// Longest pause with an end.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a pause lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseLength {
    /// At most a week.
    For(Duration),
    UntilRestart,
}

/// The current mode, as the API reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeState {
    pub name: String,
    /// While paused: the end in Unix milliseconds; `None`: the pause lasts until the engine restarts.
    pub until_ms: Option<u64>,
    /// The mode that follows the pause; `None`: not paused.
    pub then: Option<String>,
}

/// A pause into another mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) mode: String,
    /// `None`: it lasts until the engine restarts.
    pub(crate) until: Option<SystemTime>,
}

/// The selected mode, and a pause into another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModeSelection {
    base: String,
    pause: Option<Pause>,
    held_back: Option<HeldBack>,
}

/// Nothing of the base mode goes direct: the changed file has a kill switch and is not applied yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HeldBack {
    outbound: Option<String>,
}

impl ModeSelection {
    pub(crate) fn new(base: String) -> Self {
        Self::with_pause(base, None)
    }

    pub(crate) fn with_pause(base: String, pause: Option<Pause>) -> Self {
        Self {
            base,
            pause,
            held_back: None,
        }
    }

    /// The mode that is current at `now`.
    pub(crate) fn current(&self, now: SystemTime) -> &str {
        match &self.pause {
            Some(pause) if pause.until.is_none_or(|until| now < until) => &pause.mode,
            _ => &self.base,
        }
    }

    /// Selects the base mode; a pause ends.
    pub(crate) fn select(&mut self, name: String) {
        *self = Self::new(name);
    }

    /// Pauses into `mode` from `now` on.
    pub(crate) fn pause(&mut self, mode: String, length: PauseLength, now: SystemTime) {
        let until = match length {
            PauseLength::For(length) => Some(now + length.min(LONGEST_PAUSE)),
            PauseLength::UntilRestart => None,
        };
        self.pause = Some(Pause { mode, until });
    }

    /// Direct connections of the base mode are held back from now on; `outbound` is where they go instead, if anywhere.
    pub(crate) fn hold_back(&mut self, outbound: Option<String>) {
        self.held_back = Some(HeldBack { outbound });
    }

    pub(crate) fn forget_held_back(&mut self) {
        self.held_back = None;
    }

    /// Where connections go instead of direct, if direct ones are held back and no pause is running.
    pub(crate) fn held_back(&self) -> Option<Option<&str>> {
        let held_back = self.held_back.as_ref().filter(|_| self.pause.is_none())?;
        Some(held_back.outbound.as_deref())
    }

    /// Ends the pause.
    pub(crate) fn resume(&mut self) {
        self.pause = None;
    }

    pub(crate) fn current_pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    /// Remaining time of the pause at `now`; `None`: no pause has an end.
    pub(crate) fn left(&self, now: SystemTime) -> Option<Duration> {
        let until = self.pause.as_ref()?.until?;
        Some(until.duration_since(now).unwrap_or_default())
    }

    /// Ends a pause that is over. Returns whether one ended.
    pub(crate) fn expire(&mut self, now: SystemTime) -> bool {
        let over = self.left(now).is_some_and(|left| left.is_zero());
        if over {
            self.pause = None;
        }
        over
    }

    pub(crate) fn state(&self) -> ModeState {
        match &self.pause {
            Some(pause) => ModeState {
                name: pause.mode.clone(),
                until_ms: pause.until.map(unix_ms),
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

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: PauseLength = PauseLength::For(Duration::from_secs(60));

    #[test]
    fn a_pause_ends_in_the_selected_mode() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut modes = ModeSelection::new("standard".into());
        modes.pause("off".into(), MINUTE, now);
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
        modes.pause("off".into(), MINUTE, now);
        let ten = PauseLength::For(Duration::from_secs(10));
        modes.pause("standard".into(), ten, now);
        assert_eq!(modes.current(now), "standard");
        assert_eq!(modes.current(now + Duration::from_secs(11)), "strict");
    }

    #[test]
    fn selecting_a_mode_ends_the_pause() {
        let now = SystemTime::UNIX_EPOCH;
        let mut modes = ModeSelection::new("strict".into());
        modes.pause("off".into(), MINUTE, now);
        modes.select("standard".into());
        assert_eq!(modes.current(now), "standard");
        assert_eq!(modes.state().until_ms, None);
    }

    #[test]
    fn a_pause_until_restart_has_no_end_before() {
        let now = SystemTime::UNIX_EPOCH;
        let mut modes = ModeSelection::new("strict".into());
        modes.pause("off".into(), PauseLength::UntilRestart, now);
        assert!(!modes.expire(now + Duration::from_secs(1 << 30)));
        let state = modes.state();
        assert_eq!(
            (state.until_ms, state.then.as_deref()),
            (None, Some("strict"))
        );
    }
}
