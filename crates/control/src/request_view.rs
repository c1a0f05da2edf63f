//! A checked query for requests, which can be run again and again.

use std::sync::Arc;

use privet_api::Problem;
use privet_api::requests::{NotRecorded, RequestPage, RequestRow, RequestsQuery};
use privet_connection_log::RequestRow as RecordedRequest;
use privet_connection_log::requests::{
    DialPhases, MAX_REQUEST_ROWS, RequestFilter, RequestPageRequest, RequestSort,
};
use privet_engine::{Engine, RequestsOff};

use crate::extract;

/// The columns that sort.
const COLUMNS: [(&str, RequestSort); 11] = [
    ("started", RequestSort::Started),
    ("method", RequestSort::Method),
    ("url", RequestSort::Url),
    ("status", RequestSort::Status),
    ("type", RequestSort::Type),
    ("up", RequestSort::Up),
    ("down", RequestSort::Down),
    ("first_byte_ms", RequestSort::FirstByte),
    ("total_ms", RequestSort::Total),
    ("cache", RequestSort::Cache),
    ("scan", RequestSort::Scan),
];

/// A page of requests.
pub(crate) struct RequestViewer {
    filter: RequestFilter,
    page: RequestPageRequest,
    queries: bool,
}

/// Changes whenever a page may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestsVersion(u64, Option<RequestsOff>);

impl RequestViewer {
    /// # Errors
    /// 400: the filter, the column or the size is invalid.
    pub(crate) fn new(query: &RequestsQuery) -> Result<Self, Problem> {
        extract::check_page(query.limit, query.offset, MAX_REQUEST_ROWS)?;
        let (sort, descending) = parse_sort(query.sort.as_deref().unwrap_or("-started"))?;
        Ok(Self {
            filter: parse_filter(query.filter.as_deref())?,
            page: RequestPageRequest {
                offset: query.offset as usize,
                limit: query.limit as usize,
                sort,
                descending,
            },
            queries: query.queries,
        })
    }

    pub(crate) fn view(&self, engine: &Engine) -> RequestPage {
        let log = engine.connection_log();
        let page = log.requests(&self.filter, &self.page);
        let rows = page.rows.iter();
        RequestPage {
            total: page.total as u64,
            offset: self.page.offset as u64,
            recording: log.records_requests(),
            not_recorded: engine.requests_off().map(not_recorded),
            rows: rows.map(|one| row(one, self.queries)).collect(),
        }
    }

    /// The same for two pages between which nothing changed.
    pub(crate) fn version(engine: &Engine) -> RequestsVersion {
        let version = engine.connection_log().requests_version();
        RequestsVersion(version, engine.requests_off())
    }
}

/// All requests that match, at most `most`.
///
/// # Errors
/// 400: the filter or the column is invalid.
pub(crate) fn matching(
    engine: &Engine,
    filter: Option<&str>,
    sort: Option<&str>,
    most: usize,
) -> Result<Vec<Arc<RecordedRequest>>, Problem> {
    let filter = parse_filter(filter)?;
    let (sort, descending) = parse_sort(sort.unwrap_or("started"))?;
    let log = engine.connection_log();
    let mut rows = log.matching_requests(&filter, sort, descending);
    rows.truncate(most);
    Ok(rows)
}

fn parse_filter(text: Option<&str>) -> Result<RequestFilter, Problem> {
    let text = text.unwrap_or_default();
    extract::check_filter(text, || text.parse())
}

fn parse_sort(text: &str) -> Result<(RequestSort, bool), Problem> {
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    match COLUMNS.iter().find(|(column, _)| *column == name) {
        Some((_, key)) => Ok((*key, descending)),
        None => Err(Problem::bad_request(format!(
            "There is no column \"{}\": the columns are {}.",
            privet_api::escape(name),
            COLUMNS.map(|(column, _)| column).join(", ")
        ))),
    }
}

fn not_recorded(off: RequestsOff) -> NotRecorded {
    match off {
        RequestsOff::Requests => NotRecorded::LogRequests,
        RequestsOff::Connections => NotRecorded::LogConnections,
        RequestsOff::Mode => NotRecorded::ModeHistory,
    }
}

/// A request as the API shows it. `queries`: with the query of its URL.
pub(crate) fn row(request: &RecordedRequest, queries: bool) -> RequestRow {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    let DialPhases { dns, connect, tls } = request.dial.unwrap_or_default();
    let scan = request.scan.as_deref();
    RequestRow {
        id: request.id,
        connection: request.connection,
        started: request.started,
        client: request.client.to_string(),
        user: request.user.as_deref().map(str::to_owned),
        method: request.method.to_string(),
        url: match queries {
            true => request.url.to_string(),
            false => request.redacted_url().into_owned(),
        },
        http_version: request.version.name().to_owned(),
        remote: request.remote.map(|ip| ip.to_string()),
        status: request.status,
        media_type: request.media_type.as_deref().map(str::to_owned),
        route: request.route.to_string(),
        up: request.up,
        down: request.down,
        up_head: request.up_head,
        down_head: request.down_head,
        dns_ms: dns.map(ms),
        connect_ms: connect.map(ms),
        tls_ms: tls.map(ms),
        first_byte_ms: request.first_byte.map(ms),
        total_ms: ms(request.total),
        cache: request.cache.map(|used| used.word.to_owned()),
        cache_why: request.cache.and_then(|used| used.why).map(str::to_owned),
        scan: scan.map(|scan| scan.verdict.to_owned()),
        scan_engine: scan.and_then(|scan| scan.engine).map(str::to_owned),
        scan_rule: scan
            .and_then(|scan| scan.rule.as_deref())
            .map(str::to_owned),
        scan_sha256: scan
            .and_then(|scan| scan.sha256.as_deref())
            .map(str::to_owned),
        scan_ms: scan.map(|scan| ms(scan.took)),
        error: request.error.as_deref().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use super::*;
    use privet_api::requests::RequestExportQuery;

    #[test]
    fn the_document_names_every_column_that_sorts() {
        let pattern = format!("^-?({})$", COLUMNS.map(|(column, _)| column).join("|"));
        for parameters in [
            RequestsQuery::into_params(|| None),
            RequestExportQuery::into_params(|| None),
        ] {
            let mut parameters = parameters.iter();
            let sort = parameters.find(|parameter| parameter.name == "sort");
            let schema = serde_json::to_value(&sort.unwrap().schema).unwrap();
            assert_eq!(schema["pattern"], pattern);
        }
    }

    #[test]
    fn an_invalid_page_is_refused() {
        let with = |change: fn(&mut RequestsQuery)| {
            let mut query = RequestsQuery::default();
            change(&mut query);
            RequestViewer::new(&query)
                .map(|_| ())
                .map_err(|problem| problem.status)
        };
        assert_eq!(with(|query| query.limit = 1001), Err(400));
        assert_eq!(with(|query| query.offset = u32::MAX), Err(400));
        assert_eq!(with(|query| query.sort = Some("nonsense".into())), Err(400));
        assert_eq!(
            with(|query| query.filter = Some("nosuch:x".into())),
            Err(400)
        );
        assert_eq!(
            with(|query| query.filter = Some("x".repeat(1001))),
            Err(400)
        );
        assert_eq!(with(|query| query.sort = Some("-cache".into())), Ok(()));
    }
}
