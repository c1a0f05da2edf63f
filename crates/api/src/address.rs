//! Addresses of listeners as clients on the same machine use them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address at which programs on this machine reach a listener: loopback if it listens on every address.
pub fn reachable(mut listener: SocketAddr) -> SocketAddr {
    if listener.ip().is_unspecified() {
        listener.set_ip(match listener.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listener
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_over_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:7280"), "127.0.0.1:7280");
        assert_eq!(reached("[::]:7280"), "[::1]:7280");
        assert_eq!(reached("192.0.2.1:1"), "192.0.2.1:1");
    }
}
