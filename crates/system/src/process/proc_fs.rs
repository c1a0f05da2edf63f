//! The tables of /proc: which processes there are, and which sockets listen.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Processes, those with the highest numbers first: most new connections belong to recently started programs.
pub(super) fn pids_newest_first() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut pids: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable_by(|a, b| b.cmp(a));
    pids
}

/// The inodes of the sockets that keep others from listening on an address.
pub(super) fn listeners_on(address: SocketAddr) -> Vec<u32> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| {
            table
                .lines()
                .filter_map(listening)
                .filter(|(at, _)| clash(*at, address))
                .map(|(_, inode)| inode)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn clash(taken: SocketAddr, wanted: SocketAddr) -> bool {
    let (theirs, ours) = (taken.ip().to_canonical(), wanted.ip().to_canonical());
    taken.port() == wanted.port()
        && (theirs == ours || theirs.is_unspecified() || ours.is_unspecified())
}

/// A line of `proc_net(5)`, if it is a listening socket's.
fn listening(line: &str) -> Option<(SocketAddr, u32)> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace().skip(1);
    let own = fields.next()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok().filter(|inode| *inode != 0)?;
    (state == LISTEN)
        .then(|| address(own))
        .flatten()
        .map(|own| (own, inode))
}

/// "0100007F:1C70": words of the address in host byte order, the port in plain hexadecimal.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = if ip.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let mut octets = [0; 16];
        for (at, four) in octets.chunks_exact_mut(4).enumerate() {
            four.copy_from_slice(&word(at)?);
        }
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_kernel_table_are_read() {
        let table = [
            ("0100007F:1C70", "127.0.0.1:7280"),
            ("00000000:0050", "0.0.0.0:80"),
            ("00000000000000000000000001000000:01BB", "[::1]:443"),
        ];
        for (text, wanted) in table {
            assert_eq!(address(text), wanted.parse().ok(), "{text}");
        }
        for broken in ["", ":", "01:1", "0100007F:", "0100007G:0050", "0100007F"] {
            assert_eq!(address(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_wildcard_listener_takes_the_port_on_every_address() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert!(clash(at("0.0.0.0:80"), at("127.0.0.1:80")));
        assert!(clash(at("127.0.0.1:80"), at("0.0.0.0:80")));
        assert!(clash(at("[::ffff:127.0.0.1]:80"), at("127.0.0.1:80")));
        assert!(!clash(at("127.0.0.2:80"), at("127.0.0.1:80")));
        assert!(!clash(at("0.0.0.0:81"), at("127.0.0.1:80")));
    }
}
