//! Range requests of scanned bodies: the ranges are cut out of the whole, once that was scanned.

use std::hash::{BuildHasher, Hasher, RandomState};

use privet_cache::rules::multipart::Multipart;
use privet_cache::rules::range::{self, ByteRange, RangeSelection, RangeSpec};

/// The ranges that a request asks for.
#[derive(Debug, Clone)]
pub struct RequestedRange {
    specs: Vec<RangeSpec>,
    /// The validator of `If-Range`.
    only_if: Option<Vec<u8>>,
}

/// The validators and the type of a response's body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Described<'a> {
    pub etag: Option<&'a [u8]>,
    pub last_modified: Option<&'a [u8]>,
    pub date: Option<&'a [u8]>,
    pub content_type: Option<&'a [u8]>,
}

/// The answer for a body of a known length: one range, several, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedRange {
    status: u16,
    /// Bytes that are sent.
    len: u64,
    /// The field of the response's head that says what it is, in place of the one that the whole has.
    field: (&'static str, String),
    sections: Vec<Section>,
}

/// Bytes of the whole, and the text before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub text: Vec<u8>,
    /// The offsets of the bytes in the whole body. Empty behind the last part.
    pub first: u64,
    pub end: u64,
}

const CONTENT_TYPE: &str = "Content-Type";
const CONTENT_RANGE: &str = "Content-Range";

/// An unpredictable number, for the boundary between parts.
pub fn boundary() -> u128 {
    let half = || u128::from(RandomState::new().build_hasher().finish());
    (half() << 64) | half()
}

impl RequestedRange {
    /// From the values of `Range` and `If-Range`. `None`: the whole is asked for.
    pub fn new(range: &[u8], only_if: Option<&[u8]>) -> Option<Self> {
        let specs = range::parse(range)?;
        // A player's first request: the whole, which need not wait for its end.
        if specs == [RangeSpec::From(0)] {
            return None;
        }
        Some(Self {
            specs,
            only_if: only_if.map(<[u8]>::to_vec),
        })
    }

    /// What it is of a body of `complete` bytes. `None`: the whole is sent, since it is another one than the client has a part of,
    /// or the parts are too many or not in their order.
    pub fn of(&self, complete: u64, described: Described<'_>) -> Option<SelectedRange> {
        let only_if = self.only_if.as_ref();
        if !only_if.is_none_or(|only_if| is_same(only_if, described)) {
            return None;
        }
        match range::select(&self.specs, complete) {
            RangeSelection::Whole => None,
            RangeSelection::Unsatisfiable => Some(SelectedRange::nothing(complete)),
            RangeSelection::Parts(ranges) => {
                let several = ranges.len() > 1;
                let multipart =
                    several.then(|| Multipart::new(boundary(), described.content_type, complete));
                SelectedRange::of(&ranges, complete, multipart.as_ref())
            }
        }
    }
}

/// RFC 9110 §13.1.5: a strong tag, or a date that is a strong validator.
fn is_same(only_if: &[u8], described: Described<'_>) -> bool {
    if only_if.starts_with(b"\"") {
        return described.etag == Some(only_if);
    }
    let Described {
        last_modified,
        date,
        ..
    } = described;
    last_modified == Some(only_if) && date.is_some_and(|date| date != only_if)
}

impl SelectedRange {
    fn nothing(complete: u64) -> Self {
        Self {
            status: 416,
            len: 0,
            field: (CONTENT_RANGE, format!("bytes */{complete}")),
            sections: Vec::new(),
        }
    }

    /// `None`: they are not in their order in the body, which passes once. `multipart`: how several are sent.
    pub fn of(
        ranges: &[ByteRange],
        complete: u64,
        multipart: Option<&Multipart<'_>>,
    ) -> Option<Self> {
        let section = |text, range: &ByteRange| Section {
            text,
            first: range.first,
            end: range.last.saturating_add(1),
        };
        let Some(multipart) = multipart else {
            let range = ranges.first()?;
            return Some(Self {
                status: 206,
                len: range.len(),
                field: (
                    CONTENT_RANGE,
                    format!("bytes {}-{}/{complete}", range.first, range.last),
                ),
                sections: vec![section(Vec::new(), range)],
            });
        };
        let last = ranges.last().filter(|_| ranges.is_sorted())?;
        let mut sections = Vec::with_capacity(ranges.len() + 1);
        for range in ranges {
            let mut text = Vec::new();
            multipart.write_part_head(&mut text, *range);
            sections.push(section(text, range));
        }
        let mut text = Vec::new();
        multipart.write_end(&mut text);
        let end = last.last.saturating_add(1);
        sections.push(Section {
            text,
            first: end,
            end,
        });
        Some(Self {
            status: 206,
            len: multipart.body_len(ranges),
            field: (CONTENT_TYPE, multipart.content_type()),
            sections,
        })
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// Bytes that are sent.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The field that says what it is.
    pub fn field(&self) -> (&[u8], &[u8]) {
        (self.field.0.as_bytes(), self.field.1.as_bytes())
    }

    /// Whether it has its own content type in place of the whole's.
    pub fn is_multipart(&self) -> bool {
        self.field.0 == CONTENT_TYPE
    }

    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Appends what is sent for a piece that stands at `at` in the whole.
    pub fn cut(&self, at: u64, piece: &[u8], out: &mut Vec<u8>) {
        let behind = at + piece.len() as u64;
        let within = |place: u64| {
            let place = place.clamp(at, behind) - at;
            usize::try_from(place).unwrap_or(piece.len())
        };
        for section in &self.sections {
            if section.text_is_due(behind) && !section.text_is_due(at) {
                out.extend_from_slice(&section.text);
            }
            let bytes = piece.get(within(section.first)..within(section.end));
            out.extend_from_slice(bytes.unwrap_or_default());
        }
    }
}

impl Section {
    /// Whether its text may go on once so many bytes of the whole may.
    pub fn text_is_due(&self, bytes: u64) -> bool {
        match self.first < self.end {
            true => self.first < bytes,
            false => self.end <= bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "0123456789";

    fn part(range: &str) -> Option<SelectedRange> {
        let asked = RequestedRange::new(range.as_bytes(), None)?;
        asked.of(10, Described::default())
    }

    /// What is sent for the whole, in pieces.
    fn sent(part: &SelectedRange, cuts: [usize; 2]) -> String {
        let mut out = Vec::new();
        let [one, two] = cuts;
        for (at, piece) in [
            (0, &WHOLE[..one]),
            (one, &WHOLE[one..two]),
            (two, &WHOLE[two..]),
        ] {
            part.cut(at as u64, piece.as_bytes(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_part_is_cut_out_of_the_whole() {
        for (range, status, content_range, cut) in [
            ("bytes=2-4", 206, "bytes 2-4/10", "234"),
            ("bytes=7-", 206, "bytes 7-9/10", "789"),
            ("bytes=-2", 206, "bytes 8-9/10", "89"),
            ("bytes=0-99", 206, "bytes 0-9/10", "0123456789"),
            ("bytes=4-5,2-3", 206, "bytes 2-5/10", "2345"),
            ("bytes=10-", 416, "bytes */10", ""),
        ] {
            let part = part(range).unwrap();
            assert_eq!(part.status(), status, "{range}");
            assert_eq!(
                part.field(),
                (&b"Content-Range"[..], content_range.as_bytes()),
                "{range}"
            );
            assert_eq!(sent(&part, [4, 6]), cut, "{range}");
            assert_eq!(part.len(), cut.len() as u64, "{range}");
        }
        for range in ["bytes=0-", "bytes=6-7,3-4", "lines=1-2", "bytes=x"] {
            assert_eq!(part(range), None, "{range}");
        }
    }

    #[test]
    fn several_parts_are_cut_the_same_in_any_pieces() {
        let part = part("bytes=1-2,5-6,-1").unwrap();
        let whole = sent(&part, [0, 10]);
        assert_eq!(part.len(), whole.len() as u64);
        let (name, value) = part.field();
        let value = std::str::from_utf8(value).unwrap();
        let boundary = value
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        assert_eq!(name, b"Content-Type");
        let text =
            |range: &str| format!("\r\n--{boundary}\r\nContent-Range: bytes {range}/10\r\n\r\n");
        let expected = [
            &text("1-2"),
            "12",
            &text("5-6"),
            "56",
            &text("9-9"),
            "9",
            &format!("\r\n--{boundary}--\r\n"),
        ];
        assert_eq!(whole, expected.concat());
        for one in 0..=10 {
            for two in one..=10 {
                assert_eq!(sent(&part, [one, two]), whole, "{one} {two}");
            }
        }
    }

    #[test]
    fn a_part_of_another_body_is_not_sent() {
        let now = b"Mon, 30 Nov 2026 06:00:00 GMT".as_slice();
        let before = b"Mon, 30 Nov 2026 05:00:00 GMT".as_slice();
        let described = Described {
            content_type: None,
            etag: Some(b"\"a\""),
            last_modified: Some(before),
            date: Some(now),
        };
        let part = |only_if: &[u8], described| {
            let asked = RequestedRange::new(b"bytes=1-2", Some(only_if)).unwrap();
            asked.of(10, described).is_some()
        };
        assert!(part(b"\"a\"", described) && part(before, described));
        for other in [&b"\"b\""[..], b"W/\"a\"", now, b""] {
            assert!(!part(other, described));
        }
        let fresh = Described {
            date: Some(before),
            ..described
        };
        assert!(!part(before, fresh));
    }
}
