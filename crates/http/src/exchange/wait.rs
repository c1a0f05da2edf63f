//! What an exchange waits for, and how long. Pure: the caller has the clock.

use std::time::Duration;

use privet_gateway::HttpTimeouts;

/// The bytes of a request's body that have to come within [`HttpTimeouts::request_body`]: single bytes now and then do not
/// keep a connection open.
const MIN_BODY_BYTES: u64 = 1024;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingFor {
    /// The client, with more of the request's body.
    RequestBody,
    /// The origin: to take more of the request, or to respond.
    Origin,
    /// Either side: the response has begun.
    Response,
}

pub struct Wait {
    timeouts: HttpTimeouts,
    waiting_for: WaitingFor,
    /// Bytes that came since the time for the body started.
    body_bytes: u64,
}

impl Wait {
    /// The head goes to the origin first.
    pub fn new(timeouts: HttpTimeouts) -> Self {
        Self {
            timeouts,
            waiting_for: WaitingFor::Origin,
            body_bytes: 0,
        }
    }

    pub fn waiting_for(&self) -> WaitingFor {
        self.waiting_for
    }

    /// How long the current wait may take from its start.
    pub fn limit(&self) -> Duration {
        let limit = match self.waiting_for {
            WaitingFor::RequestBody => self.timeouts.request_body,
            WaitingFor::Origin => self.timeouts.response_header,
            WaitingFor::Response => self.timeouts.idle,
        };
        limit.min(self.timeouts.idle)
    }

    /// Bytes moved, `up` of them from the client. `true`: a new wait starts.
    pub fn moved(&mut self, up: u64, waiting_for: WaitingFor) -> bool {
        let goes_on =
            self.waiting_for == WaitingFor::RequestBody && waiting_for == self.waiting_for;
        self.body_bytes = if goes_on { self.body_bytes + up } else { 0 };
        self.waiting_for = waiting_for;
        if goes_on && self.body_bytes < MIN_BODY_BYTES {
            return false;
        }
        self.body_bytes = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: HttpTimeouts = HttpTimeouts {
        request_header: Duration::from_secs(1),
        request_body: Duration::from_secs(2),
        response_header: Duration::from_secs(3),
        idle: Duration::from_secs(4),
    };

    #[test]
    fn each_wait_has_its_own_limit_and_none_is_longer_than_the_idle_timeout() {
        for (waiting_for, seconds) in [
            (WaitingFor::RequestBody, 2),
            (WaitingFor::Origin, 3),
            (WaitingFor::Response, 4),
        ] {
            let limit = |timeouts| {
                let mut wait = Wait::new(timeouts);
                wait.moved(1, waiting_for);
                wait.limit()
            };
            assert_eq!(limit(TIMEOUTS), Duration::from_secs(seconds));
            let idle = Duration::from_millis(500);
            assert_eq!(limit(HttpTimeouts { idle, ..TIMEOUTS }), idle);
        }
    }

    #[test]
    fn single_bytes_of_a_body_do_not_start_its_time_anew() {
        let mut wait = Wait::new(TIMEOUTS);
        assert!(wait.moved(1, WaitingFor::RequestBody));
        let starts = (0..MIN_BODY_BYTES * 3).filter(|_| wait.moved(1, WaitingFor::RequestBody));
        assert_eq!(starts.count(), 3);
        assert!(wait.moved(MIN_BODY_BYTES, WaitingFor::RequestBody));
    }

    #[test]
    fn a_new_wait_starts_whenever_the_other_side_has_its_turn() {
        let mut wait = Wait::new(TIMEOUTS);
        assert!(wait.moved(1, WaitingFor::Origin));
        assert!(wait.moved(1, WaitingFor::Origin));
        assert!(wait.moved(1, WaitingFor::RequestBody));
        assert!(!wait.moved(1, WaitingFor::RequestBody));
        assert!(wait.moved(0, WaitingFor::Response));
    }
}
