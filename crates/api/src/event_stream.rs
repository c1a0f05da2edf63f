//! Reads server-sent events (HTML standard, section 9.2) from a response as they arrive.
//!
//! Our own parser: `eventsource-stream` and `sse-stream` do the same on a `Stream`; the body here is a hyper body that is
//! read only when the next event is asked for, and an event's size is bounded.

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::transport::TransportError;

/// Longest event read, in bytes.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// The events of one response. The engine keeps the stream open until it stops.
pub struct EventStream {
    body: Incoming,
    buffer: EventBuffer,
}

/// The received bytes that are not yet a whole event.
#[derive(Debug, Default)]
struct EventBuffer {
    bytes: Vec<u8>,
    /// This many bytes from the start are known to hold no end of an event.
    searched: usize,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// "status", "connections", "logs" or "dropped".
    pub name: String,
    pub data: String,
}

impl EventStream {
    /// Reads events from `response`, whose status the caller has checked.
    pub fn new(response: Response<Incoming>) -> Self {
        Self {
            body: response.into_body(),
            buffer: EventBuffer::default(),
        }
    }

    /// The next event, or `None` when the engine closed the stream. The engine sends the newest state when this side reads,
    /// and drops the oldest log lines.
    ///
    /// # Errors
    /// [`TransportError::Broken`]: the connection broke, or an event is longer than 64 MiB.
    pub async fn next(&mut self) -> Result<Option<Event>, TransportError> {
        loop {
            if let Some(event) = self.buffer.take_event() {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.bytes.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(TransportError::Broken(error.to_string())),
                None => return Ok(None),
            }
            if self.buffer.bytes.len() > MAX_EVENT {
                return Err(TransportError::Broken(
                    "an event is longer than 64 MiB".to_owned(),
                ));
            }
        }
    }
}

impl EventBuffer {
    /// Removes one whole event from the front. Comments and empty events are skipped.
    fn take_event(&mut self) -> Option<Event> {
        loop {
            let rest = self.bytes.get(self.searched..)?;
            let Some(end) = rest.windows(2).position(|two| two == b"\n\n") else {
                // The next chunk may begin with the second newline.
                self.searched = self.bytes.len().saturating_sub(1);
                return None;
            };
            let block: Vec<u8> = self.bytes.drain(..self.searched + end + 2).collect();
            self.searched = 0;
            let event = parse(&String::from_utf8_lossy(&block));
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }
}

fn parse(block: &str) -> Event {
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

    /// Parses `text` received in chunks of `size` bytes.
    fn parse_in_chunks(text: &str, size: usize) -> Vec<(String, String)> {
        let (mut buffer, mut events) = (EventBuffer::default(), Vec::new());
        for chunk in text.as_bytes().chunks(size) {
            buffer.bytes.extend_from_slice(chunk);
            while let Some(event) = buffer.take_event() {
                events.push((event.name, event.data));
            }
        }
        events
    }

    #[test]
    fn events_are_the_same_for_every_chunk_size_and_utf8_stays_whole() {
        let text = ": alive\n\nevent: status\ndata: {\"a\":\"für وسيط\"}\n\nevent: logs\ndata: x\ndata: y\n\nevent: cut";
        let want = [("status", "{\"a\":\"für وسيط\"}"), ("logs", "x\ny")];
        for size in 1..=text.len() {
            let got = parse_in_chunks(text, size);
            let got: Vec<(&str, &str)> =
                got.iter().map(|(name, data)| (&**name, &**data)).collect();
            assert_eq!(got, want, "in chunks of {size}");
        }
    }
}
