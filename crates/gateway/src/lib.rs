//! The interface between the client handshakes (SOCKS, HTTP) and the data path behind them: authenticate, decide, dial,
//! record. The engine implements it; the handshakes know nothing else of the engine.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod context;
mod decision;
mod gateway;
mod malformed;
mod outcome;
mod socks;

pub use context::RequestContext;
pub use decision::{CacheAccess, Refusal, RouteDecision};
pub use gateway::{Gateway, HttpTimeouts};
pub use malformed::RefusedClient;
pub use outcome::{HandshakeOutcome, TunnelInspector};
pub use socks::SocksGateway;
