//! The parts of a representation that are stored, and what is missing of it.

use super::answer::strong_date;
use super::date;
use super::etag::EntityTag;
use super::fields::first;
use super::range::{ByteRange, ContentRange, touches};
use super::stored::StoredHead;
use super::storing::Response;
use super::verdict::CacheReason;

/// A set with more separate ranges takes no further ones.
pub const MAX_RANGES: usize = 256;

/// Ranges in order, none of which touch each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeSet {
    ranges: Vec<ByteRange>,
}

impl RangeSet {
    pub fn new() -> RangeSet {
        RangeSet::default()
    }

    /// Adds a range. False where the set is full and the range touches none of it.
    pub fn insert(&mut self, range: ByteRange) -> bool {
        let start = self
            .ranges
            .partition_point(|other| other.last.saturating_add(1) < range.first);
        let mut joined = range;
        let mut end = start;
        while let Some(&other) = self
            .ranges
            .get(end)
            .filter(|other| touches(**other, joined))
        {
            joined.first = joined.first.min(other.first);
            joined.last = joined.last.max(other.last);
            end += 1;
        }
        if end == start && self.ranges.len() >= MAX_RANGES {
            return false;
        }
        self.ranges.splice(start..end, [joined]);
        true
    }

    /// Whether all of a range is there.
    pub fn covers(&self, range: ByteRange) -> bool {
        let at = self
            .ranges
            .partition_point(|other| other.last < range.first);
        self.ranges
            .get(at)
            .is_some_and(|other| other.contains(range))
    }

    /// Whether it is the whole of a representation.
    pub fn is_complete(&self, complete: u64) -> bool {
        complete == 0 || ByteRange::new(0, complete - 1).is_some_and(|whole| self.covers(whole))
    }

    /// What is missing of a range, in at most `max` ranges (at least 1): where there are more, those that have the fewest
    /// stored bytes between them are fetched as one.
    pub fn missing(&self, wanted: ByteRange, max: usize) -> Vec<ByteRange> {
        let mut gaps = Vec::new();
        let mut first = Some(wanted.first);
        for range in &self.ranges {
            let Some(start) = first.filter(|start| *start <= wanted.last) else {
                break;
            };
            if range.last < start {
                continue;
            }
            if range.first > wanted.last {
                break;
            }
            if range.first > start {
                gaps.extend(ByteRange::new(start, range.first - 1));
            }
            first = range.last.checked_add(1);
        }
        if let Some(start) = first {
            gaps.extend(ByteRange::new(start, wanted.last));
        }
        join_nearest(&mut gaps, max.max(1));
        gaps
    }

    pub fn ranges(&self) -> &[ByteRange] {
        &self.ranges
    }

    /// Number of bytes.
    pub fn total(&self) -> u64 {
        let lengths = self.ranges.iter().map(|range| range.len());
        lengths.fold(0, u64::saturating_add)
    }
}

fn join_nearest(gaps: &mut Vec<ByteRange>, max: usize) {
    while gaps.len() > max {
        let between = |pair: &[ByteRange]| match pair {
            [one, other] => other.first - one.last,
            _ => u64::MAX,
        };
        let nearest = gaps
            .windows(2)
            .enumerate()
            .min_by_key(|(_, pair)| between(pair))
            .map_or(0, |(index, _)| index);
        let joined = gaps.remove(nearest + 1);
        if let Some(range) = gaps.get_mut(nearest) {
            range.last = joined.last;
        }
    }
}

/// Whether a part with this head belongs to the same representation as stored parts of `complete` bytes
/// (RFC 9110, 15.3.7.3).
pub fn same_representation(
    stored: &StoredHead,
    complete: Option<u64>,
    head: &StoredHead,
    part: ContentRange,
) -> bool {
    let same = match (stored.etag(), head.etag()) {
        (Some(one), Some(other)) => one.strongly_equals(other),
        (None, None) => strong_date(stored).is_some() && strong_date(stored) == strong_date(head),
        _ => false,
    };
    same && fits(complete, part)
}

/// Whether a part can be one of a representation of this length.
fn fits(complete: Option<u64>, part: ContentRange) -> bool {
    match (complete, part.complete) {
        (Some(known), Some(said)) => known == said,
        (Some(known), None) => part.range.last < known,
        (None, _) => true,
    }
}

/// Whether a 206 is a part of the same representation as stored parts (RFC 9110, 15.3.7.3): the same strong validator,
/// the same length. `complete` is what is known of the length. A part that cannot be combined replaces what is stored.
pub fn combine(
    stored: &StoredHead,
    complete: Option<u64>,
    response: &Response<'_>,
) -> Result<ContentRange, CacheReason> {
    let part = first(response.fields, "content-range")
        .and_then(ContentRange::parse)
        .filter(|part| response.body_len.is_none_or(|len| len == part.range.len()))
        .ok_or(CacheReason::BadContentRange)?;
    let same = match (stored.etag(), response_etag(response)) {
        (Some(one), Some(other)) => one.strongly_equals(other),
        (None, None) => {
            let modified = first(response.fields, "last-modified")
                .and_then(|value| date::parse(value, stored.received));
            modified.is_some() && modified == strong_date(stored)
        }
        _ => false,
    };
    if response.status == 206 && same && fits(complete, part) {
        Ok(part)
    } else {
        Err(CacheReason::OtherRepresentation)
    }
}

fn response_etag<'a>(response: &Response<'a>) -> Option<EntityTag<'a>> {
    first(response.fields, "etag").and_then(EntityTag::parse)
}
