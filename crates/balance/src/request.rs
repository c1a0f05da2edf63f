//! A request that needs a member.

use std::time::Instant;

/// One request that needs a member.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// For the policies by hash, see [`hash_key`](crate::hash_key).
    pub key: u64,
    /// Members that this request was sent to already; they are not selected again.
    pub tried: &'a [usize],
    pub fallback: Fallback,
    pub now: Instant,
    /// A random number.
    pub dice: u64,
}

/// What is used when no member is available, or all that are were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    Refuse,
    /// Unhealthy and ejected members by the same policy. For sites: a wrong health check must not take a site down,
    /// and a backend that is really dead costs one attempt.
    All,
    /// The unhealthy or ejected member whose pause ends first, whether or not it is over. For groups without another
    /// route.
    LongestDown,
    /// As [`Fallback::LongestDown`], but only a member whose pause is over. For groups whose caller can connect
    /// directly.
    Due,
}
