//! The recorded requests of all connections.

use std::collections::HashMap;
use std::sync::Arc;

use super::ConnectionLog;
use crate::requests::{
    MAX_REQUEST_ROWS, RequestFilter, RequestPage, RequestPageRequest, RequestRing, RequestRow,
    RequestSort, sort,
};

impl ConnectionLog {
    /// Starts or stops recording requests. Stopping drops those that were recorded.
    pub fn record_requests(&self, wanted: bool) {
        for ring in self.request_rings() {
            ring.set_recording(wanted);
        }
    }

    pub fn records_requests(&self) -> bool {
        self.request_rings().any(RequestRing::is_recording)
    }

    /// A number that changes whenever a request is recorded, or recording starts or stops.
    pub fn requests_version(&self) -> u64 {
        self.request_rings().map(RequestRing::version).sum()
    }

    /// The recorded requests of each connection, by its id, oldest first.
    pub fn requests_by_connection(&self) -> HashMap<u64, Vec<Arc<RequestRow>>> {
        let mut found: HashMap<u64, Vec<_>> = HashMap::new();
        for row in self.matching_requests(&RequestFilter::default(), RequestSort::Started, false) {
            found.entry(row.connection).or_default().push(row);
        }
        found
    }

    /// All requests that match.
    pub fn matching_requests(
        &self,
        filter: &RequestFilter,
        by: RequestSort,
        descending: bool,
    ) -> Vec<Arc<RequestRow>> {
        let mut rows = Vec::new();
        for ring in self.request_rings() {
            ring.copy_matching(filter, &mut rows);
        }
        sort(&mut rows, by);
        if descending {
            rows.reverse();
        }
        rows
    }

    /// A page of the requests that match.
    pub fn requests(&self, filter: &RequestFilter, wanted: &RequestPageRequest) -> RequestPage {
        let rows = self.matching_requests(filter, wanted.sort, wanted.descending);
        RequestPage {
            total: rows.len(),
            rows: rows
                .into_iter()
                .skip(wanted.offset)
                .take(wanted.limit.min(MAX_REQUEST_ROWS))
                .collect(),
        }
    }
}
