//! Asking the origin whether stored responses are still right, and merging its answer (RFC 9111, 4.3 and 3.2).

use super::answer::strong_date;
use super::directives::ResponseDirectives;
use super::etag::EntityTag;
use super::fields::{FieldLines, Fields, first, write_line};
use super::lifetime::{Lifetime, generated};
use super::policy::Policy;
use super::request::Request;
use super::stored::{StoredHead, lines_to_store};
use super::storing::Response;
use super::time::Timestamp;
use super::verdict::CacheReason;
use super::{targeted, vary};

/// More variants are not named in one conditional request.
pub const MAX_VARIANTS: usize = 16;

/// Appends the conditions of a request that validates stored responses: the tags of all of them, and `If-Modified-Since`
/// where there is one. False where none has a validator: then the request is not conditional. The client's own conditions
/// and `Range` are not sent with them.
pub fn write_conditions(out: &mut Vec<u8>, stored: &[&StoredHead]) -> bool {
    let mut tags: Vec<&[u8]> = Vec::new();
    for head in stored.iter().take(MAX_VARIANTS) {
        if let Some(tag) = head.get("etag").filter(|tag| !tag.is_empty())
            && !tags.contains(&tag)
        {
            tags.push(tag);
        }
    }
    if !tags.is_empty() {
        write_line(out, b"If-None-Match", &tags.join(&b", "[..]));
    }
    let modified = match stored {
        [only] if only.last_modified().is_some() => only.get("last-modified"),
        _ => None,
    };
    if let Some(modified) = modified {
        write_line(out, b"If-Modified-Since", modified);
    }
    !tags.is_empty() || modified.is_some()
}

/// Whether parts with this head can be combined with others.
pub fn has_strong_validator(stored: &StoredHead) -> bool {
    match stored.etag() {
        Some(tag) => !tag.weak,
        None => strong_date(stored).is_some(),
    }
}

/// Appends `If-Range`, so that a request for missing parts gets the whole where the representation has changed. False
/// without a strong validator: parts cannot be combined then.
pub fn write_if_range(out: &mut Vec<u8>, stored: &StoredHead) -> bool {
    let strong_tag = stored.etag().is_some_and(|tag| !tag.weak);
    let validator = if strong_tag {
        stored.get("etag")
    } else if stored.etag().is_none() && strong_date(stored).is_some() {
        stored.get("last-modified")
    } else {
        None
    };
    if let Some(validator) = validator {
        write_line(out, b"If-Range", validator);
    }
    validator.is_some()
}

/// Whether a status on validation counts as failed, so that [`super::verdict::OnError`] applies (RFC 5861, 4).
pub fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

/// How many stored responses a conditional request named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedEntries {
    One,
    Several,
}

/// Whether a 304 is about a stored response (4.3.4): by its tag, else by its date. One without a validator is about the
/// only response that was asked for. Where several match by a weak validator, take the most recent.
pub fn identifies(stored: &StoredHead, response: &dyn Fields, asked: NamedEntries) -> bool {
    if let Some(tag) = first(response, "etag").and_then(EntityTag::parse) {
        return stored.etag().is_some_and(|own| {
            if tag.weak {
                own.weakly_equals(tag)
            } else {
                own.strongly_equals(tag)
            }
        });
    }
    match first(response, "last-modified") {
        Some(modified) => stored.get("last-modified") == Some(modified),
        None => asked == NamedEntries::One,
    }
}

/// A stored response with the fields of a 304 or of a response to HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Store this head in place of the old one, and send it.
    Update(StoredHead),
    /// Send this head, and remove the stored response.
    SendOnly(StoredHead, CacheReason),
}

impl Merged {
    /// The head to send.
    pub fn head(&self) -> &StoredHead {
        match self {
            Merged::Update(head) | Merged::SendOnly(head, _) => head,
        }
    }
}

/// Puts the fields of a response in place of the stored ones (3.2). Ask [`identifies`] before.
pub fn merge(
    request: &Request<'_>,
    stored: &StoredHead,
    response: &dyn Fields,
    requested: Timestamp,
    received: Timestamp,
    policy: &Policy,
) -> Merged {
    let status = stored.status;
    // A line with a break in it cannot come from a parsed head; the stored fields then stay as they are.
    let new = lines_to_store(status, response, received, true, policy).unwrap_or_default();
    let mut lines = Vec::with_capacity(stored.lines.len() + new.len());
    for (name, value) in stored.fields().iter() {
        if describes_bytes(name) || !has_name(&new, name) {
            write_line(&mut lines, name, value);
        }
    }
    for (name, value) in FieldLines(&new).iter() {
        if !describes_bytes(name) {
            write_line(&mut lines, name, value);
        }
    }
    let fields = FieldLines(&lines);
    let targeted = targeted::read(&fields, &policy.targeted);
    let directives = targeted.unwrap_or_else(|| ResponseDirectives::read(&fields));
    let lines = lines_to_store(status, &fields, received, directives.names_fields, policy);
    let lines = lines.unwrap_or_default().into_boxed_slice();
    let fields = FieldLines(&lines);
    let lifetime = Lifetime::of(
        &directives,
        targeted.is_some(),
        status,
        &fields,
        received,
        policy,
    );
    let key = merged_vary_key(request, stored, &fields);
    let forbidden = forbidden(&directives, status, policy).or(key.as_ref().err().copied());
    let head = StoredHead {
        status,
        vary_key: key.unwrap_or_else(|_| stored.vary_key.clone()),
        received,
        generated: generated(response, requested, received),
        lifetime,
        lines,
    };
    match forbidden {
        None => Merged::Update(head),
        Some(why) => Merged::SendOnly(head, why),
    }
}

/// Fields without which the stored bytes would be read wrongly: they stay as they were stored (3.2).
fn describes_bytes(name: &[u8]) -> bool {
    ["content-encoding", "content-range", "content-md5"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn has_name(lines: &[u8], name: &[u8]) -> bool {
    FieldLines(lines)
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name))
}

/// The variant keeps its key while `Vary` is the same; else it gets the key of the request that validated it.
fn merged_vary_key(
    request: &Request<'_>,
    stored: &StoredHead,
    merged: &FieldLines<'_>,
) -> Result<Box<[u8]>, CacheReason> {
    let same = first(merged, "vary") == stored.get("vary");
    if same {
        return Ok(stored.vary_key.clone());
    }
    vary::key(request.sent, merged)
}

fn forbidden(directives: &ResponseDirectives, status: u16, policy: &Policy) -> Option<CacheReason> {
    let understood = directives.must_understand && super::storing::is_understood(status);
    if directives.no_store && !understood {
        Some(CacheReason::ResponseNoStore)
    } else if directives.private && policy.shared {
        Some(CacheReason::Private)
    } else {
        None
    }
}

/// What a response to HEAD does to a stored response to GET (4.3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadUpdate {
    /// It says nothing about it.
    Keep,
    /// The same representation: store this head in place of the old one.
    Update(StoredHead),
    /// Another representation, or one that is not to be stored: the stored response must be validated before its next use.
    MarkStale,
}

/// Compares a response to HEAD with a stored response of `body_len` bytes that the same request would get by GET.
pub fn head_update(
    request: &Request<'_>,
    stored: &StoredHead,
    body_len: Option<u64>,
    response: &Response<'_>,
    requested: Timestamp,
    received: Timestamp,
    policy: &Policy,
) -> HeadUpdate {
    if response.status != 200 || !matches!(stored.status, 200 | 206) {
        return HeadUpdate::Keep;
    }
    let same = |name: &str| {
        let received = first(response.fields, name);
        received.is_none() || received == stored.get(name)
    };
    let same_length = match (response.body_len, body_len) {
        (Some(said), Some(known)) => said == known,
        _ => true,
    };
    if !same("etag") || !same("last-modified") || !same_length {
        return HeadUpdate::MarkStale;
    }
    match merge(
        request,
        stored,
        response.fields,
        requested,
        received,
        policy,
    ) {
        Merged::Update(head) => HeadUpdate::Update(head),
        Merged::SendOnly(..) => HeadUpdate::MarkStale,
    }
}
