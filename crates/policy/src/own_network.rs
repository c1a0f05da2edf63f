//! The gateway's own network: addresses that only the gateway itself should reach, as opposed to the clients that it serves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Answers on 169.254.169.254 (which is link-local) and here on machines of a cloud: credentials of the machine.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Why an address belongs to the gateway's own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnNetwork {
    /// Loopback, or the unspecified address, by which the kernel reaches loopback.
    Loopback,
    LinkLocal,
    Metadata,
    /// An address of one of the gateway's interfaces.
    Interface,
}

impl OwnNetwork {
    /// What the address is, in words: "a loopback address of the gateway".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address of the gateway",
            Self::LinkLocal => "a link-local address of the gateway's network",
            Self::Metadata => "the metadata service of the gateway's machine",
            Self::Interface => "an address of the gateway",
        }
    }
}

/// Whether an address belongs to the gateway's own network. IPv4 addresses within IPv6 ones are read: mapped and compatible
/// (RFC 4291, section 2.5.5), NAT64 (RFC 6052, section 2.1) and 6to4 (RFC 3056). `is_interface`: whether an interface of this
/// machine has the address; called only where nothing else tells.
pub fn own_network(ip: IpAddr, is_interface: impl Fn(IpAddr) -> bool) -> Option<OwnNetwork> {
    let kind = match ip.to_canonical() {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip).or_else(|| {
            let embedded = embedded_v4(ip)?;
            let interface = is_interface(embedded.into()).then_some(OwnNetwork::Interface);
            v4(embedded).or(interface)
        }),
    };
    kind.or_else(|| is_interface(ip.to_canonical()).then_some(OwnNetwork::Interface))
}

fn v4(ip: Ipv4Addr) -> Option<OwnNetwork> {
    match ip.octets() {
        _ if ip == METADATA_V4 => Some(OwnNetwork::Metadata),
        [0 | 127, ..] => Some(OwnNetwork::Loopback),
        // The second is multicast that no router passes on (RFC 5771, section 4).
        [169, 254, ..] | [224, 0, 0, _] => Some(OwnNetwork::LinkLocal),
        _ => None,
    }
}

fn v6(ip: Ipv6Addr) -> Option<OwnNetwork> {
    if ip.is_loopback() || ip.is_unspecified() {
        return Some(OwnNetwork::Loopback);
    }
    if ip == METADATA_V6 {
        return Some(OwnNetwork::Metadata);
    }
    // Multicast within an interface or a link (RFC 4291, section 2.7).
    let narrow = ip.is_multicast() && matches!(ip.octets()[1] & 0x0f, 1 | 2);
    (ip.is_unicast_link_local() || narrow).then_some(OwnNetwork::LinkLocal)
}

fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(bits(high, low))
        }
        [0x2002, high, low, ..] => Some(bits(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Host;

    #[test]
    fn every_spelling_of_the_gateways_own_network_is_known() {
        let own: IpAddr = "192.168.1.5".parse().unwrap();
        for (given, want) in [
            ("127.0.0.1", Some(OwnNetwork::Loopback)),
            ("127.1", Some(OwnNetwork::Loopback)),
            ("2130706433", Some(OwnNetwork::Loopback)),
            ("0", Some(OwnNetwork::Loopback)),
            ("::", Some(OwnNetwork::Loopback)),
            ("::1", Some(OwnNetwork::Loopback)),
            ("::7f00:1", Some(OwnNetwork::Loopback)),
            ("::ffff:127.0.0.1", Some(OwnNetwork::Loopback)),
            ("64:ff9b::7f00:1", Some(OwnNetwork::Loopback)),
            ("2002:7f00:1::", Some(OwnNetwork::Loopback)),
            ("169.254.169.254", Some(OwnNetwork::Metadata)),
            ("2852039166", Some(OwnNetwork::Metadata)),
            ("64:ff9b::a9fe:a9fe", Some(OwnNetwork::Metadata)),
            ("fd00:ec2::254", Some(OwnNetwork::Metadata)),
            ("169.254.1.1", Some(OwnNetwork::LinkLocal)),
            ("fe80::1", Some(OwnNetwork::LinkLocal)),
            ("ff02::fb", Some(OwnNetwork::LinkLocal)),
            ("224.0.0.251", Some(OwnNetwork::LinkLocal)),
            ("192.168.1.5", Some(OwnNetwork::Interface)),
            ("64:ff9b::c0a8:105", Some(OwnNetwork::Interface)),
            ("192.168.1.6", None),
            ("10.0.0.1", None),
            ("fd00::1", None),
            ("2001:db8::1", None),
            ("64:ff9b::808:808", None),
        ] {
            let ip = Host::parse(given).unwrap().ip().unwrap();
            assert_eq!(own_network(ip, |ip| ip == own), want, "{given}");
        }
    }
}
