//! `privet`: a door to the engine.
fn main() {}
