//! Replies of SOCKS upstreams: no input panics; a complete reply does not depend on what follows it, and is incomplete
//! at each byte before its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_net::hop::reply::MalformedReply;
use privet_net::hop::{socks4, socks5};

fn steady<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    parse: fn(&[u8]) -> Result<Option<(T, usize)>, MalformedReply>,
) {
    let Ok(Some((reply, taken))) = parse(bytes) else {
        return;
    };
    assert!(taken <= bytes.len() && taken <= socks5::MAX_REPLY);
    assert_eq!(parse(&bytes[..taken]), Ok(Some((reply, taken))));
    for cut in 0..taken {
        assert_eq!(parse(&bytes[..cut]), Ok(None));
    }
}

fuzz_target!(|bytes: &[u8]| {
    steady(bytes, socks5::parse_method);
    steady(bytes, socks5::parse_login_answer);
    steady(bytes, socks5::parse_reply);
    steady(bytes, socks4::parse_reply);
});
