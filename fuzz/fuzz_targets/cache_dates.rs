//! HTTP dates. No input panics; a date that is read is written in the standard's form, which is the same moment, and says the
//! same in any case.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_cache::Timestamp;
use privet_cache::rules::date::{parse, write};

const NOW: Timestamp = Timestamp(1_800_000_000);

fuzz_target!(|bytes: &[u8]| {
    let Some(time) = parse(bytes, NOW) else {
        return;
    };
    let mut text = Vec::new();
    write(&mut text, time);
    assert_eq!(text.len(), 29);
    for now in [NOW, Timestamp(0), Timestamp(i64::MIN), Timestamp(i64::MAX)] {
        assert_eq!(parse(&text, now), Some(time));
        // The years of RFC 850 depend on the year it is, the other forms do not.
        assert!(parse(bytes, now) == Some(time) || bytes.contains(&b'-'));
    }
    assert_eq!(parse(&bytes.to_ascii_uppercase(), NOW), Some(time));
    assert_eq!(parse(&bytes.to_ascii_lowercase(), NOW), Some(time));
});
