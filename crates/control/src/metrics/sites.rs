//! Metrics of sites and their backends for Prometheus.

use std::fmt;

use privet_api::sites::{Site, SiteBackend, Sites};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::families::counters;

/// A backend with the labels that name it.
struct LabelledBackend<'a> {
    labels: [(&'static str, &'a str); 3],
    backend: &'a SiteBackend,
}

pub(crate) fn encode<'a>(sites: &'a Sites, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let all = &sites.sites;
    let of = |value: fn(&Site) -> u64| -> Vec<_> {
        let labelled = |site: &'a Site| (vec![("site", site.name.as_str())], value(site));
        all.iter().map(labelled).collect()
    };
    counters(
        out,
        "privet_site_requests",
        "Requests to a site",
        &of(|site| site.requests),
    )?;
    counters(
        out,
        "privet_site_refused",
        "Requests that a site answered itself",
        &of(|site| site.refused),
    )?;
    counters(
        out,
        "privet_site_retries",
        "Requests that were sent to another backend after a failure",
        &of(|site| site.retries),
    )?;
    let responses: Vec<_> = all.iter().flat_map(responses).collect();
    counters(
        out,
        "privet_site_responses",
        "Responses of backends, by the first digit of the status",
        &responses,
    )?;
    backends(&labelled(sites), out)
}

fn responses(site: &Site) -> Vec<(Vec<(&str, &str)>, u64)> {
    let by = &site.responses;
    [
        ("1xx", by.informational),
        ("2xx", by.successful),
        ("3xx", by.redirection),
        ("4xx", by.client_error),
        ("5xx", by.server_error),
    ]
    .map(|(class, count)| (vec![("site", site.name.as_str()), ("class", class)], count))
    .into()
}

fn labelled<'a>(sites: &'a Sites) -> Vec<LabelledBackend<'a>> {
    let of_site = |site: &'a Site| {
        let routes = site.routes.iter();
        routes.flat_map(move |route| {
            let path = route.path.as_deref().unwrap_or_default();
            route.backends.iter().map(move |backend| LabelledBackend {
                labels: [
                    ("site", site.name.as_str()),
                    ("route", path),
                    ("backend", backend.url.as_str()),
                ],
                backend,
            })
        })
    };
    sites.sites.iter().flat_map(of_site).collect()
}

fn backends(all: &[LabelledBackend<'_>], out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let known = |it: &SiteBackend| it.state != "unknown";
    gauges(
        out,
        "privet_backend_up",
        "1: requests go to the backend; absent: not tried yet",
        all,
        |it| known(it).then(|| f64::from(u8::from(it.state == "healthy"))),
    )?;
    gauges(
        out,
        "privet_backend_in_flight",
        "Requests that the backend is answering",
        all,
        |it| Some(it.in_flight as f64),
    )?;
    gauges(
        out,
        "privet_backend_latency_seconds",
        "Time to the first byte of the backend's answers, smoothed",
        all,
        |it| it.latency_ms.map(|ms| ms / 1000.0),
    )?;
    let of = |value: fn(&SiteBackend) -> u64| -> Vec<_> {
        all.iter()
            .map(|it| (it.labels.to_vec(), value(it.backend)))
            .collect()
    };
    counters(
        out,
        "privet_backend_requests",
        "Requests that were sent to the backend",
        &of(|it| it.requests),
    )?;
    counters(
        out,
        "privet_backend_failures",
        "Requests that failed through the backend's fault",
        &of(|it| it.failures),
    )
}

fn gauges(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    all: &[LabelledBackend<'_>],
    value: impl Fn(&SiteBackend) -> Option<f64>,
) -> fmt::Result {
    let mut values = all
        .iter()
        .filter_map(|it| Some((it.labels, value(it.backend)?)))
        .peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let mut metric = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use privet_api::sites::{ResponseCounts, SiteRoute};

    use super::*;

    pub(crate) fn sites() -> Sites {
        let backend = SiteBackend {
            id: "1".into(),
            url: "http://127.0.0.1:9001".into(),
            weight: 1,
            manual_weight: None,
            state: "healthy".into(),
            since_ms: None,
            last_check: None,
            in_flight: 1,
            requests: 2,
            failures: 0,
            latency_ms: Some(250.0),
            history: Vec::new(),
        };
        let site = Site {
            name: "app".into(),
            listen: Vec::new(),
            hosts: Vec::new(),
            tls: false,
            balance: "hash".into(),
            state: "up".into(),
            requests: 3,
            refused: 1,
            retries: 0,
            responses: ResponseCounts::default(),
            routes: vec![SiteRoute {
                path: Some("/api".into()),
                strip_prefix: false,
                backends: vec![backend],
            }],
        };
        Sites { sites: vec![site] }
    }

    #[test]
    fn a_backend_is_named_by_its_site_route_and_url() {
        let metrics = super::super::Metrics {
            sites: sites(),
            ..Default::default()
        };
        let text = metrics.encode_text().unwrap();
        for line in [
            "privet_backend_latency_seconds{site=\"app\",route=\"/api\",backend=\"http://127.0.0.1:9001\"} 0.25",
            "privet_site_responses_total{site=\"app\",class=\"5xx\"} 0",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
