//! Messages of SOCKS clients: no input panics, a result for a prefix is the result for the whole, and a message is never
//! longer than its input.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use privet_engine::detect::detect;
use privet_engine::socks::parsed::Parsed;
use privet_engine::socks::{v4, v5};

fuzz_target!(|bytes: &[u8]| {
    let _ = detect(bytes);
    holds(bytes, v5::greeting);
    holds(bytes, v5::login);
    holds(bytes, v5::request);
    holds(bytes, v5::address);
    holds(bytes, v4::request);
    if let Parsed::Complete(login, used) = v5::login(bytes) {
        let (name, password) = (login.name(bytes), login.password(bytes));
        assert!(!name.is_empty());
        assert_eq!(used, 3 + name.len() + password.len());
    }
});

fn holds<T: PartialEq + Debug>(bytes: &[u8], parse: fn(&[u8]) -> Parsed<T>) {
    let whole = parse(bytes);
    if let Parsed::Complete(_, used) = &whole {
        assert!(*used <= bytes.len());
        assert_eq!(parse(&bytes[..*used]), whole);
    }
    for end in 0..bytes.len().min(600) {
        let beginning = parse(&bytes[..end]);
        assert!(beginning == Parsed::Incomplete || beginning == whole);
    }
}
