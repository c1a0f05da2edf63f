//! Sites: which site, route and backend a request belongs to, who may send it, and what its head looks like on the way to
//! a backend and back. Moving the messages is the HTTP crate's.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod access;
pub mod backend_pool;
pub mod counters;
pub mod error_page;
pub mod explain;
pub mod forwarded;
pub mod hash_key;
pub mod health_checks;
pub mod host_table;
pub mod path;
pub mod rate_limit;
mod request_host;
pub mod response_fields;
pub mod route_table;
pub mod service;
pub mod site;
mod site_fetch;
mod site_host;
mod site_table;
mod tls;
mod tunnel_lease;

pub use service::SiteService;
pub use site::Site;
pub use site_fetch::SiteFetch;
pub use site_host::SiteHost;
pub use site_table::SiteTable;
pub use tls::{ClientTls, certificate_findings};
pub use tunnel_lease::TunnelLease;
