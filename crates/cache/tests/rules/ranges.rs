//! RFC 9110, 14 and 15.3.7: ranges, parts and their combination.

use privet_cache::rules::multipart::{Multipart, write_range_field};
use privet_cache::rules::range::{
    ByteRange, ContentRange, MAX_PARTS, RangeSelection, RangeSpec, parse, select,
};
use privet_cache::rules::range_set::{MAX_RANGES, RangeSet, combine};

use super::*;

fn range(first: u64, last: u64) -> ByteRange {
    ByteRange { first, last }
}

fn parts(value: &str, complete: u64) -> Option<Vec<(u64, u64)>> {
    match select(&parse(value.as_bytes())?, complete) {
        RangeSelection::Parts(parts) => {
            Some(parts.iter().map(|part| (part.first, part.last)).collect())
        }
        RangeSelection::Whole => None,
        RangeSelection::Unsatisfiable => Some(Vec::new()),
    }
}

#[test]
fn range_fields_in_every_spelling() {
    for (value, complete, expected) in [
        ("bytes=0-0", 10, Some(vec![(0, 0)])),
        ("Bytes=0-4", 10, Some(vec![(0, 4)])),
        ("bytes=5-", 10, Some(vec![(5, 9)])),
        ("bytes=-3", 10, Some(vec![(7, 9)])),
        ("bytes=-30", 10, Some(vec![(0, 9)])),
        ("bytes=5-500", 10, Some(vec![(5, 9)])),
        ("bytes=5-99999999999999999999999999", 10, Some(vec![(5, 9)])),
        ("bytes= 0-1 ,\t3-4 ,", 10, Some(vec![(0, 1), (3, 4)])),
        ("bytes=,,0-1", 10, Some(vec![(0, 1)])),
        ("bytes=007-8", 10, Some(vec![(7, 8)])),
        ("bytes=10-", 10, Some(vec![])),
        ("bytes=-0", 10, Some(vec![])),
        ("bytes=0-", 0, Some(vec![])),
        ("bytes=-5", 0, None),
        ("bytes=20-30, 0-1", 10, Some(vec![(0, 1)])),
        // Invalid ones are ignored as a whole.
        ("bytes=", 10, None),
        ("bytes=,", 10, None),
        ("bytes=-", 10, None),
        ("bytes=a-b", 10, None),
        ("bytes=4-2", 10, None),
        ("bytes=0-1, 4-2", 10, None),
        ("bytes=0 - 1", 10, None),
        ("bytes 0-1", 10, None),
        ("octets=0-1", 10, None),
        ("bytes=+0-1", 10, None),
        ("bytes=0-1-2", 10, None),
        ("bytes=--1", 10, None),
        ("", 10, None),
    ] {
        assert_eq!(parts(value, complete), expected, "{value} of {complete}");
    }
    assert_eq!(parse(b"bytes=7-"), Some(vec![RangeSpec::From(7)]));
}

#[test]
fn ranges_that_overlap_or_touch_are_one() {
    for (value, expected) in [
        ("bytes=0-4, 2-6", vec![(0, 6)]),
        ("bytes=0-4, 5-6", vec![(0, 6)]),
        ("bytes=0-4, 6-7", vec![(0, 4), (6, 7)]),
        ("bytes=6-7, 0-4", vec![(6, 7), (0, 4)]),
        ("bytes=0-1, 8-9, 3-4, 2-2", vec![(0, 4), (8, 9)]),
        ("bytes=8-9, 0-1, 1-8", vec![(0, 9)]),
        ("bytes=0-,0-,0-", vec![(0, 99)]),
    ] {
        assert_eq!(parts(value, 100), Some(expected), "{value}");
    }
}

#[test]
fn too_many_ranges_are_answered_with_the_whole() {
    let field = |count: u64| {
        let specs: Vec<String> = (0..count)
            .map(|index| format!("{0}-{0}", index * 2))
            .collect();
        format!("bytes={}", specs.join(","))
    };
    assert_eq!(
        parts(&field(MAX_PARTS as u64), 1000).map(|parts| parts.len()),
        Some(MAX_PARTS)
    );
    assert_eq!(parts(&field(MAX_PARTS as u64 + 1), 1000), None);
    assert_eq!(parse(field(65).as_bytes()), None);
}

#[test]
fn content_ranges_are_parsed() {
    let parsed = |value: &str| ContentRange::parse(value.as_bytes());
    let valid = ContentRange {
        range: range(4, 9),
        complete: Some(10),
    };
    assert_eq!(parsed("bytes 4-9/10"), Some(valid));
    assert_eq!(
        parsed("Bytes 4-9/*"),
        Some(ContentRange {
            complete: None,
            ..valid
        })
    );
    for wrong in [
        "",
        "bytes",
        "bytes 4-9",
        "bytes 4-9/",
        "bytes 4-10/10",
        "bytes 9-4/10",
        "bytes */10",
        "bytes 4-/10",
        "bytes -4/10",
        "bytes=4-9/10",
        "bytes 4-9/1a",
        "bytes 0-18446744073709551615/*",
        "bytes 0-99999999999999999999/*",
    ] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
    let mut out = Vec::new();
    valid.write(&mut out);
    assert_eq!(out, b"bytes 4-9/10");
}

#[test]
fn several_parts_are_written_as_multipart() {
    let multipart = Multipart::new(0xab, Some(b"text/plain"), 10);
    let ranges = [range(0, 1), range(4, 5)];
    let mut body = Vec::new();
    multipart.write_part_head(&mut body, ranges[0]);
    body.extend_from_slice(b"01");
    multipart.write_part_head(&mut body, ranges[1]);
    body.extend_from_slice(b"45");
    multipart.write_end(&mut body);
    let boundary = format!("{:032x}", 0xab);
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-5/10\r\n\r\n45\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&body), expected);
    assert_eq!(multipart.body_len(&ranges), body.len() as u64);
    let fields = [
        ("Cache-Control", "max-age=9"),
        ("content-type", "text/plain"),
    ];
    let head = stored(&private(), &fields).expect("stored");
    let mut lines = Vec::new();
    let answer = privet_cache::rules::answer::Answer::Partial(ranges.to_vec());
    privet_cache::rules::answer::write_lines(
        &mut lines,
        &head,
        &answer,
        Some(10),
        0,
        Some(&multipart),
    );
    let lines = String::from_utf8_lossy(&lines);
    assert!(lines.contains(&format!(
        "Content-Type: multipart/byteranges; boundary={boundary}\r\n"
    )));
    assert!(!lines.contains("text/plain") && !lines.contains("Content-Range"));
}

#[test]
fn stored_parts_and_what_is_missing() {
    let mut set = RangeSet::new();
    for (first, last) in [(10, 19), (30, 39), (50, 59)] {
        assert!(set.insert(range(first, last)));
    }
    assert!(set.covers(range(30, 39)) && !set.covers(range(30, 40)) && !set.covers(range(19, 30)));
    assert_eq!(
        set.missing(range(0, 69), 9),
        [range(0, 9), range(20, 29), range(40, 49), range(60, 69)]
    );
    assert_eq!(set.missing(range(15, 35), 9), [range(20, 29)]);
    assert_eq!(set.missing(range(12, 18), 9), []);
    assert_eq!(set.missing(range(40, 45), 9), [range(40, 45)]);
    assert!(set.insert(range(20, 29)), "touches both sides");
    assert_eq!(set.ranges(), [range(10, 39), range(50, 59)]);
    assert_eq!(set.total(), 40);
    assert!(set.insert(range(0, 100)));
    assert_eq!(set.ranges(), [range(0, 100)]);
    assert!(set.is_complete(101) && !set.is_complete(102) && RangeSet::new().is_complete(0));
}

#[test]
fn more_gaps_than_fetches_are_joined_at_the_smallest_stored_parts() {
    let mut set = RangeSet::new();
    for (first, last) in [(10, 19), (30, 30), (50, 59)] {
        set.insert(range(first, last));
    }
    assert_eq!(
        set.missing(range(0, 69), 3),
        [range(0, 9), range(20, 49), range(60, 69)]
    );
    assert_eq!(set.missing(range(0, 69), 1), [range(0, 69)]);
    assert_eq!(set.missing(range(0, 69), 0), [range(0, 69)]);
}

#[test]
fn a_full_set_takes_what_touches_it_only() {
    let mut set = RangeSet::new();
    for index in 0..MAX_RANGES as u64 {
        assert!(set.insert(range(index * 10, index * 10 + 1)));
    }
    assert!(!set.insert(range(5, 5)));
    assert!(set.insert(range(2, 2)));
    assert_eq!(set.ranges().len(), MAX_RANGES);
    assert!(set.insert(range(u64::MAX - 1, u64::MAX)) || set.ranges().len() == MAX_RANGES);
}

#[test]
fn the_request_for_what_is_missing() {
    let field = |ranges: &[ByteRange], complete| {
        let mut out = Vec::new();
        write_range_field(&mut out, ranges, complete);
        String::from_utf8(out).expect("ASCII")
    };
    assert_eq!(field(&[range(5, 9)], Some(10)), "Range: bytes=5-\r\n");
    assert_eq!(field(&[range(5, 8)], Some(10)), "Range: bytes=5-8\r\n");
    assert_eq!(
        field(&[range(0, 1), range(4, 5)], None),
        "Range: bytes=0-1,4-5\r\n"
    );
}

fn part(policy: &Policy, validator: &[Line<'_>]) -> StoredHead {
    let mut fields = vec![
        ("Cache-Control", "max-age=9"),
        ("Content-Range", "bytes 0-9/30"),
    ];
    fields.extend_from_slice(validator);
    stored_as(policy, &[("Range", "bytes=0-9")], 206, &fields).expect("stored")
}

#[test]
fn parts_are_combined_by_the_same_strong_validator() {
    let (old, now) = (date(-100), date(0));
    for (one, other, expected) in [
        (&[("ETag", "\"a\"")][..], &[("ETag", "\"a\"")][..], true),
        (&[("ETag", "\"a\"")], &[("ETag", "\"b\"")], false),
        (&[("ETag", "W/\"a\"")], &[("ETag", "W/\"a\"")], false),
        (&[("ETag", "\"a\"")], &[("ETag", "W/\"a\"")], false),
        (&[("ETag", "\"a\"")], &[], false),
        (&[], &[("ETag", "\"a\"")], false),
        (&[], &[], false),
        (&[("Last-Modified", &old)], &[("Last-Modified", &old)], true),
        (
            &[("Last-Modified", &old)],
            &[("Last-Modified", &now)],
            false,
        ),
        (
            &[("Last-Modified", &now)],
            &[("Last-Modified", &now)],
            false,
        ),
    ] {
        let head = part(&private(), one);
        let mut fields = vec![("Content-Range", "bytes 10-19/30")];
        fields.extend_from_slice(other);
        let fields = fields.as_slice();
        let response = Response {
            status: 206,
            fields: &fields,
            body_len: Some(10),
        };
        let combined = combine(&head, Some(30), &response);
        assert_eq!(
            combined.is_ok(),
            expected,
            "{one:?} {other:?}: {combined:?}"
        );
    }
}

#[test]
fn parts_of_another_length_or_shape_are_refused() {
    let head = part(&private(), &[("ETag", "\"a\"")]);
    let with = |status, content_range, body_len| {
        let fields: &[Line<'_>] = &[("ETag", "\"a\""), ("Content-Range", content_range)];
        let response = Response {
            status,
            fields: &fields,
            body_len,
        };
        combine(&head, Some(30), &response).map(|part| part.range)
    };
    assert_eq!(with(206, "bytes 10-19/30", Some(10)), Ok(range(10, 19)));
    assert_eq!(with(206, "bytes 10-19/*", None), Ok(range(10, 19)));
    assert_eq!(
        with(206, "bytes 10-19/31", Some(10)),
        Err(CacheReason::OtherRepresentation)
    );
    assert_eq!(
        with(206, "bytes 29-30/*", Some(2)),
        Err(CacheReason::OtherRepresentation)
    );
    assert_eq!(
        with(200, "bytes 10-19/30", Some(10)),
        Err(CacheReason::OtherRepresentation)
    );
    assert_eq!(
        with(206, "bytes 10-19/30", Some(9)),
        Err(CacheReason::BadContentRange)
    );
    assert_eq!(
        with(206, "bytes 10-30/30", Some(21)),
        Err(CacheReason::BadContentRange)
    );
}
