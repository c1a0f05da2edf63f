//! What several of these tests need.

use privet_tests::{Origin, Privet};

pub const HELLO: &str = "hello from the origin\n";

/// Privet with its defaults, and an origin.
pub fn privet_and_origin() -> (Privet, Origin) {
    (Privet::start(""), Origin::http())
}
