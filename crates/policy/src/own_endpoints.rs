//! Whether a target is Privet itself, under any name or spelling.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::own_network::{OwnNetwork, own_network};
use crate::{Host, Target};

/// The endpoints of Privet itself, collected by the caller: the policy opens no socket and reads no interface.
#[derive(Debug, Clone, Default)]
pub struct OwnEndpoints {
    /// The listening sockets with their real ports: proxy, PAC, control, metrics. A reverse site belongs here only if reaching it
    /// through the proxy should be refused.
    pub listeners: Vec<SocketAddr>,
    /// The addresses of this machine's interfaces, for listeners on `0.0.0.0` or `[::]`.
    pub addresses: Vec<IpAddr>,
    /// The names of this machine, without `localhost` in its forms.
    pub names: Vec<Host>,
}

impl OwnEndpoints {
    /// The target as written is Privet: an address of a listener, or a name of this machine with a listener's port.
    pub fn answers(&self, target: &Target) -> bool {
        // A name that was not made by `Host::parse` may be one that the C library reads as an address.
        let host = match &target.host {
            Host::Name(name) => Host::parse(name).unwrap_or_else(|_| target.host.clone()),
            Host::Ip(_) => target.host.clone(),
        };
        match &host {
            Host::Ip(ip) => self.answers_at(*ip, target.port),
            Host::Name(name) if is_localhost(name) => {
                self.answers_at(Ipv4Addr::LOCALHOST.into(), target.port)
                    || self.answers_at(Ipv6Addr::LOCALHOST.into(), target.port)
            }
            name => self.names.contains(name) && self.has_port(target.port),
        }
    }

    /// A connection to this address would reach one of the listeners.
    pub fn answers_at(&self, ip: IpAddr, port: u16) -> bool {
        let address = SocketAddr::new(ip, port);
        self.listeners
            .iter()
            .any(|listener| reaches(*listener, address, |ip| self.is_ours(ip)))
    }

    /// Whether a client at this address is on this machine.
    pub(crate) fn is_on_this_machine(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.is_ours(client)
    }

    /// How an address belongs to the gateway's own network.
    pub(crate) fn own_network_at(&self, ip: IpAddr) -> Option<OwnNetwork> {
        own_network(ip, |ip| self.is_ours(ip))
    }

    /// How a target, as written, belongs to the gateway's own network.
    pub(crate) fn own_network_of(&self, host: &Host) -> Option<OwnNetwork> {
        match host {
            Host::Ip(ip) => self.own_network_at(*ip),
            Host::Name(name) => match Host::parse(name) {
                Ok(Host::Ip(ip)) => self.own_network_at(ip),
                _ if is_localhost(name) => Some(OwnNetwork::Loopback),
                _ => self.names.contains(host).then_some(OwnNetwork::Interface),
            },
        }
    }

    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.listeners.iter().any(|l| l.port() == port)
    }

    fn is_ours(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.to_canonical() == ip)
    }
}

/// Whether a connection to `address` would reach `listener`: the same address in any form or, for a listener on all addresses,
/// any address of this machine. `is_ours` is called in the latter case, never for loopback.
pub fn reaches(
    listener: SocketAddr,
    address: SocketAddr,
    is_ours: impl FnOnce(IpAddr) -> bool,
) -> bool {
    let (on, ip) = (listener.ip().to_canonical(), reached(address.ip()));
    listener.port() == address.port()
        && (on == ip || (takes_any(on, ip) && (ip.is_loopback() || is_ours(ip))))
}

/// The address that a connection reaches in the end: loopback, to which the kernel connects where the unspecified address is
/// given, and the IPv4 address behind a NAT64 prefix (RFC 6052, section 2.1).
pub(crate) fn reached(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(ip) => behind_nat64(ip).map_or(ip.into(), IpAddr::V4),
        ip => ip,
    }
}

fn behind_nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] = ip.octets() else {
        return None;
    };
    Some(Ipv4Addr::new(a, b, c, d))
}

/// A listener on `0.0.0.0` accepts IPv4, one on `[::]` both, as Linux does by default.
fn takes_any(on: IpAddr, ip: IpAddr) -> bool {
    on.is_unspecified() && (on.is_ipv6() || ip.is_ipv4())
}

/// `localhost` and its subdomains (RFC 6761, section 6.3), and the names that Debian and others write into `/etc/hosts`.
pub(crate) fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || OTHER_LOCALHOSTS.contains(&name)
}

const OTHER_LOCALHOSTS: [&str; 7] = [
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn own(listeners: &[&str]) -> OwnEndpoints {
        OwnEndpoints {
            listeners: listeners.iter().map(|l| l.parse().unwrap()).collect(),
            addresses: vec!["192.168.1.5".parse().unwrap(), "fd00::5".parse().unwrap()],
            names: vec![Host::parse("nest.lan").unwrap()],
        }
    }

    #[test]
    fn a_loopback_listener_is_known_by_every_name_and_spelling() {
        let own = own(&["127.0.0.1:7280"]);
        for (target, want) in [
            ("127.0.0.1:7280", true),
            ("127.1:7280", true),
            ("0x7f000001:7280", true),
            ("2130706433:7280", true),
            ("[::ffff:127.0.0.1]:7280", true),
            ("0.0.0.0:7280", true),
            ("localhost:7280", true),
            ("LOCALHOST.:7280", true),
            ("x.localhost:7280", true),
            ("ip6-localhost:7280", true),
            ("nest.lan:7280", true),
            ("127.0.0.1:7281", false),
            ("127.0.0.2:7280", false),
            ("192.168.1.5:7280", false),
            ("localhost:80", false),
            ("notlocalhost:7280", false),
        ] {
            let target = Target::parse(target).unwrap();
            assert_eq!(own.answers(&target), want, "{target}");
        }
    }

    #[test]
    fn a_name_that_nobody_parsed_does_not_hide_an_address() {
        let own = own(&["127.0.0.1:7280"]);
        for name in ["0x7f.1", "127.1", "2130706433", "LOCALHOST", "localhost."] {
            let target = Target {
                host: Host::Name(name.into()),
                port: 7280,
            };
            assert!(own.answers(&target), "{name}");
        }
    }

    #[test]
    fn an_unspecified_listener_is_every_address_of_this_machine() {
        let four = own(&["0.0.0.0:1"]);
        let both = own(&["[::]:1"]);
        for (target, by_four, by_both) in [
            ("127.9.9.9:1", true, true),
            ("192.168.1.5:1", true, true),
            ("0:1", true, true),
            ("[::1]:1", false, true),
            ("[::]:1", false, true),
            ("[fd00::5]:1", false, true),
            ("[::ffff:192.168.1.5]:1", true, true),
            ("192.168.1.6:1", false, false),
            ("[fd00::6]:1", false, false),
        ] {
            let target = Target::parse(target).unwrap();
            assert_eq!(four.answers(&target), by_four, "0.0.0.0 {target}");
            assert_eq!(both.answers(&target), by_both, "[::] {target}");
        }
    }
}
