//! Datagrams at a UDP relay: no input panics, data is within its datagram, and a parsed header can be written and parsed
//! again.
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
