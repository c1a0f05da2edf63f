//! Archives. No input panics, and what is visited stays within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_scan::Limits;
use privet_scan::unpack::{Stop, Visitor, visit};

struct Sizes(u64);

impl Visitor for Sizes {
    fn object(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        bytes: 1 << 20,
        members: 100,
        ..Limits::default()
    };
    let mut sizes = Sizes(0);
    let _ = visit(bytes, &[], &limits, &mut sizes);
    // The last layer may be visited before the limit is noticed by the next.
    assert!(sizes.0 <= bytes.len() as u64 + 2 * limits.bytes);
});
