//! The head of a stored response.

use memchr::memchr3;
use smallvec::SmallVec;

use super::date;
use super::directives::{for_each_element, for_each_listed_field};
use super::etag::EntityTag;
use super::fields::{FieldLines, Fields, for_each_named, write_line};
use super::lifetime::Lifetime;
use super::policy::Policy;
use super::time::Timestamp;

/// A stored response without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    /// 206 stands for parts of a 200.
    pub status: u16,
    /// End-to-end field lines, `name: value\r\n` each. Without `Age` and `Content-Length`, which each answer has anew,
    /// and for parts without `Content-Range`. There is always a valid `Date`.
    pub lines: Box<[u8]>,
    /// The request's fields that `Vary` names, normalised; empty where there is no `Vary`. See [`super::vary`].
    pub vary_key: Box<[u8]>,
    /// When its head arrived, or the head that validated it last.
    pub received: Timestamp,
    /// When it was generated: its age counts from here.
    pub generated: Timestamp,
    /// Derived from the rest and the cache's policy.
    pub lifetime: Lifetime,
}

impl StoredHead {
    /// A head as a store kept it. The lifetime is computed again, so that a changed policy applies.
    pub fn restore(
        status: u16,
        lines: Box<[u8]>,
        vary_key: Box<[u8]>,
        received: Timestamp,
        generated: Timestamp,
        policy: &Policy,
    ) -> StoredHead {
        let lifetime = Lifetime::read(status, &FieldLines(&lines), received, policy);
        StoredHead {
            status,
            lines,
            vary_key,
            received,
            generated,
            lifetime,
        }
    }

    /// Its field lines.
    pub fn fields(&self) -> FieldLines<'_> {
        FieldLines(&self.lines)
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().get(name)
    }

    /// Its age in seconds (RFC 9111, 4.2.3). A clock that was set back does not make it younger than it arrived.
    pub fn age(&self, now: Timestamp) -> u32 {
        let age = now.max(self.received).since(self.generated);
        u32::try_from(age.max(0)).unwrap_or(u32::MAX)
    }

    /// Seconds for which it stays fresh; negative for how long it has been stale.
    pub fn ttl(&self, now: Timestamp) -> i64 {
        i64::from(self.lifetime.fresh_for) - i64::from(self.age(now))
    }

    pub fn etag(&self) -> Option<EntityTag<'_>> {
        self.get("etag").and_then(EntityTag::parse)
    }

    pub fn last_modified(&self) -> Option<Timestamp> {
        self.get("last-modified")
            .and_then(|value| date::parse(value, self.received))
    }

    /// `Date`: the time of the origin's clock when it was generated.
    pub fn date(&self) -> Timestamp {
        self.get("date")
            .and_then(|value| date::parse(value, self.received))
            .unwrap_or(self.received)
    }
}

/// Fields that belong to one connection or one message, or that only a proxy before this one may use (RFC 9111, 3.1).
const NOT_STORED: [&str; 14] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "age",
    "content-length",
    "proxy-status",
    "http2-settings",
];

/// A bit for the length of each of these names.
const NOT_STORED_LENGTHS: u32 = length_bits(&NOT_STORED);

const fn length_bits(names: &[&str]) -> u32 {
    match names {
        [] => 0,
        [name, rest @ ..] => 1 << (name.len() % 32) | length_bits(rest),
    }
}

/// The bytes of a field line beside name and value.
const LINE: usize = ": \r\n".len();
const DATE_LINE: usize = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n".len();

/// The field lines of a response that are kept. `None` where a line would not be one line.
pub(super) fn lines_to_store<F: Fields + ?Sized>(
    status: u16,
    fields: &F,
    received: Timestamp,
    names_fields: bool,
    policy: &Policy,
) -> Option<Vec<u8>> {
    let dropped = Dropped::read(status, fields, received, names_fields, policy);
    let mut kept = SmallVec::<[(&[u8], &[u8]); 16]>::new();
    let (mut len, mut valid) = (0, true);
    fields.for_each(&mut |name, value| {
        if dropped.contains(name) {
            return;
        }
        valid &= is_one_line(name, value);
        len += name.len() + value.len() + LINE;
        kept.push((name, value));
    });
    // Exactly so much: what is stored has no room left over.
    let mut lines = Vec::with_capacity(len + if dropped.date { DATE_LINE } else { 0 });
    for (name, value) in kept {
        write_line(&mut lines, name, value);
    }
    if dropped.date {
        lines.extend_from_slice(b"Date: ");
        date::write(&mut lines, received);
        lines.extend_from_slice(b"\r\n");
    }
    valid.then_some(lines)
}

fn is_one_line(name: &[u8], value: &[u8]) -> bool {
    let is_bad = |byte: &u8| *byte == b':' || *byte <= b' ';
    !name.is_empty() && !name.iter().any(is_bad) && memchr3(b'\r', b'\n', 0, value).is_none()
}

/// Which fields of one response are not kept.
struct Dropped<'a> {
    /// Named by `Connection`, `no-cache="…"` and, in a shared cache, `private="…"`.
    named: Vec<&'a [u8]>,
    /// There is no valid `Date`: the time of arrival takes its place (RFC 9110, 6.6.1).
    date: bool,
    content_range: bool,
}

impl<'a> Dropped<'a> {
    fn read<F: Fields + ?Sized>(
        status: u16,
        fields: &'a F,
        received: Timestamp,
        names_fields: bool,
        policy: &Policy,
    ) -> Dropped<'a> {
        let mut named = Vec::new();
        for_each_named(fields, "connection", |line| {
            for_each_element(line, |element| named.push(element));
        });
        if names_fields {
            for_each_named(fields, "cache-control", |line| {
                for_each_listed_field(line, policy.shared, |name| named.push(name));
            });
            for field in &policy.targeted {
                for_each_named(fields, field, |line| {
                    for_each_listed_field(line, policy.shared, |name| named.push(name));
                });
            }
        }
        let mut date = true;
        for_each_named(fields, "date", |value| {
            date &= date::parse(value, received).is_none();
        });
        Dropped {
            named,
            date,
            content_range: status == 206,
        }
    }

    fn contains(&self, name: &[u8]) -> bool {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let may_be_known = NOT_STORED_LENGTHS & (1 << (name.len() % 32)) != 0;
        (may_be_known && NOT_STORED.iter().any(|known| is(known.as_bytes())))
            || self.named.iter().any(|named| is(named))
            || (self.date && is(b"date"))
            || (self.content_range && is(b"content-range"))
    }
}
