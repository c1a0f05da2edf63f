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
    pending: String,
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
            pending: String::new(),
        }
    }

    /// The next event; `None`: the engine closed the stream. What is not asked for waits with the engine, which drops the
    /// oldest.
    ///
    /// # Errors
    /// [`WireError::Broken`]: the connection broke, or an event has no end.
    pub async fn next(&mut self) -> Result<Option<Event>, WireError> {
        loop {
            if let Some(event) = take_event(&mut self.pending) {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.pending.push_str(&String::from_utf8_lossy(data));
                    }
                }
                Some(Err(error)) => return Err(WireError::Broken(error.to_string())),
                None => return Ok(None),
            }
            if self.pending.len() > MAX_EVENT {
                return Err(WireError::Broken("an event without an end".to_owned()));
            }
        }
    }
}

/// Takes one whole event off the front of `pending`; comments and empty events are passed over.
fn take_event(pending: &mut String) -> Option<Event> {
    while let Some(end) = pending.find("\n\n") {
        let block: String = pending.drain(..end + 2).collect();
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
        if !event.data.is_empty() {
            return Some(event);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_at_empty_lines_and_comments_are_passed_over() {
        let mut pending =
            ": alive\n\nevent: status\ndata: {\"a\":1}\n\nevent: logs\ndata: x".to_owned();
        let first = take_event(&mut pending).unwrap();
        assert_eq!(
            (first.name.as_str(), first.data.as_str()),
            ("status", "{\"a\":1}")
        );
        assert_eq!(take_event(&mut pending), None);
        pending.push_str("\ndata: y\n\n");
        assert_eq!(take_event(&mut pending).unwrap().data, "x\ny");
    }
}
