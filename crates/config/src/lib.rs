//! The file users write, as a checked [`Config`]; secrets stay references; saving is atomic. Knows nobody.

pub mod model;

pub use model::*;
