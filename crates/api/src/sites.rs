//! `/api/v1/sites`: sites, their backends, health and load.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// All sites.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sites {
    pub sites: Vec<Site>,
}

/// One site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Site {
    #[schema(example = "app")]
    pub name: String,
    /// The addresses that it listens on, as configured.
    #[schema(example = json!(["127.0.0.1:8080"]))]
    pub listen: Vec<String>,
    /// The hosts that it answers for.
    #[schema(example = json!(["app.test"]))]
    pub hosts: Vec<String>,
    /// Clients connect by TLS.
    pub tls: bool,
    /// "round-robin", "least-connections", "least-time" or "hash".
    #[schema(example = "least-time")]
    pub balance: String,
    /// "up": each route has a backend that can be used; "degraded": some backend cannot be used; "down": a route has none.
    #[schema(example = "up")]
    pub state: String,
    /// Since the start, like all counts here.
    pub requests: u64,
    /// Requests that the site refused before one was sent to a backend.
    pub refused: u64,
    /// Requests that were sent to another backend after a failure.
    pub retries: u64,
    pub responses: ResponseCounts,
    /// The site's own backends first (`path` is null), then those of each route.
    pub routes: Vec<SiteRoute>,
}

/// Responses of backends by the first digit of their status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseCounts {
    pub informational: u64,
    pub successful: u64,
    pub redirection: u64,
    pub client_error: u64,
    pub server_error: u64,
}

/// The backends of a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteRoute {
    /// The prefix; null: everything that no other route has.
    #[schema(example = "/static/")]
    pub path: Option<String>,
    pub strip_prefix: bool,
    pub backends: Vec<SiteBackend>,
}

/// One backend of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteBackend {
    /// Names it in calls; the same after a reload.
    #[schema(example = "8d6f0c1e2b3a4f59")]
    pub id: String,
    #[schema(example = "http://127.0.0.1:9001")]
    pub url: String,
    /// The current weight.
    pub weight: u32,
    /// The weight that was set by hand; null: the one of the configuration holds.
    pub manual_weight: Option<u32>,
    /// "unknown" (used as if healthy), "healthy", "unhealthy", "ejected" (after failed requests, for a time) or "draining".
    #[schema(example = "healthy")]
    pub state: String,
    /// When the state began; null: it is as it was at the start.
    pub since_ms: Option<u64>,
    pub last_check: Option<HealthCheck>,
    pub in_flight: u64,
    pub requests: u64,
    /// Requests that failed through its fault.
    pub failures: u64,
    /// Smoothed milliseconds to the first byte of its answers.
    pub latency_ms: Option<f64>,
    /// The last changes of its state, oldest first.
    pub history: Vec<BackendStateChange>,
}

/// The result of a health check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    pub at_ms: u64,
    pub ok: bool,
    /// The status of the answer.
    pub status: Option<u16>,
    pub took_ms: f64,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// A change of a backend's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackendStateChange {
    pub at_ms: u64,
    pub state: String,
    /// "probe", "requests", "ejection-ended" or "manual".
    pub cause: String,
}

/// What is set by hand at a backend; what is left out stays. It holds over reloads, until the engine ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendUpdate {
    /// true: no new requests, those in flight end. false: in use again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<bool>,
    /// 0 to 1000; null: the weight of the configuration.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[schema(value_type = Option<u32>, maximum = 1000)]
    pub weight: Option<Option<u32>>,
}

/// Tells a null from a field that is left out.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl Sites {
    /// The backends of a site with this URL, or with this id.
    pub fn backends(&self, site: &str, wanted: &str) -> Vec<&SiteBackend> {
        let site = self.sites.iter().find(|it| it.name == site);
        let routes = site.into_iter().flat_map(|site| &site.routes);
        let wanted = wanted.trim_end_matches('/');
        routes
            .flat_map(|route| &route.backends)
            .filter(|backend| backend.url == wanted || backend.id == wanted)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_weight_is_not_an_absent_one() {
        let read = |text| serde_json::from_str::<BackendUpdate>(text).unwrap();
        assert_eq!(read("{}").weight, None);
        assert_eq!(read("{\"weight\":null}").weight, Some(None));
        assert_eq!(read("{\"weight\":3}").weight, Some(Some(3)));
        let text = serde_json::to_string(&read("{\"weight\":null}")).unwrap();
        assert_eq!(text, "{\"weight\":null}");
    }
}
