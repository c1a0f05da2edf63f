//! Pages of requests, and their order.

use std::sync::Arc;

use super::row::RequestRow;

/// Rows of one page.
pub const MAX_REQUEST_ROWS: usize = 1000;

/// How the rows of a page are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestSort {
    #[default]
    Started,
    Method,
    Url,
    Status,
    Type,
    Up,
    Down,
    FirstByte,
    Total,
    Cache,
    Scan,
}

/// Which rows of the matching ones are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestPageRequest {
    pub offset: usize,
    /// At most [`MAX_REQUEST_ROWS`].
    pub limit: usize,
    pub sort: RequestSort,
    /// Largest or newest first.
    pub descending: bool,
}

/// A page of requests.
#[derive(Debug, Clone, Default)]
pub struct RequestPage {
    /// How many rows match.
    pub total: usize,
    pub rows: Vec<Arc<RequestRow>>,
}

/// Smallest or oldest first.
pub(crate) fn sort(rows: &mut [Arc<RequestRow>], key: RequestSort) {
    let time = |row: &Arc<RequestRow>| (row.started, row.id);
    match key {
        RequestSort::Started => rows.sort_by_key(time),
        RequestSort::Status => rows.sort_by_key(|row| (row.status, time(row))),
        RequestSort::Up => rows.sort_by_key(|row| (row.up, time(row))),
        RequestSort::Down => rows.sort_by_key(|row| (row.down, time(row))),
        RequestSort::FirstByte => rows.sort_by_key(|row| (row.first_byte, time(row))),
        RequestSort::Cache => rows.sort_by_key(|row| (row.cache, time(row))),
        RequestSort::Scan => rows.sort_by(|a, b| {
            let verdict = |row: &RequestRow| row.scan.as_ref().map(|scan| scan.verdict);
            let texts = verdict(a).cmp(&verdict(b));
            texts.then_with(|| time(a).cmp(&time(b)))
        }),
        RequestSort::Total => rows.sort_by_key(|row| (row.total, time(row))),
        RequestSort::Method => rows.sort_by(|a, b| {
            let texts = a.method.cmp(&b.method);
            texts.then_with(|| time(a).cmp(&time(b)))
        }),
        RequestSort::Url => rows.sort_by(|a, b| {
            let texts = a.url.cmp(&b.url);
            texts.then_with(|| time(a).cmp(&time(b)))
        }),
        RequestSort::Type => rows.sort_by(|a, b| {
            let texts = a.media_type.cmp(&b.media_type);
            texts.then_with(|| time(a).cmp(&time(b)))
        }),
    }
}
