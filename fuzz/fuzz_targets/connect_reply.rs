//! Replies of HTTP upstreams to CONNECT: no input panics, the end of the head does not depend on what follows it, and a valid
//! head is incomplete, not an error, one byte before its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_net::hop::http::parse_reply;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((status, taken))) = parse_reply(bytes) else {
        return;
    };
    assert!((200..600).contains(&status) && taken <= bytes.len());
    assert_eq!(parse_reply(&bytes[..taken]), Ok(Some((status, taken))));
    for cut in 0..taken {
        assert_eq!(parse_reply(&bytes[..cut]), Ok(None));
    }
});
