//! Our own listeners, so that no connection is dialed back into Privet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

/// The addresses that this program listens on. Cheap to clone; made anew at each reload.
#[derive(Debug, Clone, Default)]
pub struct OwnSockets {
    listeners: Arc<[SocketAddr]>,
}

impl OwnSockets {
    pub fn new(listeners: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            listeners: listeners
                .into_iter()
                .map(|listener| SocketAddr::new(listener.ip().to_canonical(), listener.port()))
                .collect(),
        }
    }

    /// Whether a connection to `addr` would reach one of our own listeners: the same address in any form, or any
    /// address of this machine where a listener stands on all of them.
    pub fn contains(&self, addr: SocketAddr) -> bool {
        let ip = reached(addr.ip());
        self.listeners.iter().any(|own| {
            own.port() == addr.port()
                && (own.ip() == ip || (takes_any(own.ip(), ip) && is_local(ip)))
        })
    }
}

/// A listener on `0.0.0.0` takes IPv4 only; one on `[::]` takes both, as Linux does unless told otherwise.
fn takes_any(own: IpAddr, ip: IpAddr) -> bool {
    own.is_unspecified() && (own.is_ipv6() || ip.is_ipv4())
}

/// The address that the kernel connects to: mapped forms are IPv4, and "any" is this machine.
fn reached(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    }
}

/// An address can be bound only where it is this machine's own. Asked only once the port is a listener's.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(listeners: &[&str]) -> OwnSockets {
        OwnSockets::new(listeners.iter().map(|text| text.parse().unwrap()))
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
    fn a_listener_on_all_addresses_is_met_at_each_address_of_the_machine() {
        let own = own(&["0.0.0.0:7280"]);
        assert!(own.contains("127.0.0.1:7280".parse().unwrap()));
        assert!(own.contains("127.9.9.9:7280".parse().unwrap()));
        assert!(!own.contains("192.0.2.1:7280".parse().unwrap()));
        assert!(!own.contains("[::1]:7280".parse().unwrap()));
    }
}
