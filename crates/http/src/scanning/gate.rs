//! How much of a body its readers get, apart from the request that fetched it.

use super::report::ScanReport;

/// How much of a body its verdict releases.
#[derive(Debug, Clone, Default)]
pub(crate) enum Gate {
    #[default]
    Closed,
    /// Its beginning is released before its verdict.
    Trickles,
    Ended(ScanReport),
}
