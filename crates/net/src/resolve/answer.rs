//! What a lookup answers.

use std::net::IpAddr;
use std::sync::Arc;

/// Why there are no addresses.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ResolveError {
    #[error("the name {0} does not exist or has no address")]
    NotFound(Arc<str>),
    #[error("the resolver did not answer for {0}")]
    NoAnswer(Arc<str>),
}

pub(crate) type ResolveResult = Result<Arc<[IpAddr]>, ResolveError>;
