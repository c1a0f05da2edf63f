//! What of a stored response answers a request: the whole, a part, or that the client's copy is still the same
//! (RFC 9111, 4.3.2; RFC 9110, 13 and 14).

use super::date;
use super::etag::{EntityTag, list_matches};
use super::fields::{first, for_each_named, single, write_line, write_number};
use super::multipart::Multipart;
use super::range::{self, ByteRange, ContentRange, RangeSelection};
use super::request::Request;
use super::stored::StoredHead;
use super::time::Timestamp;

/// The shape of an answer from a stored response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// All of it, with its own status.
    Whole,
    /// 304: the client has the same. No body.
    NotModified,
    /// 206. More than one part makes a `multipart/byteranges`.
    Partial(Vec<ByteRange>),
    /// 416: nothing of what is asked for exists. No body.
    RangeNotSatisfiable,
}

/// The answer to a request for which the stored response may be used. `complete` is the length of the whole
/// representation; while it is not known, ranges are ignored.
pub fn answer(request: &Request<'_>, stored: &StoredHead, complete: Option<u64>) -> Answer {
    // RFC 9110, 13.2.1: conditions apply where the answer would be 2xx.
    if request.is_conditional() && (200..300).contains(&stored.status) && is_same(request, stored) {
        return Answer::NotModified;
    }
    let Some(complete) = complete else {
        return Answer::Whole;
    };
    if !request.asks_for_range() || !matches!(stored.status, 200 | 206) {
        return Answer::Whole;
    }
    if !if_range_allows(request, stored) {
        return Answer::Whole;
    }
    let specs = single(request.fields, "range").and_then(range::parse);
    match specs.map(|specs| range::select(&specs, complete)) {
        Some(RangeSelection::Parts(parts)) => Answer::Partial(parts),
        Some(RangeSelection::Unsatisfiable) => Answer::RangeNotSatisfiable,
        Some(RangeSelection::Whole) | None => Answer::Whole,
    }
}

/// Whether the client's conditions name the stored response. `If-None-Match` takes precedence.
pub fn is_same(request: &Request<'_>, stored: &StoredHead) -> bool {
    if request.present.if_none_match {
        let (tag, mut same) = (stored.etag(), false);
        for_each_named(request.fields, "if-none-match", |line| {
            same |= list_matches(line, tag);
        });
        return same;
    }
    let since = single(request.fields, "if-modified-since")
        .and_then(|value| date::parse(value, stored.received));
    since.is_some_and(|since| modified(stored) <= since)
}

/// `Last-Modified`, else `Date`.
fn modified(stored: &StoredHead) -> Timestamp {
    stored.last_modified().unwrap_or_else(|| stored.date())
}

/// The answer of one stored part to a request for it.
pub fn answer_part(request: &Request<'_>, stored: &StoredHead, part: ByteRange) -> Answer {
    match request.is_conditional() && is_same(request, stored) {
        true => Answer::NotModified,
        false => Answer::Partial(vec![part]),
    }
}

/// Whether the request's `If-Range`, if there is one, lets a part of the stored response answer it.
pub fn if_range_allows(request: &Request<'_>, stored: &StoredHead) -> bool {
    !request.present.if_range || if_range_holds(request, stored)
}

/// RFC 9110, 13.1.5: a strong tag, or a date that is a strong validator.
fn if_range_holds(request: &Request<'_>, stored: &StoredHead) -> bool {
    let Some(value) = first(request.fields, "if-range") else {
        return false;
    };
    if value.starts_with(b"\"") || value.starts_with(b"W/") {
        let (asked, tag) = (EntityTag::parse(value), stored.etag());
        return matches!((asked, tag), (Some(asked), Some(tag)) if asked.strongly_equals(tag));
    }
    let asked = date::parse(value, stored.received);
    asked.is_some() && asked == strong_date(stored)
}

/// `Last-Modified` where it is a strong validator: older than the response (RFC 9110, 8.8.2.2).
pub(super) fn strong_date(stored: &StoredHead) -> Option<Timestamp> {
    stored
        .last_modified()
        .filter(|modified| stored.date().since(*modified) >= 1)
}

/// The status of an answer. Stored parts that are the whole are a 200.
pub fn status(stored: &StoredHead, answer: &Answer) -> u16 {
    match answer {
        Answer::Whole if stored.status == 206 => 200,
        Answer::Whole => stored.status,
        Answer::NotModified => 304,
        Answer::Partial(_) => 206,
        Answer::RangeNotSatisfiable => 416,
    }
}

/// Appends the field lines of an answer but for those of its framing: what is stored, `Age`, and what the shape needs.
/// `multipart` is the body of an answer with more than one part.
pub fn write_lines(
    out: &mut Vec<u8>,
    stored: &StoredHead,
    answer: &Answer,
    complete: Option<u64>,
    age: u32,
    multipart: Option<&Multipart<'_>>,
) {
    write_fields(out, stored, answer, complete, multipart);
    out.extend_from_slice(b"Age: ");
    write_number(out, u64::from(age));
    out.extend_from_slice(b"\r\n");
}

/// As [`write_lines`], without `Age`.
pub fn write_fields(
    out: &mut Vec<u8>,
    stored: &StoredHead,
    answer: &Answer,
    complete: Option<u64>,
    multipart: Option<&Multipart<'_>>,
) {
    match answer {
        Answer::Whole => out.extend_from_slice(&stored.lines),
        Answer::NotModified => {
            let has_etag = stored.get("etag").is_some();
            write_some(out, stored, |name| is_in_304(name, has_etag));
        }
        Answer::Partial(parts) => {
            match multipart {
                Some(multipart) => {
                    write_some(out, stored, |name| !is(name, "content-type"));
                    multipart.write_content_type(out);
                }
                None => out.extend_from_slice(&stored.lines),
            }
            if let [range] = parts.as_slice() {
                out.extend_from_slice(b"Content-Range: ");
                ContentRange {
                    range: *range,
                    complete,
                }
                .write(out);
                out.extend_from_slice(b"\r\n");
            }
        }
        Answer::RangeNotSatisfiable => {
            write_some(out, stored, |name| is(name, "date") || is(name, "etag"));
            out.extend_from_slice(b"Content-Range: bytes */");
            write_number(out, complete.unwrap_or(0));
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_some(out: &mut Vec<u8>, stored: &StoredHead, keep: impl Fn(&[u8]) -> bool) {
    for (name, value) in stored.fields().iter().filter(|(name, _)| keep(name)) {
        write_line(out, name, value);
    }
}

fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

/// Fields of a 304 (RFC 9110, 15.4.5): those that guide caches, and those that say nothing about the representation.
fn is_in_304(name: &[u8], has_etag: bool) -> bool {
    if is(name, "last-modified") {
        return !has_etag;
    }
    is(name, "content-location")
        || !(name.len() >= 8 && name.get(..8).is_some_and(|start| is(start, "content-")))
        || is(name, "content-security-policy")
        || is(name, "content-security-policy-report-only")
}
