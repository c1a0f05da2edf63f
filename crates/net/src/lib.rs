//! Dialing: direct connections, chains of upstreams, groups with health checks, name resolution; and the relay between
//! two connections. The only crate that opens sockets outward.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod attempts;
pub mod bind;
pub mod build;
pub mod chain;
mod check_url;
mod client_key;
pub mod connected;
mod connector;
mod dial_request;
pub mod dialer;
pub mod endpoint;
mod endpoint_dialer;
mod entry_address;
pub mod error;
mod group;
mod health_check;
pub mod hop;
pub mod meter;
pub mod outbound_health;
pub mod own_listeners;
pub mod relay;
pub mod reset_watch;
mod resolve;
pub mod send_file;
mod socket;
mod stream;
mod tls;
pub mod udp;

pub use build::BuildError;
pub use chain::OpenChain;
pub use client_key::{ClientKey, LookupClient};
pub use connected::{AbsoluteForm, Connected, DialTimings};
pub use connector::{Connection, Connector};
pub use dial_request::{AddressJudge, AddressUse, AnyAddress, DialRequest, HttpProxyMode};
pub use dialer::Dialer;
pub use endpoint::{Endpoint, EndpointTls};
pub use endpoint_dialer::EndpointDialer;
pub use error::{DialError, DialErrorKind};
pub use meter::Meter;
pub use outbound_health::{OutboundHealth, OutboundTest};
pub use own_listeners::OwnListeners;
pub use privet_tls::read_received;
pub use relay::{Preread, RelayOutcome, Side, relay};
pub use socket::is_exhausted;
pub use stream::{Duplex, Stream};
pub use tls::connect_tls;
