//! Whatever arrives at a UDP relay: nothing panics, data lies within its datagram, and a header that was read can be
//! written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_engine::socks::udp::datagram;

fuzz_target!(|bytes: &[u8]| {
    let Ok((target, data_at)) = datagram::parse(bytes) else {
        return;
    };
    assert!(data_at <= bytes.len() && data_at <= datagram::MAX_HEADER);
    let header = datagram::header(&target);
    assert!(header.len() <= datagram::MAX_HEADER);
    assert_eq!(datagram::parse(&header), Ok((target, header.len())));
});
