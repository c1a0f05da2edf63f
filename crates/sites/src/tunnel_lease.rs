//! The lease of a backend whose connection became a tunnel.

use std::sync::{Arc, Mutex, PoisonError};

use privet_balance::Lease;

/// Keeps a backend's request in flight while its connection is a tunnel: take it when the connection has become one, and
/// drop it at the tunnel's end.
#[derive(Clone, Default)]
pub struct TunnelLease(Arc<Mutex<Option<Lease>>>);

impl TunnelLease {
    pub fn take(&self) -> Option<Lease> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn keep(&self, lease: Option<Lease>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }
}
