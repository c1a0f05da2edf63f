//! An HTTP archive (HAR 1.2): an entry for each recorded request, and one for each connection without any, because nothing
//! of it could be read (a tunnel) or is kept. Extra fields begin with `_`, as the format asks.

mod connection;
mod format;
mod request;

use format::{Archive, Creator, Log};
use privet_api::connections::ConnectionRow;
use privet_api::requests::RequestRow;

/// What an entry stands for.
pub enum ExportedRow {
    /// A connection without recorded requests.
    Connection(ConnectionRow),
    Request(RequestRow),
}

/// A whole archive.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn write<'a>(rows: impl IntoIterator<Item = &'a ExportedRow>) -> serde_json::Result<Vec<u8>> {
    let entries = rows.into_iter().map(|row| match row {
        ExportedRow::Connection(row) => connection::entry(row),
        ExportedRow::Request(row) => request::entry(row),
    });
    serde_json::to_vec(&Archive {
        log: Log {
            version: "1.2",
            creator: Creator {
                name: "Privet",
                version: env!("CARGO_PKG_VERSION"),
            },
            entries: entries.collect(),
            comment: "_kind is \"request\", or \"connection\" for a connection whose requests are not readable or not \
                      kept. Header fields and bodies are not kept.",
        },
    })
}
