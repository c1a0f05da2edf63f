//! Who talks to whom: the live table, the history, totals that last. Written by the data plane without locks shared
//! between connections, read by control.

pub mod entry;
pub mod live;

pub use entry::{End, Opening};
pub use live::{Ledger, Live, Row};
