//! Bytes of FTP servers: replies and lines of listings. No input panics; a complete reply does not depend on what follows it,
//! and is incomplete at each byte before its end; a name in a listing is a part of its line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_ftp::reply::{MAX_REPLY, parse};
use privet_ftp::{RemotePath, listing, passive};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((reply, taken))) = parse(bytes) {
        assert!((100..600).contains(&reply.code) && taken <= bytes.len() && taken <= MAX_REPLY);
        assert!(!reply.text.chars().any(char::is_control));
        assert_ne!(passive::extended_port(&reply.text), Some(0));
        assert_ne!(passive::port(&reply.text), Some(0));
        for cut in 0..taken.min(300) {
            assert_eq!(parse(&bytes[..cut]), Ok(None));
        }
        assert_eq!(parse(&bytes[..taken]), Ok(Some((reply, taken))));
    }
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(entry) = listing::parse_line(line) {
            assert!(!entry.name.is_empty() && entry.name.len() < line.len());
        }
    }
    if let Ok(path) = RemotePath::parse(bytes) {
        assert!(
            !path
                .bytes
                .iter()
                .any(|byte| matches!(byte, b'\r' | b'\n' | 0))
        );
    }
});
