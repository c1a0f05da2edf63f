//! "Why?" for a request through a site: each check in the order in which a request meets it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use privet_policy::Host;
use url::Url;

use crate::backend_pool::{BackendPool, seed};
use crate::error_page::SiteError;
use crate::path::path_of;
use crate::site::Site;
use crate::site_table::SiteTable;

/// What a site does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteExplanation {
    /// The backends in the order in which they are tried, or the site's own answer.
    pub outcome: Result<Vec<String>, SiteError>,
    pub steps: Vec<SiteStep>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteStep {
    /// "host", "access", "limit", "route /static/", "backend http://127.0.0.1:9001".
    pub what: String,
    pub matched: bool,
    pub text: String,
}

/// Why there is no explanation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    #[error("there is no site and no listener {0:?}")]
    NoSite(String),
    #[error("{0:?} is no http or https URL")]
    Target(String),
}

impl SiteTable {
    /// Explains a GET of `url` from `client` (this machine if it is absent) at the listener `site`, or at the first listener
    /// of the site of that name. Nothing is counted.
    ///
    /// # Errors
    /// [`ExplainError`]
    pub fn explain(
        &self,
        site: &str,
        url: &str,
        client: Option<IpAddr>,
    ) -> Result<SiteExplanation, ExplainError> {
        let no_site = || ExplainError::NoSite(site.to_owned());
        let listener = match site.parse::<SocketAddr>() {
            Ok(address) if self.listens(address) => address,
            Ok(_) => return Err(no_site()),
            Err(_) => {
                let named = self.site(site).ok_or_else(no_site)?;
                *named.config.listen.first().ok_or_else(no_site)?
            }
        };
        let bad_target = || ExplainError::Target(url.to_owned());
        let host = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let host = host
            .and_then(|url| Host::parse(url.host_str()?).ok())
            .ok_or_else(bad_target)?;
        let path = path_as_sent(url);
        let client = client.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let mut steps = Vec::new();
        let outcome = self.decide(listener, &host, path, client, &mut steps);
        Ok(SiteExplanation { outcome, steps })
    }

    fn decide(
        &self,
        listener: SocketAddr,
        host: &Host,
        path: &str,
        client: IpAddr,
        steps: &mut Vec<SiteStep>,
    ) -> Result<Vec<String>, SiteError> {
        let mut step = |what: String, matched, text: String| {
            steps.push(SiteStep {
                what,
                matched,
                text,
            });
        };
        let Some(site) = self.find(listener, host) else {
            let text = format!("no site of {listener} has the host {host}");
            step("host".to_owned(), false, text);
            return Err(SiteError::UnknownHost);
        };
        let text = format!("{host} belongs to site {}", site.name);
        step("host".to_owned(), true, text);
        match site.check_access(client) {
            Ok(()) => step(
                "access".to_owned(),
                false,
                format!("{client} may use the site"),
            ),
            Err(refusal) => {
                step(
                    "access".to_owned(),
                    true,
                    format!("{client} may not use the site: {refusal}"),
                );
                return Err(SiteError::Forbidden);
            }
        }
        let limit = &site.config.limit;
        let text = match limit.requests_per_second {
            0 => "no limit of requests".to_owned(),
            rate => format!(
                "{rate} requests a second for each client, burst {}",
                limit.burst
            ),
        };
        step("limit".to_owned(), false, text);
        let pool = match site.pool_for(path_of(path.as_bytes())) {
            Ok(pool) => pool,
            Err(error) => {
                let text = match error {
                    SiteError::AmbiguousPath => {
                        "the path leads elsewhere once its encoding and dot segments are resolved"
                    }
                    _ => "no route has the path, and the site has no backends of its own",
                };
                step("route".to_owned(), true, text.to_owned());
                return Err(error);
            }
        };
        for route in &site.config.routes {
            let is_it = pool.route_path() == Some(route.path.as_str());
            let text = if is_it {
                "the longest prefix of the path"
            } else {
                "not the longest prefix of the path"
            };
            step(format!("route {}", route.path), is_it, text.to_owned());
        }
        let chosen = candidates(site, pool, client, path);
        for (at, (url, state)) in chosen.iter().enumerate() {
            let order = if at == 0 {
                "first"
            } else {
                "where those before fail"
            };
            step(
                format!("backend {url}"),
                at == 0,
                format!("{state}; {order}"),
            );
        }
        match chosen.is_empty() {
            true => Err(SiteError::Unavailable),
            false => Ok(chosen.into_iter().map(|(url, _)| url).collect()),
        }
    }
}

/// The backends that can be tried, in order, with their states.
fn candidates(
    site: &Site,
    pool: &BackendPool,
    client: IpAddr,
    path: &str,
) -> Vec<(String, String)> {
    let key = site
        .hash_on
        .key(client, path_of(path.as_bytes()), std::iter::empty());
    let states: Vec<_> = pool.view().collect();
    let places = pool.order(key, Instant::now(), seed());
    let of = |place: usize| {
        let (backend, view) = states.get(place)?;
        let state = format!("{:?}", view.state).to_lowercase();
        Some((backend.endpoint.url().to_string(), state))
    };
    places.into_iter().filter_map(of).collect()
}

/// The path and query of a URL as a client sends them: not normalised.
fn path_as_sent(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']) {
        Some(at) if rest.get(at..).is_some_and(|rest| rest.starts_with('/')) => {
            rest.get(at..).unwrap_or("/")
        }
        _ => "/",
    }
}
