//! The rules of the standards as pure functions over header fields and times.

pub mod fields;
pub mod policy;
pub mod request;
pub mod stored;
pub mod time;
pub mod verdict;
