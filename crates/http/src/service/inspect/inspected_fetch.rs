//! Where a request of an inspected tunnel goes.

use privet_config::HeaderMode;
use privet_gateway::RouteDecision;
use privet_policy::Target;
use privet_scan::RequestScanner;

use crate::cache::CacheScope;
use crate::headers::response::ResponseStyle;
use crate::headers::site::SiteRequest;
use crate::service::{Fetch, OriginProtocol};

/// Where a request of an inspected tunnel goes.
pub struct InspectedFetch {
    pub(super) decision: RouteDecision,
    pub(super) protocol: OriginProtocol,
    pub(super) pool_key: u64,
    pub(super) scheme: &'static str,
}

impl Fetch for InspectedFetch {
    fn pool_key(&self) -> u64 {
        self.pool_key
    }

    fn target<'a>(&'a self, requested: &'a Target) -> &'a Target {
        requested
    }

    fn header_mode(&self) -> HeaderMode {
        self.decision.header_mode
    }

    fn protocol(&self) -> OriginProtocol {
        self.protocol
    }

    fn use_http1(&mut self) -> bool {
        let speaks_both = self.protocol == OriginProtocol::Http2;
        self.protocol = OriginProtocol::Http1;
        speaks_both
    }

    fn scheme(&self) -> &'static str {
        self.scheme
    }

    fn site_request(&self) -> Option<SiteRequest<'_>> {
        None
    }

    fn response_style(&self) -> ResponseStyle<'_> {
        ResponseStyle::Inspected(self.decision.header_mode)
    }

    fn scanner(&self) -> Option<&RequestScanner> {
        self.decision.scanner()
    }

    fn cache(&self) -> Option<CacheScope<'_>> {
        let scope = self.decision.cache()?;
        Some(CacheScope {
            scheme: self.scheme,
            ..scope
        })
    }
}
