//! Requests that could be read, as rows of their own. They are kept in memory, never on disk, and only so many.

mod fields;
mod filter;
mod page;
mod ring;
mod row;

pub use fields::{REQUEST_FIELDS, RequestField, RequestFieldHelp};
pub use filter::{RequestFilter, RequestFilterError};
pub(crate) use page::sort;
pub use page::{MAX_REQUEST_ROWS, RequestPage, RequestPageRequest, RequestSort};
pub(crate) use ring::RequestRing;
pub use row::{CacheUse, DialPhases, HttpVersion, NewRequest, RequestRow, RequestScan};
