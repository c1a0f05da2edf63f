//! Requests of the connection log: bounds, filters and switching them off.

mod support;

use std::time::Duration;

use privet_connection_log::requests::{
    HttpVersion, RequestFilter, RequestPageRequest, RequestSort,
};
use privet_connection_log::{ConnectionLog, NewRequest, WipeRange};
use support::opening;

#[test]
fn requests_are_kept_in_memory_bounded_and_only_while_wanted() {
    let log = ConnectionLog::default();
    let live = log.open(opening("a.test", 80));
    let record = |url: &str, status| {
        live.record_request(&NewRequest {
            method: b"GET",
            url,
            version: HttpVersion::Http11,
            status: Some(status),
            media_type: Some(b"Text/HTML; charset=utf-8"),
            up: 10,
            down: 20,
            up_head: 10,
            down_head: 12,
            dial: None,
            first_byte: Some(Duration::from_millis(3)),
            total: Duration::from_millis(5),
            cache: None,
            scan: None,
            error: None,
        });
    };
    let page = |filter: &str| {
        let wanted = RequestPageRequest {
            offset: 0,
            limit: 10,
            sort: RequestSort::Started,
            descending: true,
        };
        log.requests(&filter.parse::<RequestFilter>().unwrap(), &wanted)
    };
    record("http://a.test/before", 200);
    assert_eq!(page("").total, 0);
    log.record_requests(true);
    for n in 0..6_000 {
        record(&format!("http://a.test/{n}"), 200 + n % 2);
    }
    let all = page("");
    assert_eq!(all.total, 5_000);
    let newest = &all.rows[0];
    assert_eq!(&*newest.url, "http://a.test/5999");
    assert_eq!(newest.media_type.as_deref(), Some("text/html"));
    assert_eq!(newest.connection, live.row().id);
    assert_eq!(page("status:201").total, 2_500);
    let before = log.requests_version();
    log.wipe(WipeRange::Between { from: 0, to: 1 });
    assert_eq!(page("").total, 5_000);
    log.wipe(WipeRange::All);
    assert_eq!(page("").total, 0);
    assert_ne!(log.requests_version(), before);
    record("http://a.test/after", 200);
    assert_eq!(page("").total, 1);
    log.record_requests(false);
    assert_eq!(page("").total, 0);
}
