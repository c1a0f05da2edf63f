//! `cargo xtask`: what a newcomer and CI call.
fn main() {}
