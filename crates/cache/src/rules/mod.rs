//! The rules of the standards as pure functions over header fields and times.
//!
//! A request is read once ([`request::Request`]). [`storing::store`] gives the head to store or why it is not stored;
//! [`vary::select`] finds the variant of a request; [`reuse::reuse`] says whether it answers, [`answer`] what of it.
//! [`validation`] asks the origin and merges what it says; [`invalidation`] names what an unsafe request makes invalid.

pub mod answer;
pub mod cache_status;
pub mod date;
pub mod directives;
pub mod etag;
pub mod fields;
pub mod invalidation;
pub mod keyed;
pub mod lifetime;
pub mod multipart;
pub mod no_vary_search;
mod normalise;
pub mod policy;
pub mod range;
pub mod range_set;
pub mod request;
pub mod reuse;
pub mod stored;
pub mod storing;
pub mod targeted;
pub mod time;
pub mod validation;
pub mod vary;
pub mod verdict;
