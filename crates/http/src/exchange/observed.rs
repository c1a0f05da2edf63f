//! What is recorded of one request.

use std::time::{Duration, Instant};

use privet_net::DialTimings;

use crate::cache::status::CacheUse;
use crate::head::ResponseHead;
use crate::turn;

/// Filled while a request runs, and recorded when it ended.
#[derive(Debug, Default)]
pub struct Observed {
    /// When the request's head was there: before a connection was opened for it. `None`: nobody records requests.
    pub started: Option<Instant>,
    /// Whether [`Observed::answered`] is wanted though nobody records requests.
    measures: bool,
    pub method: Vec<u8>,
    /// When the head of the final response was there, where somebody asks.
    pub answered: Option<Instant>,
    /// `None`: no response began.
    pub status: Option<u16>,
    /// The value of `Content-Type`.
    pub media_type: Vec<u8>,
    /// Field lines that the response gets, each with its CRLF.
    pub lines: Vec<u8>,
    /// What the cache did for it; `None`: it is not used.
    pub cache: Option<CacheUse>,
    /// When it began to wait for what another request gets.
    pub waits_since: Option<Instant>,
    /// How long the origin took for what answers from the store, and when that answer, or waiting for it, began.
    pub origin_took: Option<(Duration, Instant)>,
    /// Bytes, heads included.
    pub up: u64,
    pub down: u64,
    /// Bytes of the heads.
    pub up_head: u64,
    pub down_head: u64,
    /// How long opening a connection for this request took. `None`: it went on one that was open.
    pub dialed: Option<DialTimings>,
}

impl Observed {
    /// Starts a request.
    pub fn start(&mut self) {
        *self = Self {
            method: std::mem::take(&mut self.method),
            media_type: std::mem::take(&mut self.media_type),
            lines: std::mem::take(&mut self.lines),
            ..Self::default()
        };
        self.media_type.clear();
        self.lines.clear();
    }

    /// The cache is passed by: the response from the origin says so.
    pub fn pass(&mut self, used: CacheUse) {
        self.cache = Some(used);
        used.write_line(&mut self.lines);
    }

    /// Notes when the request started, at its first attempt.
    pub fn record(&mut self, method: &[u8]) {
        if self.started.is_none() {
            let dial = self.dialed.map_or(Duration::ZERO, |dialed| dialed.total());
            let now = turn::now().into_std();
            self.started = Some(now.checked_sub(dial).unwrap_or(now));
            self.method.clear();
            self.method.extend_from_slice(method);
        }
    }

    /// Asks for the time of the answer.
    pub fn measure(&mut self) {
        self.measures = true;
    }

    /// The head of the final response is there.
    pub fn answer(&mut self, response: &ResponseHead, bytes: &[u8]) {
        self.status = Some(response.status);
        if self.started.is_some() || self.measures {
            self.answered = Some(turn::now().into_std());
        }
        if self.started.is_none() {
            return;
        }
        let content_type = response.fields.iter().find(|field| {
            let name = field.name.of_buffer(bytes);
            name.eq_ignore_ascii_case(b"content-type")
        });
        self.media_type.clear();
        if let Some(field) = content_type {
            self.set_media_type(field.value.of_buffer(bytes));
        }
    }

    /// A stored response answers.
    pub fn answer_stored(&mut self, status: u16, media_type: Option<&[u8]>) {
        self.status = Some(status);
        if self.started.is_some() {
            self.answered = Some(turn::now().into_std());
            self.set_media_type(media_type.unwrap_or_default());
        }
    }

    fn set_media_type(&mut self, value: &[u8]) {
        self.media_type.clear();
        self.media_type
            .extend_from_slice(value.get(..128).unwrap_or(value));
    }
}
