//! How far an exchange has come.

use super::outcome::RequestTraits;
use crate::body::Transfer;

/// What of the response is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponsePhase {
    Head,
    Interim,
    Body,
    Switching,
}

/// How far the exchange has come.
pub struct ExchangeState {
    pub(super) phase: ResponsePhase,
    pub(super) request: Transfer,
    pub(super) response: Transfer,
    pub(super) interims: u8,
    /// Bytes moved so far.
    pub(super) up: u64,
    pub(super) down: u64,
    /// The origin takes no more of the request's body.
    pub(super) up_failed: bool,
    pub(super) got_bytes: bool,
    /// The client may wait for a 100 before it sends the body.
    pub(super) awaits_continue: bool,
    pub(super) keep_client: bool,
    pub(super) keep_origin: bool,
    /// The origin authenticates the connection (NTLM, Negotiate).
    pub(super) pins_origin: bool,
    /// The connection's end marks the response's end.
    pub(super) ends_by_close: bool,
}

impl ExchangeState {
    pub fn new(traits: RequestTraits) -> Self {
        Self {
            phase: ResponsePhase::Head,
            request: Transfer::default(),
            response: Transfer::finished(),
            interims: 0,
            up: 0,
            down: 0,
            up_failed: false,
            got_bytes: false,
            awaits_continue: traits.expects_continue,
            keep_client: traits.keep_alive,
            keep_origin: false,
            pins_origin: false,
            ends_by_close: false,
        }
    }
}
