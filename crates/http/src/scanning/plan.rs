//! Decides from the message heads whether and how a body is scanned.

use privet_cache::Entry;
use privet_scan::decode::{self, Coding, Decoder, UnknownCoding};
use privet_scan::{Direction, RequestScanner};

use super::body_scan::BodyScan;
use super::range::{Described, RequestedRange, SelectedRange};
use super::report::{ScanOutcome, ScanReport};
use super::stream::{Framing, StreamScan};
use super::{Active, Refused, ScanClient, Scans};
use crate::head::field::Field;
use crate::head::{BodyLength, Method, RequestHead, ResponseHead};

const UNKNOWN_CODING: &str = "the body has a content coding that cannot be removed";

impl Scans {
    /// Turns scanning on for this request. `bytes`: the buffer that the head points into.
    pub fn begin(
        &mut self,
        scanning: &RequestScanner,
        asker: ScanClient,
        head: &RequestHead,
        bytes: &[u8],
        url: &str,
    ) {
        if self.0.is_some() {
            return;
        }
        let method = head.method_span.of_buffer(bytes);
        let value = |name| named(&head.fields, bytes, name).next();
        let part = value(b"range").filter(|_| head.method == Method::Get);
        // gRPC needs HTTP/2 and trailers (its "PROTOCOL-HTTP2"): the media type alone does not make a stream.
        let may_be_grpc = asker.speaks_http2 && head.takes_trailers;
        self.0 = Some(Box::new(Active {
            scanning: scanning.clone(),
            method: String::from_utf8_lossy(method).into_owned(),
            url: url.to_owned(),
            client: asker.ip.to_canonical(),
            wants_events: has_token(&head.fields, bytes, b"accept", b"text/event-stream"),
            speaks_grpc: may_be_grpc && is_grpc(&media_type(&head.fields, bytes)),
            part: part.and_then(|range| RequestedRange::new(range, value(b"if-range"))),
            up: None,
            down: None,
            report: None,
        }));
    }

    /// Plans the scan of the request's body. Called for each attempt, since the body is read from its start again.
    ///
    /// # Errors
    /// The body must not be forwarded.
    pub fn plan_upload(&mut self, head: &RequestHead, bytes: &[u8]) -> Result<(), Refused> {
        let Some(active) = &mut self.0 else {
            return Ok(());
        };
        let kind = media_type(&head.fields, bytes);
        let body = PlannedBody {
            direction: Direction::Upload,
            status: 0,
            stream: active.speaks_grpc.then(|| grpc_coding(&head.fields, bytes)),
            media_type: kind,
            codings: codings(&head.fields, bytes),
            length: head.body,
        };
        active.up = active.plan(body)?;
        Ok(())
    }

    /// Plans the scan of the response's body, which has this length.
    ///
    /// # Errors
    /// The body must not be forwarded.
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
        let stream = match () {
            () if active.wants_events && is_events(&kind) => Some(Claim::Events),
            () if active.speaks_grpc && is_grpc(&kind) => Some(grpc_coding(&head.fields, bytes)),
            () => None,
        };
        let part = active.part.as_ref();
        let part = part.filter(|_| head.status == 200 && stream.is_none());
        let part = part.and_then(|part| match length {
            BodyLength::Known(length) => part.of(length, described(&head.fields, bytes)),
            _ => None,
        });
        let body = PlannedBody {
            direction: Direction::Download,
            status: head.status,
            stream,
            media_type: kind,
            codings: codings(&head.fields, bytes),
            length,
        };
        active.down = active.plan(body)?;
        if let (Some(scan), Some(part)) = (&mut active.down, part) {
            scan.cut_to(part);
        }
        Ok(())
    }

    /// Plans the scan of a stored response that has to be scanned again. `part`: the range that the client gets.
    pub fn plan_stored(&mut self, entry: &Entry, part: Option<SelectedRange>) {
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
        let coding = head.get("content-encoding").unwrap_or_default();
        let mut codings = Vec::new();
        let is_decodable = decode::add_codings(&mut codings, coding).is_ok();
        let is_stream = active.wants_events && is_events(&kind) && !entry.is_complete();
        let message = active.message(Direction::Download, head.status, kind);
        if let (true, Ok(stream)) = (is_stream, active.stream(Claim::Events, &codings)) {
            let scan = BodyScan::of_stream(active.scanning.clone(), message, stream);
            active.down = Some(Box::new(scan));
            return;
        }
        let mut scan = BodyScan::new(active.scanning.clone(), message, codings, length);
        scan.notes_at(entry.clone());
        if let Some(part) = part {
            scan.cut_to(part);
        }
        if length.is_some_and(|length| length > active.scanning.max_body) {
            scan.is_oversize();
        } else if !is_decodable {
            scan.fail(UNKNOWN_CODING);
        }
        active.down = Some(Box::new(scan));
    }

    /// The generation of the scanners.
    pub fn generation(&self) -> Option<u64> {
        self.0.as_ref().map(|active| active.scanning.generation())
    }
}

/// The kind of stream that the heads announce.
#[derive(Debug, Clone, Copy)]
enum Claim {
    Events,
    /// The coding of compressed messages; `None`: it cannot be removed.
    Grpc(Option<Coding>),
}

/// The properties of a body, from the heads.
struct PlannedBody {
    direction: Direction,
    /// The status of the response; 0 for a request.
    status: u16,
    media_type: String,
    /// Set for a stream that is scanned while it is forwarded.
    stream: Option<Claim>,
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
        if length.is_some_and(|length| length > self.scanning.max_body) {
            if self.scanning.block_oversize {
                self.add(ScanReport::of(ScanOutcome::Oversize));
                return Err(Refused);
            }
            self.scanning.passed_oversize();
            self.add(ScanReport::of(ScanOutcome::OversizePassed));
            return Ok(None);
        }
        let Some(codings) = body.codings else {
            self.fail(UNKNOWN_CODING)?;
            return Ok(None);
        };
        let message = self.message(body.direction, body.status, body.media_type);
        let scanning = self.scanning.clone();
        let stream = match body.stream {
            Some(claim) => match self.stream(claim, &codings) {
                Ok(stream) => Some(stream),
                Err(UnknownCoding) => {
                    self.fail(UNKNOWN_CODING)?;
                    return Ok(None);
                }
            },
            None => None,
        };
        Ok(Some(Box::new(match stream {
            Some(stream) => BodyScan::of_stream(scanning, message, stream),
            None => BodyScan::new(scanning, message, codings, length),
        })))
    }

    fn stream(&self, claim: Claim, codings: &[Coding]) -> Result<StreamScan, UnknownCoding> {
        let framing = match claim {
            Claim::Events => {
                let decoders = codings.iter().rev().map(|&coding| Decoder::new(coding, 0));
                let decoders = decoders.collect::<Result<_, _>>();
                Framing::Events {
                    decoders: decoders.map_err(|_| UnknownCoding)?,
                    context: Vec::new(),
                }
            }
            Claim::Grpc(coding) if codings.is_empty() => Framing::Grpc {
                coding,
                max_message: self.scanning.max_body,
            },
            Claim::Grpc(_) => return Err(UnknownCoding),
        };
        Ok(StreamScan::new(framing, self.scanning.budget().hold()))
    }

    /// The body cannot be scanned.
    fn fail(&mut self, why: &'static str) -> Result<(), Refused> {
        let passes = !self.scanning.block_on_error;
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

fn is_events(media_type: &str) -> bool {
    starts_with(media_type, "text/event-stream")
}

/// Not gRPC-Web, which is framed in another way.
fn is_grpc(media_type: &str) -> bool {
    let media_type = media_type.trim_start().to_ascii_lowercase();
    let rest = media_type.strip_prefix("application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';', ' ']))
}

fn grpc_coding(fields: &[Field], bytes: &[u8]) -> Claim {
    let name = named(fields, bytes, b"grpc-encoding").next();
    Claim::Grpc(name.and_then(Coding::of))
}

fn described<'a>(fields: &'a [Field], bytes: &'a [u8]) -> Described<'a> {
    let value = |name| named(fields, bytes, name).next();
    Described {
        etag: value(b"etag"),
        last_modified: value(b"last-modified"),
        date: value(b"date"),
        content_type: value(b"content-type"),
    }
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
