//! What the sites need of the program around them.

use privet_connection_log::ConnectionLog;
use privet_gateway::HttpTimeouts;
#[cfg(doc)]
use privet_http::service::Service;

use crate::site_table::SiteTable;

/// The program around the sites.
pub trait SiteHost: Clone + Send + Sync + 'static {
    /// Passes the current sites to `look`.
    fn with_table<T>(&self, look: impl FnOnce(&SiteTable) -> T) -> T;

    fn connection_log(&self) -> &ConnectionLog;

    /// How long each part of a request may take.
    fn timeouts(&self) -> HttpTimeouts;

    /// As [`Service::awaits_request`].
    fn awaits_request(&self) {}

    /// As [`Service::request_begun`].
    fn request_begun(&self) {}

    /// As [`Service::request_arrived`].
    fn request_arrived(&self) {}

    /// As [`Service::stopping`].
    fn stopping(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
