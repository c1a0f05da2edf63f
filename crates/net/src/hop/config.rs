//! An upstream as a hop of a chain.

use std::sync::Arc;

use privet_config::{Isolation, Scheme};
use privet_policy::Target;

use super::credentials::Credentials;
use crate::entry_address::EntryAddress;
use crate::tls::TlsClient;

/// An upstream as the configuration defines it, with its secret.
pub(crate) struct Hop {
    pub(crate) name: Arc<str>,
    pub(crate) scheme: Scheme,
    pub(crate) endpoint: Target,
    pub(crate) login: Option<Credentials>,
    pub(crate) isolate: Isolation,
    /// Set for `https`.
    pub(crate) tls: Option<TlsClient>,
    pub(crate) entry: EntryAddress,
}

impl Hop {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let login = match (&self.login, &other.login) {
            (Some(one), Some(two)) => one.is_same(two),
            (None, None) => true,
            _ => false,
        };
        login
            && self.scheme == other.scheme
            && self.isolate == other.isolate
            && self.entry == other.entry
            && self.tls.as_ref().map(TlsClient::options)
                == other.tls.as_ref().map(TlsClient::options)
    }
}
