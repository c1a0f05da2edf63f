//! Decides by the heads whether a body is looked at.

use std::sync::Arc;

use privet_scan::decode::{self, Coding};
use privet_scan::{Direction, Scanner};

use super::body_scan::BodyScan;
use super::report::{ScanReport, ScanWord};
use super::{Refused, ScannedRequest, Scans};
use crate::head::field::Field;
use crate::head::{BodyLength, RequestHead, ResponseHead};

impl Scans {
    /// The request's bodies are scanned. `bytes`: what the head points into.
    pub fn begin(&mut self, scanner: &Arc<Scanner>, head: &RequestHead, bytes: &[u8], url: &str) {
        if self.request.is_some() || head.upgrades {
            return;
        }
        let method = head.method_span.of_buffer(bytes);
        self.request = Some(Box::new(ScannedRequest {
            scanner: scanner.clone(),
            method: String::from_utf8_lossy(method).into_owned(),
            url: url.to_owned(),
            streams: has_token(&head.fields, bytes, b"accept", b"text/event-stream")
                || is_grpc(&media_type(&head.fields, bytes)),
        }));
    }

    /// Plans the scan of the request's body.
    ///
    /// # Errors
    /// It may not go on.
    pub fn plan_upload(&mut self, head: &RequestHead, bytes: &[u8]) -> Result<(), Refused> {
        if self.up.is_none() && self.request.is_some() {
            let kind = media_type(&head.fields, bytes);
            let streams = is_grpc(&kind);
            let codings = codings(&head.fields, bytes);
            self.up = self.plan(Direction::Upload, 0, kind, streams, codings, head.body)?;
        }
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
        self.down = None;
        let Some(request) = &self.request else {
            return Ok(());
        };
        let kind = media_type(&head.fields, bytes);
        // A server alone cannot choose to be a stream: the client asked for one.
        let is_stream = kind
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("text/event-stream");
        let streams = request.streams && (is_stream || is_grpc(&kind));
        let codings = codings(&head.fields, bytes);
        if head.status == 206 && !matches!(length, BodyLength::None | BodyLength::Known(0)) {
            return self.fail("a part of a body cannot be judged");
        }
        self.down = self.plan(
            Direction::Download,
            head.status,
            kind,
            streams,
            codings,
            length,
        )?;
        Ok(())
    }

    fn plan(
        &mut self,
        direction: Direction,
        status: u16,
        media_type: String,
        streams: bool,
        codings: Option<Vec<Coding>>,
        length: BodyLength,
    ) -> Result<Option<Box<BodyScan>>, Refused> {
        let Some(scanner) = self.request.as_ref().map(|request| request.scanner.clone()) else {
            return Ok(None);
        };
        let length = match length {
            BodyLength::None | BodyLength::Known(0) => return Ok(None),
            BodyLength::Known(length) => Some(length),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        if streams {
            self.add(ScanReport::of(ScanWord::StreamPassed));
            return Ok(None);
        }
        if length.is_some_and(|length| length > scanner.max_body) {
            if scanner.block_oversize {
                self.add(ScanReport::of(ScanWord::Oversize));
                return Err(Refused);
            }
            scanner.passed_oversize();
            self.add(ScanReport::of(ScanWord::OversizePassed));
            return Ok(None);
        }
        let Some(codings) = codings else {
            self.fail("the body has a content coding that cannot be removed")?;
            return Ok(None);
        };
        let message = self.message(direction, status, media_type);
        Ok(message.map(|message| Box::new(BodyScan::new(scanner, message, codings, length))))
    }

    /// The body cannot be judged.
    fn fail(&mut self, why: &'static str) -> Result<(), Refused> {
        let request = self.request.as_ref();
        let passes = request.is_some_and(|request| !request.scanner.block_on_error);
        self.add(ScanReport::error(passes, why));
        if passes { Ok(()) } else { Err(Refused) }
    }

    /// Plans the scan of a stored response. `None`: it need not be judged again.
    pub fn plan_stored(
        &self,
        media_type: &str,
        coding: &[u8],
        length: Option<u64>,
    ) -> Option<BodyScan> {
        let request = self.request.as_ref()?;
        let mut codings = Vec::new();
        // What cannot be decoded was refused, or passed, when it was stored.
        decode::add_codings(&mut codings, coding).ok()?;
        if length == Some(0) {
            return None;
        }
        let message = self.message(Direction::Download, 200, media_type.to_owned())?;
        Some(BodyScan::new(
            request.scanner.clone(),
            message,
            codings,
            length,
        ))
    }

    /// What judges now.
    pub fn generation(&self) -> Option<u64> {
        self.request
            .as_ref()
            .map(|request| request.scanner.generation())
    }
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

fn is_grpc(media_type: &str) -> bool {
    media_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("application/grpc")
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
