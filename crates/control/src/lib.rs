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

pub mod auth;
mod conditional;
mod config_edit;
mod connection_view;
pub mod convert;
pub mod diagnostics;
mod export;
pub mod extract;
mod handlers;
mod installed_apps;
mod known_names;
pub mod logs;
mod metrics;
mod openapi;
mod page;
pub mod recipes;
mod rejection;
mod request_source;
mod request_view;
mod router;
pub mod servers;
mod state;
pub mod system_proxy;

pub use auth::token::{Token, TokenError};
pub use handlers::events::EVENT_INTERVAL;
pub use router::{guarded_router, openapi_json, router};
#[cfg(unix)]
pub use servers::control_server::ControlSocket;
pub use servers::control_server::{ControlServer, ControlServerError};
pub use state::{ApiState, MAX_EVENT_STREAMS};
pub use system_proxy::{SwitchError, SystemProxyControl};
