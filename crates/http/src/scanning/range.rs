//! A part of a body that was asked for: it is sent of the whole, once that was judged.

use privet_cache::rules::range::{self, ByteRange, RangeSpec};

/// What a request asks for.
#[derive(Debug, Clone)]
pub struct RequestedRange {
    spec: RangeSpec,
    /// The validator of `If-Range`.
    only_if: Option<Vec<u8>>,
}

/// The validators of a response.
#[derive(Debug, Clone, Copy, Default)]
pub struct Validators<'a> {
    pub etag: Option<&'a [u8]>,
    pub last_modified: Option<&'a [u8]>,
    pub date: Option<&'a [u8]>,
}

/// A part of a body of a known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectedRange {
    /// `None`: nothing of it exists.
    pub range: Option<ByteRange>,
    /// Bytes of the whole.
    pub complete: u64,
}

impl RequestedRange {
    /// By the values of `Range` and `If-Range`. `None`: the whole is asked for, or several parts, which are not made here.
    pub fn new(range: &[u8], only_if: Option<&[u8]>) -> Option<Self> {
        let specs = range::parse(range)?;
        let [spec] = specs.as_slice() else {
            return None;
        };
        // A player's first request: the whole, which need not wait for its end.
        if *spec == RangeSpec::From(0) {
            return None;
        }
        Some(Self {
            spec: *spec,
            only_if: only_if.map(<[u8]>::to_vec),
        })
    }

    /// What it is of a body of `complete` bytes. `None`: the whole is sent, since it is another one than the client has a part of.
    pub fn of(&self, complete: u64, validators: Validators<'_>) -> Option<SelectedRange> {
        let same = self
            .only_if
            .as_ref()
            .is_none_or(|only_if| is_same(only_if, validators));
        same.then(|| SelectedRange {
            range: self.spec.within(Some(complete)),
            complete,
        })
    }
}

/// RFC 9110 §13.1.5: a strong tag, or a date that is a strong validator.
fn is_same(only_if: &[u8], validators: Validators<'_>) -> bool {
    if only_if.starts_with(b"\"") {
        return validators.etag == Some(only_if);
    }
    let Validators {
        last_modified,
        date,
        ..
    } = validators;
    last_modified == Some(only_if) && date.is_some_and(|date| date != only_if)
}

impl SelectedRange {
    pub fn status(self) -> u16 {
        match self.range {
            Some(_) => 206,
            None => 416,
        }
    }

    /// Bytes of the part.
    pub fn len(self) -> u64 {
        self.range.map_or(0, ByteRange::len)
    }

    /// Where it begins and where it ends in the whole.
    pub fn span(self) -> (u64, u64) {
        self.range
            .map_or((0, 0), |range| (range.first, range.last + 1))
    }

    /// The value of `Content-Range`.
    pub fn content_range(self) -> String {
        match self.range {
            Some(ByteRange { first, last }) => format!("bytes {first}-{last}/{}", self.complete),
            None => format!("bytes */{}", self.complete),
        }
    }

    /// The bytes of a piece that stands at `at` in the whole.
    pub fn cut(self, at: u64, piece: &[u8]) -> &[u8] {
        let (start, end) = self.span();
        let within = |place: u64| {
            let place = place.saturating_sub(at).min(piece.len() as u64);
            usize::try_from(place).unwrap_or(piece.len())
        };
        piece.get(within(start)..within(end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_cut_out_of_the_whole() {
        let part = |range: &str| {
            let asked = RequestedRange::new(range.as_bytes(), None)?;
            asked.of(10, Validators::default())
        };
        for (range, status, content_range, cut) in [
            ("bytes=2-4", 206, "bytes 2-4/10", "234"),
            ("bytes=7-", 206, "bytes 7-9/10", "789"),
            ("bytes=-2", 206, "bytes 8-9/10", "89"),
            ("bytes=0-99", 206, "bytes 0-9/10", "0123456789"),
            ("bytes=10-", 416, "bytes */10", ""),
        ] {
            let part = part(range).unwrap();
            assert_eq!(part.status(), status, "{range}");
            assert_eq!(part.content_range(), content_range, "{range}");
            let pieces = [(0, "0123"), (4, "45"), (6, "6789")];
            let cut_out = pieces.map(|(at, piece)| part.cut(at, piece.as_bytes()));
            assert_eq!(cut_out.concat(), cut.as_bytes(), "{range}");
            assert_eq!(part.len(), cut.len() as u64, "{range}");
        }
        for range in ["bytes=0-", "bytes=0-1,3-4", "lines=1-2", "bytes=x"] {
            assert_eq!(part(range), None, "{range}");
        }
    }

    #[test]
    fn a_part_of_another_body_is_not_sent() {
        let now = b"Mon, 30 Nov 2026 06:00:00 GMT".as_slice();
        let before = b"Mon, 30 Nov 2026 05:00:00 GMT".as_slice();
        let validators = Validators {
            etag: Some(b"\"a\""),
            last_modified: Some(before),
            date: Some(now),
        };
        let part = |only_if: &[u8], validators| {
            let asked = RequestedRange::new(b"bytes=1-2", Some(only_if)).unwrap();
            asked.of(10, validators).is_some()
        };
        assert!(part(b"\"a\"", validators) && part(before, validators));
        for other in [&b"\"b\""[..], b"W/\"a\"", now, b""] {
            assert!(!part(other, validators));
        }
        let fresh = Validators {
            date: Some(before),
            ..validators
        };
        assert!(!part(before, fresh));
    }
}
