//! "Why?" for a request through a site: each check in the order in which a request meets it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use privet_policy::Host;
use url::Url;

use crate::backend_pool::{BackendPool, seed};
use crate::error_page::SiteError;
use crate::path::path_of;
use crate::rate_limit::Rate;
use crate::service::MAX_ATTEMPTS;
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
    #[error("there is no site and no listener {0:?}; `privet sites` shows all")]
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
        let Some(site) = self.find(listener, host) else {
            let text = format!("no site of {listener} has the host {host}");
            step(steps, "host", false, text);
            return Err(SiteError::UnknownHost);
        };
        let text = format!("{host} belongs to site {}", site.name);
        step(steps, "host", true, text);
        if let Err(refusal) = site.check_access(client) {
            let text = format!("{client} may not use the site: {refusal}");
            step(steps, "access", true, text);
            return Err(SiteError::Forbidden);
        }
        step(steps, "access", false, format!("{client} may use the site"));
        step(steps, "limit", false, limit_text(site));
        let pool = choose_route(site, path, steps)?;
        choose_backends(site, pool, client, path, steps)
    }
}

fn step(
    steps: &mut Vec<SiteStep>,
    what: impl Into<String>,
    matched: bool,
    text: impl Into<String>,
) {
    steps.push(SiteStep {
        what: what.into(),
        matched,
        text: text.into(),
    });
}

fn limit_text(site: &Site) -> String {
    let limit = &site.config.limit;
    match Rate::new(limit.requests_per_second, limit.burst) {
        None => "no limit of requests".to_owned(),
        Some(rate) => format!(
            "{} requests a second for each client, {} at once",
            limit.requests_per_second,
            rate.depth()
        ),
    }
}

fn choose_route<'a>(
    site: &'a Site,
    path: &str,
    steps: &mut Vec<SiteStep>,
) -> Result<&'a BackendPool, SiteError> {
    let pool = match site.pool_for(path_of(path.as_bytes())) {
        Ok(pool) => pool,
        Err(error) => {
            let text = match error {
                SiteError::AmbiguousPath => {
                    "the path leads elsewhere once its encoding and dot segments are resolved"
                }
                _ => "no route has the path, and the site has no backends of its own",
            };
            step(steps, "route", true, text);
            return Err(error);
        }
    };
    for route in &site.config.routes {
        let is_it = pool.route_path() == Some(route.path.as_str());
        let text = match is_it {
            true => "the longest prefix of the path",
            false => "not the longest prefix of the path",
        };
        step(steps, format!("route {}", route.path), is_it, text);
    }
    Ok(pool)
}

/// The backends that are tried, in order. The others of the pool are named as such.
fn choose_backends(
    site: &Site,
    pool: &BackendPool,
    client: IpAddr,
    path: &str,
    steps: &mut Vec<SiteStep>,
) -> Result<Vec<String>, SiteError> {
    let key = site
        .hash_on
        .key(client, path_of(path.as_bytes()), std::iter::empty());
    let mut order = pool.order(key, Instant::now(), seed());
    order.truncate(MAX_ATTEMPTS);
    let backends: Vec<_> = pool.view().collect();
    let url_at = |place: &usize| Some(backends.get(*place)?.0.endpoint.url().to_string());
    let others = (0..backends.len()).filter(|place| !order.contains(place));
    let all = order.iter().copied().chain(others);
    for (at, place) in all.enumerate() {
        let Some((backend, view)) = backends.get(place) else {
            continue;
        };
        let turn = match at {
            _ if !order.contains(&place) => "not tried for this request",
            0 => "first",
            _ => "where those before fail",
        };
        let state = format!("{:?}", view.state).to_lowercase();
        let what = format!("backend {}", backend.endpoint.url());
        let is_first = order.first() == Some(&place);
        step(steps, what, is_first, format!("{state}; {turn}"));
    }
    let urls: Vec<String> = order.iter().filter_map(url_at).collect();
    match urls.is_empty() {
        true => Err(SiteError::Unavailable),
        false => Ok(urls),
    }
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
