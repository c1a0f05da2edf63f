//! Bounds the frames that cost the sender nothing. Counts them in the bytes below the h2 crate, which answers PING and
//! SETTINGS by itself. Pure: the caller has the clock.

use std::time::{Duration, Instant};

/// The connection preface (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's header.
const HEADER: usize = 9;

/// What a peer sent too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flood {
    #[error("too many PING frames")]
    Ping,
    #[error("too many SETTINGS frames")]
    Settings,
    #[error("too many stream resets")]
    Reset,
    #[error("too many empty DATA frames")]
    EmptyData,
    #[error("too many CONTINUATION frames")]
    Continuation,
    #[error("too many PRIORITY or unknown frames")]
    Other,
    #[error("too many WINDOW_UPDATE frames")]
    WindowUpdate,
    #[error("too many HEADERS frames")]
    Headers,
}

/// A budget: it holds at most `most` and gains `gain` a second.
#[derive(Debug, Clone)]
struct Budget {
    left: u32,
    most: u32,
    gain: u32,
}

impl Budget {
    const fn new(most: u32, gain: u32) -> Self {
        Self {
            left: most,
            most,
            gain,
        }
    }

    fn take(&mut self, flood: Flood) -> Result<(), Flood> {
        self.left = self.left.checked_sub(1).ok_or(flood)?;
        Ok(())
    }

    fn refill(&mut self, seconds: u32) {
        let gained = self.gain.saturating_mul(seconds);
        self.left = self.left.saturating_add(gained).min(self.most);
    }
}

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum Position {
    Preface { left: usize },
    Header { filled: usize },
    Payload { left: usize },
}

/// Counts the frames of one connection.
#[derive(Debug)]
pub struct FloodGuard {
    position: Position,
    header: [u8; HEADER],
    refilled: Instant,
    /// Frames since they were asked for last.
    frames: u32,
    /// CONTINUATION frames since the last HEADERS frame.
    continuations: u32,
    ping: Budget,
    settings: Budget,
    reset: Budget,
    empty_data: Budget,
    other: Budget,
    window_update: Budget,
    headers: Budget,
}

/// CONTINUATION frames of one header block: 64 KiB of fields need four of the usual size.
const MAX_CONTINUATIONS: u32 = 16;

impl FloodGuard {
    /// Of a client, whose streams are bounded elsewhere.
    pub fn new(now: Instant) -> Self {
        Self {
            position: Position::Preface {
                left: PREFACE.len(),
            },
            header: [0; HEADER],
            refilled: now,
            frames: 0,
            continuations: 0,
            // A client that measures its bandwidth pings once a round trip.
            ping: Budget::new(1_000, 200),
            settings: Budget::new(100, 10),
            reset: Budget::new(1_000, 200),
            empty_data: Budget::new(1_000, 200),
            other: Budget::new(2_000, 500),
            window_update: Budget::new(100_000, 50_000),
            headers: Budget::new(u32::MAX, u32::MAX),
        }
    }

    /// Of a server: each of its streams was asked for. A busy one ends many of them early, and answers to many at once.
    pub fn of_server(now: Instant) -> Self {
        Self {
            position: Position::Header { filled: 0 },
            reset: Budget::new(10_000, 5_000),
            headers: Budget::new(100_000, 50_000),
            ..Self::new(now)
        }
    }

    /// Looks at bytes that were received.
    ///
    /// # Errors
    /// What there is too much of: the connection is to be closed.
    pub fn feed(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Flood> {
        self.refill(now);
        while !bytes.is_empty() {
            let used = match self.position {
                Position::Preface { left } => {
                    let used = left.min(bytes.len());
                    self.position = match left - used {
                        0 => Position::Header { filled: 0 },
                        left => Position::Preface { left },
                    };
                    used
                }
                Position::Payload { left } => {
                    let used = left.min(bytes.len());
                    self.position = match left - used {
                        0 => Position::Header { filled: 0 },
                        left => Position::Payload { left },
                    };
                    used
                }
                Position::Header { filled } => self.take_header(filled, bytes)?,
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Frames that began since this was asked last.
    pub fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled);
        if passed < Duration::from_secs(1) {
            return;
        }
        self.refilled = now;
        let seconds = u32::try_from(passed.as_secs()).unwrap_or(u32::MAX);
        for budget in [
            &mut self.ping,
            &mut self.settings,
            &mut self.reset,
            &mut self.empty_data,
            &mut self.other,
            &mut self.window_update,
            &mut self.headers,
        ] {
            budget.refill(seconds);
        }
    }

    fn take_header(&mut self, filled: usize, bytes: &[u8]) -> Result<usize, Flood> {
        let used = (HEADER - filled).min(bytes.len());
        if let (Some(to), Some(from)) = (
            self.header.get_mut(filled..filled + used),
            bytes.get(..used),
        ) {
            to.copy_from_slice(from);
        }
        if filled + used < HEADER {
            self.position = Position::Header {
                filled: filled + used,
            };
            return Ok(used);
        }
        let [a, b, c, kind, flags, ..] = self.header;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.count(kind, flags, length)?;
        self.position = match length {
            0 => Position::Header { filled: 0 },
            length => Position::Payload {
                left: length as usize,
            },
        };
        Ok(used)
    }

    /// Frame types of RFC 9113 §6.
    fn count(&mut self, kind: u8, flags: u8, length: u32) -> Result<(), Flood> {
        const END_STREAM: u8 = 1;
        self.frames += 1;
        match kind {
            0 if length == 0 && flags & END_STREAM == 0 => self.empty_data.take(Flood::EmptyData),
            0 => Ok(()),
            1 => {
                self.continuations = 0;
                self.headers.take(Flood::Headers)
            }
            3 => self.reset.take(Flood::Reset),
            4 => self.settings.take(Flood::Settings),
            6 => self.ping.take(Flood::Ping),
            8 => self.window_update.take(Flood::WindowUpdate),
            9 => {
                self.continuations += 1;
                if self.continuations > MAX_CONTINUATIONS {
                    return Err(Flood::Continuation);
                }
                Ok(())
            }
            _ => self.other.take(Flood::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, 1]);
        bytes.extend(payload);
        bytes
    }

    /// How many of the same frame pass within one second, in pieces of `piece` bytes.
    fn passing(one: &[u8], piece: usize) -> (usize, Option<Flood>) {
        let now = Instant::now();
        let mut guard = FloodGuard::new(now);
        guard.feed(PREFACE, now).unwrap();
        for count in 0..200_000 {
            for part in one.chunks(piece) {
                if let Err(flood) = guard.feed(part, now) {
                    return (count, Some(flood));
                }
            }
        }
        (200_000, None)
    }

    #[test]
    fn frames_that_cost_nothing_are_bounded_and_data_is_not() {
        for (kind, payload, expected) in [
            (6, &[0; 8][..], (1_000, Some(Flood::Ping))),
            (4, &[], (100, Some(Flood::Settings))),
            (3, &[0; 4], (1_000, Some(Flood::Reset))),
            (0, &[], (1_000, Some(Flood::EmptyData))),
            (2, &[0; 5], (2_000, Some(Flood::Other))),
            (0xfa, &[1], (2_000, Some(Flood::Other))),
            (9, &[1], (16, Some(Flood::Continuation))),
            (8, &[0; 4], (100_000, Some(Flood::WindowUpdate))),
            (0, &[1; 100], (200_000, None)),
            (1, &[1; 10], (200_000, None)),
        ] {
            for piece in [1, 9, 1000] {
                if piece == 1 && payload.len() > 50 {
                    continue;
                }
                let one = frame(kind, 0, payload);
                assert_eq!(passing(&one, piece), expected, "{kind} {piece}");
            }
        }
    }

    #[test]
    fn a_server_sends_no_preface_and_a_bounded_number_of_heads() {
        let now = Instant::now();
        let mut guard = FloodGuard::of_server(now);
        let interim = frame(1, 4, b"\x08\x03103");
        let passed = (0..200_000).take_while(|_| guard.feed(&interim, now).is_ok());
        assert_eq!(passed.count(), 100_000);
    }

    #[test]
    fn a_budget_comes_back_with_time() {
        let start = Instant::now();
        let mut guard = FloodGuard::new(start);
        guard.feed(PREFACE, start).unwrap();
        let ping = frame(6, 0, &[0; 8]);
        for second in 0..20 {
            let now = start + Duration::from_secs(second);
            for _ in 0..200 {
                guard.feed(&ping, now).unwrap();
            }
        }
    }
}
