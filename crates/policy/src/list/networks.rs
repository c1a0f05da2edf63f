//! The networks and ranges of addresses of a list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::line_fault::LineFault;
use crate::own_endpoints::reached;

/// The shortest prefix of a network that is taken from a list: a shorter one is a mistake or covers a part of the whole Internet.
const SHORTEST_PREFIX: (u8, u8) = (8, 16);

/// From the first address to the last; both are of the same family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressRange {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl AddressRange {
    /// One address.
    pub(super) fn single(ip: IpAddr) -> AddressRange {
        match ip.to_canonical() {
            IpAddr::V4(ip) => AddressRange::V4(ip, ip),
            IpAddr::V6(ip) => AddressRange::V6(ip, ip),
        }
    }

    /// `192.0.2.0/24` or `192.0.2.0-192.0.2.9`; `None`: the text is neither. An IPv4-mapped network is the IPv4 one.
    ///
    /// # Errors
    /// The network covers too much.
    pub(super) fn parse(text: &str) -> Option<Result<AddressRange, LineFault>> {
        if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
            return None;
        }
        if text.contains('/') {
            let net = canonical_net(text.parse().ok()?);
            return Some(match net {
                IpNet::V4(net) if net.prefix_len() < SHORTEST_PREFIX.0 => Err(LineFault::TooBroad),
                IpNet::V6(net) if net.prefix_len() < SHORTEST_PREFIX.1 => Err(LineFault::TooBroad),
                IpNet::V4(net) => Ok(AddressRange::V4(net.network(), net.broadcast())),
                IpNet::V6(net) => Ok(AddressRange::V6(net.network(), net.broadcast())),
            });
        }
        let (first, last) = text.split_once('-')?;
        let address = |text: &str| Some(text.trim().parse::<IpAddr>().ok()?.to_canonical());
        match (address(first)?, address(last)?) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                let broad = (u32::from(last) - u32::from(first)) >> (32 - SHORTEST_PREFIX.0) != 0;
                Some(match broad {
                    true => Err(LineFault::TooBroad),
                    false => Ok(AddressRange::V4(first, last)),
                })
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                let broad =
                    (u128::from(last) - u128::from(first)) >> (128 - SHORTEST_PREFIX.1) != 0;
                Some(match broad {
                    true => Err(LineFault::TooBroad),
                    false => Ok(AddressRange::V6(first, last)),
                })
            }
            _ => Some(Err(LineFault::Form)),
        }
    }
}

/// An IPv4-mapped network (`::ffff:10.0.0.0/104`) as the IPv4 network that it is (`10.0.0.0/8`).
pub(crate) fn canonical_net(net: IpNet) -> IpNet {
    let IpNet::V6(six) = net else { return net };
    let mapped = six.network().to_ipv4_mapped();
    let len = six.prefix_len().checked_sub(96);
    match (mapped, len) {
        (Some(ip), Some(len)) => {
            ipnet::Ipv4Net::new(ip, len).map_or(net, |four| IpNet::V4(four.trunc()))
        }
        _ => net,
    }
}

/// Private, link-local and other addresses that do not leave the user's own network: a published list of networks does not mean
/// the machines there.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            let this = ip.octets()[0] == 0;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared || this
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

/// One range with the line that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LineRange<T> {
    first: T,
    last: T,
    line: u32,
}

/// The ranges of a list, sorted and without overlaps, so that a look-up is one binary search.
#[derive(Debug, Default)]
pub(super) struct Networks {
    four: Vec<LineRange<u32>>,
    six: Vec<LineRange<u128>>,
}

impl Networks {
    pub(super) fn add(&mut self, range: AddressRange, line: u32) {
        match range {
            AddressRange::V4(first, last) => self.four.push(LineRange {
                first: first.into(),
                last: last.into(),
                line,
            }),
            AddressRange::V6(first, last) => self.six.push(LineRange {
                first: first.into(),
                last: last.into(),
                line,
            }),
        }
    }

    /// Sorts the ranges; must be called before the first look-up.
    pub(super) fn finish(&mut self) {
        without_overlaps(&mut self.four, |at| at.checked_add(1));
        without_overlaps(&mut self.six, |at| at.checked_add(1));
    }

    /// The line whose range contains the address, or the one that is reached by it.
    pub(super) fn get(&self, ip: IpAddr) -> Option<u32> {
        let line = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => containing(&self.four, ip.into()),
            IpAddr::V6(ip) => containing(&self.six, ip.into()),
        };
        let (ip, reached) = (ip.to_canonical(), reached(ip));
        line(ip).or_else(|| line(reached).filter(|_| reached != ip))
    }

    pub(super) fn len(&self) -> usize {
        self.four.len() + self.six.len()
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.four.capacity() * size_of::<LineRange<u32>>()
            + self.six.capacity() * size_of::<LineRange<u128>>()
    }
}

/// Of ranges that overlap, the first keeps the addresses that both have.
fn without_overlaps<T: Copy + Ord>(ranges: &mut Vec<LineRange<T>>, next: impl Fn(T) -> Option<T>) {
    ranges.sort_unstable_by(|a, b| {
        let of = |range: &LineRange<T>| (range.first, std::cmp::Reverse(range.last), range.line);
        of(a).cmp(&of(b))
    });
    let mut end: Option<T> = None;
    ranges.retain_mut(|range| {
        if let Some(end) = end.filter(|end| *end >= range.first) {
            match next(end).filter(|first| *first <= range.last) {
                Some(first) => range.first = first,
                None => return false,
            }
        }
        end = Some(range.last);
        true
    });
    ranges.shrink_to_fit();
}

fn containing<T: Copy + Ord>(ranges: &[LineRange<T>], at: T) -> Option<u32> {
    let after = ranges.partition_point(|range| range.first <= at);
    let range = ranges.get(after.checked_sub(1)?)?;
    (at <= range.last).then_some(range.line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_look_up_finds_an_address_exactly_where_a_range_contains_it(
            ranges in proptest::collection::vec((0u32..60, 0u32..20), 0..12),
        ) {
            let mut networks = Networks::default();
            for ((first, len), line) in ranges.iter().zip(1..) {
                let range = AddressRange::V4((*first).into(), (first + len).into());
                networks.add(range, line);
            }
            networks.finish();
            for at in 0..90u32 {
                let found = networks.get(IpAddr::V4(at.into()));
                let holds = |line: u32| {
                    let (first, len) = ranges[line as usize - 1];
                    (first..=first + len).contains(&at)
                };
                match found {
                    Some(line) => prop_assert!(holds(line)),
                    None => prop_assert!((1..=ranges.len() as u32).all(|line| !holds(line))),
                }
            }
        }
    }

    #[test]
    fn a_mapped_network_is_the_ipv4_one() {
        let net = |text: &str| canonical_net(text.parse().unwrap()).to_string();
        assert_eq!(net("::ffff:10.0.0.0/104"), "10.0.0.0/8");
        assert_eq!(net("::ffff:192.0.2.7/128"), "192.0.2.7/32");
        assert_eq!(net("::ffff:0:0/96"), "0.0.0.0/0");
        assert_eq!(net("2001:db8::/32"), "2001:db8::/32");
        assert_eq!(net("10.0.0.0/8"), "10.0.0.0/8");
    }
}
