//! Serves the control API of a running engine: handlers, OpenAPI document, events, metrics, and the servers they are
//! reached through. Its types and client are in `privet-api`.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod conditional;
mod config_edit;
mod connection_view;
mod control_server;
pub mod convert;
pub mod diagnostics;
mod export;
pub mod extract;
pub mod guard;
mod handlers;
mod installed_apps;
mod known_names;
pub mod login_codes;
pub mod logs;
mod metric_families;
mod metrics;
mod openapi;
mod page;
pub mod recipes;
mod rejection;
mod request_source;
mod request_view;
mod router;
pub mod servers;
mod site_metrics;
mod state;
pub mod system_proxy;
pub mod token;

#[cfg(unix)]
pub use control_server::ControlSocket;
pub use control_server::{ControlServer, ControlServerError};
pub use handlers::events::EVENT_INTERVAL;
pub use router::{guarded_router, openapi_json, router};
pub use state::{ApiState, MAX_EVENT_STREAMS};
pub use system_proxy::{SwitchError, SystemProxyControl};
pub use token::Token;
