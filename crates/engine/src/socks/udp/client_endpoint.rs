//! The client's UDP address: one address and one port, fixed for the life of the association. Pure.

use std::net::{IpAddr, SocketAddr};

/// The client's UDP address. Its IP is the TCP peer's, whatever the request said: a client may not relay for a third
/// party (RFC 1928, section 7). Its port is the request's, or the first valid datagram's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientEndpoint {
    ip: IpAddr,
    port: Option<u16>,
}

impl ClientEndpoint {
    /// `port`: the request's DST.PORT, 0 where the client does not know it yet.
    pub fn new(peer: IpAddr, port: u16) -> Self {
        Self {
            ip: peer.to_canonical(),
            port: (port != 0).then_some(port),
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

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_datagram_of_the_peer_fixes_the_port() {
        let mut endpoint = ClientEndpoint::new(at("192.0.2.1:1").ip(), 0);
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
        let endpoint = ClientEndpoint::new(at("192.0.2.1:1").ip(), 7);
        assert!(endpoint.admits(at("192.0.2.1:7")));
        assert!(endpoint.admits(at("[::ffff:192.0.2.1]:7")));
        assert!(!endpoint.admits(at("192.0.2.1:8")));
        assert!(!endpoint.admits(at("192.0.2.2:7")));
    }
}
