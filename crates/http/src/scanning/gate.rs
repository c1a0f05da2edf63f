//! What of a body may be read apart from its request.

use super::report::ScanReport;

/// What a body's verdict lets a client have.
#[derive(Debug, Clone, Default)]
pub(crate) enum Gate {
    #[default]
    Closed,
    /// Its beginning goes on before its verdict.
    Trickles,
    Ended(ScanReport),
}
