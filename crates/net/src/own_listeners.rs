//! Privet's own listeners, so that it does not connect to itself.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use privet_policy::{DirectPermit, Target, own_network, reaches};

use crate::{DialError, DialErrorKind};

/// The addresses that this program listens on. Cheap to clone; built anew at each reload.
#[derive(Debug, Clone, Default)]
pub struct OwnListeners {
    listeners: Arc<[SocketAddr]>,
    /// Whether an interface of this machine has the address.
    is_interface: Option<fn(IpAddr) -> bool>,
}

impl OwnListeners {
    pub fn new(listeners: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            listeners: listeners.into_iter().collect(),
            is_interface: None,
        }
    }

    /// Knows the addresses of this machine's interfaces by `is_interface`, which is asked about each address that a client on
    /// another machine goes to directly.
    pub fn with_interfaces(self, is_interface: fn(IpAddr) -> bool) -> Self {
        Self {
            is_interface: Some(is_interface),
            ..self
        }
    }

    /// Checks the addresses of a direct connection against what the permit covers.
    ///
    /// # Errors
    /// `OwnNetwork` where one of them is in the gateway's own network and the permit leaves that out.
    pub(crate) fn check_permit(
        &self,
        permit: &DirectPermit,
        target: &Target,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<(), DialError> {
        if permit.covers_own_network() {
            return Ok(());
        }
        let is_interface = |ip| self.is_interface.is_some_and(|is| is(ip));
        for ip in addresses {
            if let Some(kind) = own_network(ip, is_interface) {
                let what = kind.describe();
                return Err(DialError::here(
                    DialErrorKind::OwnNetwork,
                    format!(
                        "{target} leads to {ip}, {what}; a client on another machine needs a rule that names it"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether a connection to `addr` would reach one of Privet's own listeners. The policy checks what a client
    /// asked for; this checks what a name resolved to, and the addresses that the machine has now.
    pub fn contains(&self, addr: SocketAddr) -> bool {
        let mut listeners = self.listeners.iter();
        listeners.any(|listener| reaches(*listener, addr, can_be_bound))
    }
}

/// An address can be bound only where it is the machine's own. Called only once the port matches a listener.
fn can_be_bound(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(listeners: &[&str]) -> OwnListeners {
        OwnListeners::new(listeners.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn a_listener_is_known_in_every_form_of_its_address() {
        let own = own(&["127.0.0.1:7280", "[::1]:7280"]);
        for text in [
            "127.0.0.1:7280",
            "[::ffff:127.0.0.1]:7280",
            "0.0.0.0:7280",
            "[::]:7280",
            "[::1]:7280",
        ] {
            assert!(own.contains(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn other_ports_and_other_addresses_are_not_ours() {
        let own = own(&["127.0.0.1:7280"]);
        for text in ["127.0.0.1:7281", "127.0.0.2:7280", "192.0.2.1:7280"] {
            assert!(!own.contains(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_wildcard_listener_is_recognised_at_each_address_of_the_machine() {
        let own = own(&["0.0.0.0:7280"]);
        assert!(own.contains("127.0.0.1:7280".parse().unwrap()));
        assert!(own.contains("127.9.9.9:7280".parse().unwrap()));
        assert!(!own.contains("192.0.2.1:7280".parse().unwrap()));
        assert!(!own.contains("[::1]:7280".parse().unwrap()));
    }
}
