//! Metrics for Prometheus at `[control] metrics`. Their names are stable; docs/metrics.md lists them.

mod families;
mod sites;

use std::fmt;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, header};
use privet_api::Problem;
use privet_api::sites::Sites;
use privet_cache::shared::SharedStats;
use privet_connection_log::Totals;
use privet_engine::{Engine, ListState};
use privet_net::outbound_health::{OutboundHealth, OutboundState};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use families::{counters, gauge, gauge_f64, gauges};

use crate::auth::guard;
use crate::handlers::sites::sites;
use crate::rejection::Rejection;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// GET /metrics, without a token, behind the Host and Origin checks of every TCP server.
pub fn router(engine: Engine, started_ms: u64) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state((engine, started_ms))
        .fallback(|| async { Rejection(Problem::not_found("There is only /metrics here.")) })
        .layer(middleware::from_fn(guard::check_host_and_origin))
}

async fn scrape(
    State((engine, started_ms)): State<(Engine, u64)>,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    let metrics = Metrics::collect(&engine, started_ms).await;
    let text = metrics
        .encode_text()
        .map_err(|error| Problem::internal(error.to_string()))?;
    let (text, kind) = match accepts_openmetrics(&headers) {
        true => (text, OPENMETRICS),
        false => (to_prometheus_text(&text), PROMETHEUS),
    };
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// Whether the scraper asks for OpenMetrics; others get the text format that all of them read.
fn accepts_openmetrics(headers: &HeaderMap) -> bool {
    let kinds = headers.get_all(header::ACCEPT);
    kinds.iter().any(|kinds| {
        kinds
            .to_str()
            .is_ok_and(|kinds| kinds.contains("application/openmetrics-text"))
    })
}

/// OpenMetrics text in the older Prometheus text format: `# TYPE` and `# HELP` of a counter have the suffix `_total`, and there is no `# EOF`.
fn to_prometheus_text(openmetrics: &str) -> String {
    let counters: Vec<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut out = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(&name) => {
                out.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// The metrics of one scrape.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub started_ms: u64,
    pub totals: Totals,
    pub lost_rows: u64,
    pub outbounds: Vec<OutboundHealth>,
    pub lists: Vec<ListState>,
    pub problems: usize,
    pub sites: Sites,
    /// The store that machines share.
    pub redis: Option<SharedStats>,
}

impl Metrics {
    async fn collect(engine: &Engine, started_ms: u64) -> Self {
        Self {
            started_ms,
            totals: engine.connection_log().totals(),
            lost_rows: engine.connection_log().dropped_rows(),
            outbounds: engine.upstreams(),
            lists: engine.lists().await,
            problems: engine.problems().len(),
            sites: sites(engine),
            redis: engine.caches().shared_stats(),
        }
    }

    /// As OpenMetrics text.
    pub fn encode_text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        text::encode(&mut out, &registry)?;
        Ok(out)
    }

    fn traffic(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let totals = &self.totals;
        gauge(
            out,
            "privet_connections_active",
            "Open connections",
            totals.active,
        )?;
        let allowed = totals
            .connections
            .saturating_sub(totals.blocked + totals.failed);
        counters(
            out,
            "privet_connections",
            "Requested connections, by verdict",
            &[
                (vec![("verdict", "allowed")], allowed),
                (vec![("verdict", "blocked")], totals.blocked),
                (vec![("verdict", "failed")], totals.failed),
            ],
        )?;
        let bytes: Vec<_> = [
            ("direct", totals.direct),
            ("routed", totals.routed),
            ("cached", totals.cached),
        ]
        .into_iter()
        .flat_map(|(route, sums)| {
            [
                (vec![("direction", "up"), ("route", route)], sums.up),
                (vec![("direction", "down"), ("route", route)], sums.down),
            ]
        })
        .collect();
        counters(
            out,
            "privet_bytes",
            "Bytes relayed: up from clients, down to them",
            &bytes,
        )?;
        counters(
            out,
            "privet_history_lost",
            "Closed connections that are missing in the history",
            &[(vec![], self.lost_rows)],
        )
    }

    fn upstreams(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let known = || {
            self.outbounds
                .iter()
                .filter(|outbound| outbound.state != OutboundState::Unknown)
        };
        gauges(
            out,
            "privet_upstream_up",
            "1: the upstream or group is up, 0: it is down; absent: not tried yet",
            "upstream",
            known().map(|outbound| {
                (
                    outbound.name.as_str(),
                    f64::from(u8::from(outbound.state == OutboundState::Up)),
                )
            }),
        )?;
        gauges(
            out,
            "privet_upstream_latency_seconds",
            "Connect time through it in seconds, smoothed",
            "upstream",
            known().filter_map(|outbound| {
                Some((outbound.name.as_str(), outbound.latency_ms? / 1000.0))
            }),
        )?;
        gauges(
            out,
            "privet_upstream_failures",
            "Failures since its last success",
            "upstream",
            self.outbounds
                .iter()
                .map(|outbound| (outbound.name.as_str(), f64::from(outbound.failures))),
        )
    }

    fn lists(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let lists = || self.lists.iter();
        gauges(
            out,
            "privet_list_entries",
            "Entries of the blocklist in use",
            "list",
            lists().map(|list| (list.name.as_str(), list.entries as f64)),
        )?;
        let hits: Vec<_> = lists()
            .map(|list| (vec![("list", list.name.as_str())], list.hits))
            .collect();
        counters(
            out,
            "privet_list_hits",
            "Connections that the list matched",
            &hits,
        )
    }

    fn redis(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(redis) = &self.redis else {
            return Ok(());
        };
        gauge(
            out,
            "privet_cache_redis_up",
            "1: requests ask the store that machines share, 0: it is away or left alone",
            redis.connected.into(),
        )?;
        let results = [
            ("hit", redis.hits),
            ("miss", redis.misses),
            ("skipped", redis.skipped),
            ("refused", redis.refused),
        ];
        counters(
            out,
            "privet_cache_redis_requests",
            "Requests that came to the store that machines share, by result",
            &results.map(|(result, count)| (vec![("result", result)], count)),
        )?;
        let writes = [("written", redis.written), ("dropped", redis.dropped)];
        counters(
            out,
            "privet_cache_redis_writes",
            "Responses for the store that machines share, by result",
            &writes.map(|(result, count)| (vec![("result", result)], count)),
        )?;
        counters(
            out,
            "privet_cache_redis_failures",
            "Failures and time-outs of the store that machines share",
            &[(vec![], redis.failures)],
        )
    }
}

impl Collector for Metrics {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut out;
        gauges(
            out,
            "privet_build_info",
            "Version of the running program",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1.0)],
        )?;
        let started = self.started_ms as f64 / 1000.0;
        gauge_f64(
            out,
            "privet_start_time_seconds",
            "Start of the engine, in seconds since 1970",
            started,
        )?;
        self.traffic(out)?;
        self.upstreams(out)?;
        self.lists(out)?;
        sites::encode(&self.sites, out)?;
        self.redis(out)?;
        gauge(
            out,
            "privet_problems",
            "Current problems, as `privet doctor` lists them",
            self.problems as u64,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use privet_net::outbound_health::OutboundKind;

    use super::*;

    fn full() -> Metrics {
        Metrics {
            outbounds: vec![OutboundHealth {
                name: "tor".into(),
                kind: OutboundKind::Upstream,
                state: OutboundState::Up,
                route: "tor".into(),
                last_error: None,
                latency_ms: Some(250.0),
                failures: 2,
                members: vec![],
                current: None,
            }],
            lists: vec![ListState {
                name: "a\"d\ns".into(),
                source: "ads.txt".into(),
                entries: 3,
                hits: 5,
                ..ListState::default()
            }],
            sites: sites::tests::sites(),
            redis: Some(SharedStats::default()),
            ..Metrics::default()
        }
    }

    #[test]
    fn every_metric_is_documented_and_every_documented_metric_is_there() {
        let text = full().encode_text().unwrap();
        let reported: BTreeSet<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(['{', ' ']).next())
            .collect();
        let page = include_str!("../../../../docs/metrics.md");
        let documented: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
            .collect();
        assert_eq!(reported, documented);
    }

    #[test]
    fn the_text_format_gives_the_type_of_a_counter_under_its_full_name() {
        let text = to_prometheus_text(&full().encode_text().unwrap());
        assert!(text.contains("# TYPE privet_list_hits_total counter\nprivet_list_hits_total{"));
        assert!(text.contains("# HELP privet_list_hits_total Connections that the list matched\n"));
        assert!(text.contains("# TYPE privet_list_entries gauge\n"));
        assert!(!text.contains("EOF"));
        let asks = |accept| {
            let accept = HeaderValue::from_static(accept);
            accepts_openmetrics(&HeaderMap::from_iter([(header::ACCEPT, accept)]))
        };
        assert!(asks(
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        ));
        assert!(!asks("*/*") && !accepts_openmetrics(&HeaderMap::new()));
    }

    #[test]
    fn names_from_the_configuration_cannot_break_a_line() {
        let text = full().encode_text().unwrap();
        assert!(
            text.contains(r#"privet_list_hits_total{list="a\"d\ns"} 5"#),
            "{text}"
        );
        assert!(text.contains("privet_upstream_latency_seconds{upstream=\"tor\"} 0.25"));
        assert!(text.ends_with("# EOF\n"));
    }
}
