//! What /proc tells: who has a socket open, which program a process runs, who listens. Processes of other users may
//! hide their files: they are passed over.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use privet_policy::App;

/// Processes, those with the highest numbers first: a connection just made is most often a young program's.
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

/// Calls `see` with the inode of each socket that a process has open, until it says stop.
pub(super) fn sockets_of(pid: u32, mut see: impl FnMut(u32) -> bool) {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return;
    };
    for file in files.flatten() {
        let Ok(target) = fs::read_link(file.path()) else {
            continue;
        };
        if socket_inode(&target).is_some_and(&mut see) {
            return;
        }
    }
}

fn socket_inode(target: &Path) -> Option<u32> {
    target
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// When a process began, in clock ticks since the boot: with its number, it names one process for ever.
pub(super) fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    start_field(&stat)
}

/// The 22nd field of `proc_pid_stat(5)`. The second, in parentheses, may hold anything, parentheses and spaces too.
fn start_field(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The program that a process runs: its file where it may be read, else the name that the kernel keeps.
pub(super) fn app(pid: u32) -> Option<App> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let path = path.as_ref().map(|path| path.to_string_lossy());
    // A program that was updated while it runs.
    let path = path
        .as_deref()
        .map(|path| path.strip_suffix(" (deleted)").unwrap_or(path));
    let name = match path.and_then(|path| path.rsplit('/').next()) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()?
            .trim_end()
            .to_owned(),
    };
    Some(App {
        name: name.into(),
        path: path.map(Arc::from),
        pid,
    })
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

/// "0100007F:1C70": words of the address as the machine holds them, the port in plain hexadecimal.
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
    fn a_process_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let tail = "S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1";
        for name in ["(curl)", "(a b) c)", "(()"] {
            assert_eq!(start_field(&format!("12 {name} {tail}")), Some(4711));
        }
        assert_eq!(start_field("12 (cut"), None);
        assert_eq!(start_field("12 (cut) S 1"), None);
    }

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

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket_inode(Path::new("socket:[4711]")), Some(4711));
        for other in ["/dev/null", "pipe:[4711]", "socket:[]", "socket:[x]"] {
            assert_eq!(socket_inode(Path::new(other)), None, "{other}");
        }
    }
}
