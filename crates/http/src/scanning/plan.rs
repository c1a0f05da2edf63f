//! Decides by the heads whether a body is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use privet_cache::Entry;
use privet_scan::decode::{self, Coding};
use privet_scan::{Direction, Scanner};

use super::body_scan::BodyScan;
use super::report::{ScanReport, ScanWord};
use super::{Active, Refused, Scans};
use crate::head::field::Field;
use crate::head::{BodyLength, RequestHead, ResponseHead};

const UNKNOWN_CODING: &str = "the body has a content coding that cannot be removed";

impl Scans {
    /// The request's bodies are scanned. `bytes`: what the head points into.
    pub fn begin(
        &mut self,
        scanner: &Arc<Scanner>,
        client: IpAddr,
        head: &RequestHead,
        bytes: &[u8],
        url: &str,
    ) {
        if self.0.is_some() {
            return;
        }
        let method = head.method_span.of_buffer(bytes);
        self.0 = Some(Box::new(Active {
            scanner: scanner.clone(),
            method: String::from_utf8_lossy(method).into_owned(),
            url: url.to_owned(),
            client: client.to_canonical(),
            streams: has_token(&head.fields, bytes, b"accept", b"text/event-stream")
                || is_grpc(&media_type(&head.fields, bytes)),
            up: None,
            down: None,
            report: None,
        }));
    }

    /// Plans the scan of the request's body, at each attempt: it is read from its start again.
    ///
    /// # Errors
    /// It may not go on.
    pub fn plan_upload(&mut self, head: &RequestHead, bytes: &[u8]) -> Result<(), Refused> {
        let Some(active) = &mut self.0 else {
            return Ok(());
        };
        let kind = media_type(&head.fields, bytes);
        let body = PlannedBody {
            direction: Direction::Upload,
            status: 0,
            streams: is_grpc(&kind),
            media_type: kind,
            codings: codings(&head.fields, bytes),
            length: head.body,
        };
        active.up = active.plan(body)?;
        Ok(())
    }

    /// Plans the scan of the response's body. `length`: of the body that follows.
    ///
    /// # Errors
    /// It may not go on.
    pub fn plan_download(
        &mut self,
        head: &ResponseHead,
        bytes: &[u8],
        length: BodyLength,
    ) -> Result<(), Refused> {
        let Some(active) = &mut self.0 else {
            return Ok(());
        };
        active.down = None;
        if head.status == 206 && !is_empty(length) {
            return active.fail("a part of a body cannot be judged");
        }
        let kind = media_type(&head.fields, bytes);
        // A server alone cannot choose to be a stream: the client asked for one.
        let is_stream = is_stream(&kind);
        let body = PlannedBody {
            direction: Direction::Download,
            status: head.status,
            streams: active.streams && is_stream,
            media_type: kind,
            codings: codings(&head.fields, bytes),
            length,
        };
        active.down = active.plan(body)?;
        Ok(())
    }

    /// Plans the scan of a stored response, where it has to be judged again.
    pub fn plan_stored(&mut self, entry: &Entry) {
        let Some(active) = &mut self.0 else {
            return;
        };
        let head = entry.head();
        let length = entry.body_len();
        if length == Some(0) {
            return;
        }
        let kind = head.get("content-type").unwrap_or_default();
        let kind = String::from_utf8_lossy(kind).into_owned();
        if active.streams && is_stream(&kind) && !entry.is_complete() {
            return active.add(ScanReport::of(ScanWord::StreamPassed));
        }
        let coding = head.get("content-encoding").unwrap_or_default();
        let mut codings = Vec::new();
        let is_decodable = decode::add_codings(&mut codings, coding).is_ok();
        let message = active.message(Direction::Download, head.status, kind);
        let mut scan = BodyScan::new(active.scanner.clone(), message, codings, length);
        scan.notes_at(entry.clone());
        if length.is_some_and(|length| length > active.scanner.max_body) {
            scan.is_oversize();
        } else if !is_decodable {
            scan.fail(UNKNOWN_CODING);
        }
        active.down = Some(Box::new(scan));
    }

    /// What judges now.
    pub fn generation(&self) -> Option<u64> {
        self.0.as_ref().map(|active| active.scanner.generation())
    }
}

/// What the heads say of a body.
struct PlannedBody {
    direction: Direction,
    /// Of an answer.
    status: u16,
    media_type: String,
    /// It is a stream that passes at once.
    streams: bool,
    /// `None`: one is unknown.
    codings: Option<Vec<Coding>>,
    length: BodyLength,
}

impl Active {
    fn plan(&mut self, body: PlannedBody) -> Result<Option<Box<BodyScan>>, Refused> {
        if is_empty(body.length) {
            return Ok(None);
        }
        let length = match body.length {
            BodyLength::Known(length) => Some(length),
            _ => None,
        };
        if body.streams {
            self.add(ScanReport::of(ScanWord::StreamPassed));
            return Ok(None);
        }
        if length.is_some_and(|length| length > self.scanner.max_body) {
            if self.scanner.block_oversize {
                self.add(ScanReport::of(ScanWord::Oversize));
                return Err(Refused);
            }
            self.scanner.passed_oversize();
            self.add(ScanReport::of(ScanWord::OversizePassed));
            return Ok(None);
        }
        let Some(codings) = body.codings else {
            self.fail(UNKNOWN_CODING)?;
            return Ok(None);
        };
        let message = self.message(body.direction, body.status, body.media_type);
        let scan = BodyScan::new(self.scanner.clone(), message, codings, length);
        Ok(Some(Box::new(scan)))
    }

    /// The body cannot be judged.
    fn fail(&mut self, why: &'static str) -> Result<(), Refused> {
        let passes = !self.scanner.block_on_error;
        self.add(ScanReport::error(passes, why));
        if passes { Ok(()) } else { Err(Refused) }
    }
}

fn is_empty(length: BodyLength) -> bool {
    matches!(length, BodyLength::None | BodyLength::Known(0))
}

fn named<'a>(
    fields: &'a [Field],
    bytes: &'a [u8],
    name: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    let fields = fields
        .iter()
        .filter(move |field| field.name.of_buffer(bytes).eq_ignore_ascii_case(name));
    fields.map(|field| field.value.of_buffer(bytes))
}

fn media_type(fields: &[Field], bytes: &[u8]) -> String {
    let value = named(fields, bytes, b"content-type")
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(value.get(..256).unwrap_or(value)).into_owned()
}

fn is_stream(media_type: &str) -> bool {
    starts_with(media_type, "text/event-stream") || is_grpc(media_type)
}

fn is_grpc(media_type: &str) -> bool {
    starts_with(media_type, "application/grpc")
}

fn starts_with(media_type: &str, known: &str) -> bool {
    media_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with(known)
}

fn has_token(fields: &[Field], bytes: &[u8], name: &'static [u8], token: &[u8]) -> bool {
    named(fields, bytes, name).any(|value| {
        value.split(|&byte| byte == b',').any(|part| {
            let part = part.split(|&byte| byte == b';').next().unwrap_or_default();
            part.trim_ascii().eq_ignore_ascii_case(token)
        })
    })
}

/// `None`: one is unknown.
fn codings(fields: &[Field], bytes: &[u8]) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for value in named(fields, bytes, b"content-encoding") {
        decode::add_codings(&mut codings, value).ok()?;
    }
    Some(codings)
}
