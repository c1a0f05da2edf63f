//! The client's UDP address: one address and one port, fixed for the life of the association. Pure.

use std::net::{IpAddr, SocketAddr};

use privet_policy::{Host, Target};

/// The client's UDP address. Its IP is the TCP peer's, whatever the request said: a client may not relay for a third
/// party (RFC 1928, section 7). Its port is the one that it declared, or the first valid datagram's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientEndpoint {
    ip: IpAddr,
    port: Option<u16>,
}

impl ClientEndpoint {
    /// `declared`: the address and port of the request. Its port holds only where the address is the peer's or unspecified, as
    /// several clients declare the address that they want to send to. Port 0: the client does not know it yet.
    pub fn new(peer: IpAddr, declared: &Target) -> Self {
        let ip = peer.to_canonical();
        let is_own = match declared.host {
            Host::Ip(host) => host.is_unspecified() || host.to_canonical() == ip,
            Host::Name(_) => false,
        };
        Self {
            ip,
            port: (is_own && declared.port != 0).then_some(declared.port),
        }
    }

    /// Whether a datagram from there may be the client's.
    pub fn admits(&self, from: SocketAddr) -> bool {
        from.ip().to_canonical() == self.ip && self.port.is_none_or(|port| port == from.port())
    }

    /// The first valid datagram fixes the port.
    pub fn fix(&mut self, from: SocketAddr) {
        if self.admits(from) {
            self.port = Some(from.port());
        }
    }

    /// Where replies go, once it is known.
    pub fn client(&self) -> Option<SocketAddr> {
        self.port.map(|port| SocketAddr::new(self.ip, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(declared: &str, port: u16) -> ClientEndpoint {
        let host = Host::parse(declared).unwrap();
        ClientEndpoint::new(at("192.0.2.1:1").ip(), &Target { host, port })
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_datagram_of_the_peer_fixes_the_port() {
        let mut endpoint = endpoint("0.0.0.0", 0);
        assert_eq!(endpoint.client(), None);
        endpoint.fix(at("192.0.2.9:7"));
        assert_eq!(endpoint.client(), None, "a stranger cannot endpoint");
        endpoint.fix(at("192.0.2.1:7"));
        endpoint.fix(at("192.0.2.1:8"));
        assert_eq!(endpoint.client(), Some(at("192.0.2.1:7")));
        assert!(endpoint.admits(at("192.0.2.1:7")));
        assert!(!endpoint.admits(at("192.0.2.1:8")));
    }

    #[test]
    fn a_port_in_the_request_is_fixed_from_the_start() {
        for declared in ["0.0.0.0", "::", "192.0.2.1"] {
            assert!(!endpoint(declared, 7).admits(at("192.0.2.1:8")));
        }
        let endpoint = endpoint("192.0.2.1", 7);
        assert!(endpoint.admits(at("192.0.2.1:7")));
        assert!(endpoint.admits(at("[::ffff:192.0.2.1]:7")));
        assert!(!endpoint.admits(at("192.0.2.1:8")));
        assert!(!endpoint.admits(at("192.0.2.2:7")));
    }

    #[test]
    fn the_port_of_a_declared_foreign_address_is_not_the_clients() {
        for declared in ["198.51.100.7", "2001:db8::1", "a.test"] {
            let endpoint = endpoint(declared, 53);
            assert!(endpoint.admits(at("192.0.2.1:4000")), "{declared}");
            assert!(!endpoint.admits(at("198.51.100.7:53")), "{declared}");
        }
    }
}
