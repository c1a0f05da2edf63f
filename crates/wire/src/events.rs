//! The engine's events (server-sent events, HTML standard section 9.2) as they come.

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::exchange::WireError;

/// Longest event read, in bytes.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// A stream of events; it has no end of its own.
pub struct Events {
    body: Incoming,
    pending: Pending,
}

/// What has come of the next event.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// So many of them hold no end.
    searched: usize,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// "status", "connections", "logs" or "dropped".
    pub name: String,
    pub data: String,
}

impl Events {
    /// Of an answer whose status was looked at already.
    pub fn of(response: Response<Incoming>) -> Self {
        Self {
            body: response.into_body(),
            pending: Pending::default(),
        }
    }

    /// The next event; `None`: the engine closed the stream. What is not asked for waits with the engine, which drops the
    /// oldest.
    ///
    /// # Errors
    /// [`WireError::Broken`]: the connection broke, or an event has no end.
    pub async fn next(&mut self) -> Result<Option<Event>, WireError> {
        loop {
            if let Some(event) = self.pending.take_event() {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.pending.bytes.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(WireError::Broken(error.to_string())),
                None => return Ok(None),
            }
            if self.pending.bytes.len() > MAX_EVENT {
                return Err(WireError::Broken("an event without an end".to_owned()));
            }
        }
    }
}

impl Pending {
    /// Takes one whole event off the front; comments and empty events are passed over.
    fn take_event(&mut self) -> Option<Event> {
        loop {
            let rest = self.bytes.get(self.searched..)?;
            let Some(end) = rest.windows(2).position(|two| two == b"\n\n") else {
                // The next piece may begin with the second half.
                self.searched = self.bytes.len().saturating_sub(1);
                return None;
            };
            let block: Vec<u8> = self.bytes.drain(..self.searched + end + 2).collect();
            self.searched = 0;
            let event = read(&String::from_utf8_lossy(&block));
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }
}

fn read(block: &str) -> Event {
    let mut event = Event {
        name: String::new(),
        data: String::new(),
    };
    for line in block.lines() {
        if let Some(name) = line.strip_prefix("event:") {
            event.name = name.trim().to_owned();
        } else if let Some(data) = line.strip_prefix("data:") {
            if !event.data.is_empty() {
                event.data.push('\n');
            }
            event.data.push_str(data.strip_prefix(' ').unwrap_or(data));
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of the text in pieces of that many bytes.
    fn in_pieces(text: &str, size: usize) -> Vec<(String, String)> {
        let (mut pending, mut events) = (Pending::default(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            pending.bytes.extend_from_slice(piece);
            while let Some(event) = pending.take_event() {
                events.push((event.name, event.data));
            }
        }
        events
    }

    #[test]
    fn however_the_bytes_come_the_events_are_the_same_and_letters_stay_whole() {
        let text = ": alive\n\nevent: status\ndata: {\"a\":\"für وسيط\"}\n\nevent: logs\ndata: x\ndata: y\n\nevent: cut";
        let want = [("status", "{\"a\":\"für وسيط\"}"), ("logs", "x\ny")];
        for size in 1..=text.len() {
            let got = in_pieces(text, size);
            let got: Vec<(&str, &str)> =
                got.iter().map(|(name, data)| (&**name, &**data)).collect();
            assert_eq!(got, want, "in pieces of {size}");
        }
    }
}
