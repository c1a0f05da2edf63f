//! Replies of a clamd. No input panics; only a reply that ends as a verdict does is one, and no name has control characters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_scan::clamd::reply::{Found, scan, version};

fuzz_target!(|bytes: &[u8]| {
    match scan(bytes, 1) {
        Some(Found::Nothing) => assert_eq!(bytes, b"1: stream: OK\0"),
        Some(Found::Signature(name)) => {
            assert!(bytes.ends_with(b" FOUND\0"));
            assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()));
        }
        Some(Found::Error(text)) => {
            assert!(bytes.ends_with(b" ERROR\0") && !text.chars().any(char::is_control));
        }
        None => {}
    }
    if let Some(version) = version(bytes) {
        assert!(version.text.starts_with("ClamAV "));
    }
});
