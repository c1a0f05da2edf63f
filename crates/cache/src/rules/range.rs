//! Ranges of bytes (RFC 9110, 14): what a request asks for, what a response contains.

use super::fields::{single, trim};
use super::request::Request;

/// Bytes `first` to `last`, both included; `first <= last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

impl ByteRange {
    /// `None` where `first > last`.
    pub fn new(first: u64, last: u64) -> Option<ByteRange> {
        (first <= last).then_some(ByteRange { first, last })
    }

    /// Number of bytes; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a range has at least one byte")]
    pub fn len(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    pub fn contains(self, other: ByteRange) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// One element of a `Range` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeSpec {
    /// `first-last`.
    Bounded(ByteRange),
    /// `first-`.
    From(u64),
    /// `-length`: the last bytes.
    Suffix(u64),
}

impl RangeSpec {
    /// What it selects; none where that depends on a length that is not known, or nothing exists of it.
    pub fn within(self, complete: Option<u64>) -> Option<ByteRange> {
        match (self, complete) {
            (spec, Some(complete)) => satisfy(spec, complete),
            (RangeSpec::Bounded(range), None) => Some(range),
            (RangeSpec::From(_) | RangeSpec::Suffix(_), None) => None,
        }
    }

    /// Whether two of them may have a byte in common, as far as that is known without a length.
    pub fn overlaps(self, other: RangeSpec) -> bool {
        let span = |spec| match spec {
            RangeSpec::Bounded(range) => Some((range.first, range.last)),
            RangeSpec::From(first) => Some((first, u64::MAX)),
            RangeSpec::Suffix(_) => None,
        };
        match (span(self), span(other)) {
            (Some((first, last)), Some((start, end))) => first <= end && start <= last,
            _ => self == other,
        }
    }

    /// Whether a response has what is asked for: from its first byte on, or up to the last one of the whole.
    pub fn is_answered_by(self, part: ContentRange) -> bool {
        let ContentRange { range, complete } = part;
        match self {
            RangeSpec::Bounded(asked) => range.first == asked.first && range.last <= asked.last,
            RangeSpec::From(first) => range.first == first,
            RangeSpec::Suffix(len) => {
                let ends =
                    complete.is_some_and(|complete| range.last.checked_add(1) == Some(complete));
                ends && range.len() <= len
            }
        }
    }
}

/// The only range that a request asks for; none where it asks for the whole, for several ranges or for none that is valid.
pub fn only_range(request: &Request<'_>) -> Option<RangeSpec> {
    if !request.asks_for_range() {
        return None;
    }
    let specs = single(request.fields, "range").and_then(parse)?;
    match specs.as_slice() {
        [spec] => Some(*spec),
        _ => None,
    }
}

/// A field with more elements is ignored, which is always allowed (14.2).
pub const MAX_SPECS: usize = 64;
/// So is one that asks for more parts than this once overlapping ones are joined.
pub const MAX_PARTS: usize = 16;

/// Reads a `Range` field in bytes. `None` where it is invalid, of another unit or too long: then it is ignored.
pub fn parse(value: &[u8]) -> Option<Vec<RangeSpec>> {
    let (unit, set) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut specs = Vec::new();
    for element in set.split(|&byte| byte == b',') {
        let element = trim(element);
        if element.is_empty() {
            continue;
        }
        if specs.len() == MAX_SPECS {
            return None;
        }
        specs.push(spec(element)?);
    }
    (!specs.is_empty()).then_some(specs)
}

fn spec(element: &[u8]) -> Option<RangeSpec> {
    let dash = memchr::memchr(b'-', element)?;
    let (first, last) = element.split_at(dash);
    match (first, last.get(1..)?) {
        ([], length) => Some(RangeSpec::Suffix(number(length)?)),
        (first, []) => Some(RangeSpec::From(number(first)?)),
        (first, last) => ByteRange::new(number(first)?, number(last)?).map(RangeSpec::Bounded),
    }
}

/// Digits; what is too large counts as the largest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

/// What a `Range` field selects from a representation of a known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeSelection {
    /// The field is ignored: the whole is sent.
    Whole,
    /// One or more parts in the order asked for, none of which touch each other.
    Parts(Vec<ByteRange>),
    /// Nothing of it exists (416).
    Unsatisfiable,
}

/// Applies the elements of a `Range` field to a representation of `complete` bytes. Parts that overlap or touch are one;
/// they keep the place of the first of them (14.2, 15.3.7.2).
pub fn select(specs: &[RangeSpec], complete: u64) -> RangeSelection {
    // The last bytes of nothing are nothing, which no Content-Range can say.
    if complete == 0
        && specs
            .iter()
            .any(|spec| matches!(spec, RangeSpec::Suffix(1..)))
    {
        return RangeSelection::Whole;
    }
    let mut parts: Vec<ByteRange> = Vec::new();
    for range in specs.iter().filter_map(|spec| satisfy(*spec, complete)) {
        let mut joined = range;
        let mut place = parts.len();
        let mut index = 0;
        while let Some(&other) = parts.get(index) {
            if touches(other, joined) {
                joined = ByteRange {
                    first: joined.first.min(other.first),
                    last: joined.last.max(other.last),
                };
                place = place.min(index);
                parts.remove(index);
                index = 0;
            } else {
                index += 1;
            }
        }
        parts.insert(place.min(parts.len()), joined);
    }
    match parts.len() {
        0 => RangeSelection::Unsatisfiable,
        1..=MAX_PARTS => RangeSelection::Parts(parts),
        _ => RangeSelection::Whole,
    }
}

fn satisfy(spec: RangeSpec, complete: u64) -> Option<ByteRange> {
    let end = complete.checked_sub(1)?;
    match spec {
        RangeSpec::Bounded(range) => ByteRange::new(range.first, range.last.min(end)),
        RangeSpec::From(first) => ByteRange::new(first, end),
        RangeSpec::Suffix(0) => None,
        RangeSpec::Suffix(length) => ByteRange::new(complete.saturating_sub(length), end),
    }
}

pub(super) fn touches(one: ByteRange, other: ByteRange) -> bool {
    one.first <= other.last.saturating_add(1) && other.first <= one.last.saturating_add(1)
}

/// `Content-Range` of a 206 with one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    pub range: ByteRange,
    /// The length of the whole, if the sender knows it.
    pub complete: Option<u64>,
}

impl ContentRange {
    /// `bytes first-last/complete` or `bytes first-last/*`. A range beyond the end is invalid (14.4).
    pub fn parse(value: &[u8]) -> Option<ContentRange> {
        let (unit, rest) = value.split_at_checked(6)?;
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        let slash = memchr::memchr(b'/', rest)?;
        let (range, complete) = rest.split_at(slash);
        let RangeSpec::Bounded(range) = spec(range)? else {
            return None;
        };
        let complete = match complete.get(1..)? {
            b"*" => None,
            digits => Some(number(digits)?),
        };
        let fits = complete.is_none_or(|complete| range.last < complete) && range.last < u64::MAX;
        fits.then_some(ContentRange { range, complete })
    }

    /// Appends its value.
    pub fn write(self, out: &mut Vec<u8>) {
        let complete = self
            .complete
            .map_or_else(|| "*".to_owned(), |complete| complete.to_string());
        let text = format!("bytes {}-{}/{complete}", self.range.first, self.range.last);
        out.extend_from_slice(text.as_bytes());
    }
}
