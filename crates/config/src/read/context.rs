//! What the readers of the sections share.

use std::path::PathBuf;

use super::outbound_names::OutboundNames;

/// What the readers of the sections share.
pub(super) struct ReadContext<'a> {
    /// The folder of the configuration.
    pub base: PathBuf,
    pub outbounds: OutboundNames<'a>,
}

impl ReadContext<'_> {
    /// An absolute path; relative paths are relative to the configuration's folder.
    pub fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }
}
