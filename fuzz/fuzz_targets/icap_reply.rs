//! Replies of an ICAP service. No input panics; a head is the whole input, and what it says does not depend on how its lines
//! are folded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_scan::icap::reply::{Head, chunk_size, http_status, options};

fuzz_target!(|bytes: &[u8]| {
    if let Some(head) = Head::parse(bytes) {
        assert!((100..1000).contains(&head.status));
        assert!(bytes.starts_with(b"ICAP/1.0 ") && bytes.ends_with(b"\r\n\r\n"));
        let _ = (head.threat(), head.encapsulated(), head.closes());
        if let Some(options) = options(&head) {
            assert!(head.status == 200 && !options.ttl.is_zero());
        }
        let more = [bytes, b"x"].concat();
        assert_eq!(Head::parse(&more), None);
    }
    if let Some(size) = chunk_size(bytes) {
        assert!(bytes.ends_with(b"\r\n") && size < 1 << 60);
    }
    if let Some(status) = http_status(bytes) {
        assert!((100..1000).contains(&status));
    }
});
