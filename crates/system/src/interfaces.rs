//! The addresses of this machine, to recognise connections to Privet itself.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long addresses are cached.
const FRESH: Duration = Duration::from_secs(10);

/// The addresses of all interfaces, read on demand and cached.
#[derive(Debug, Default)]
pub struct Interfaces(Mutex<Option<(Instant, HashSet<IpAddr>)>>);

impl Interfaces {
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether an address is this machine's: loopback, unspecified, or of an interface. At most one short system call every
    /// ten seconds.
    pub fn is_ours(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if ip.is_loopback() || ip.is_unspecified() {
            return true;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let known = match kept.take() {
            Some((at, known)) if now.duration_since(at) < FRESH => (at, known),
            _ => (now, addresses()),
        };
        kept.insert(known).1.contains(&ip)
    }

    /// Drops the cache. Call it when the network changed.
    pub fn refresh(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether an interface of this machine has the address, as of at most ten seconds ago.
pub fn is_interface(ip: IpAddr) -> bool {
    static INTERFACES: Interfaces = Interfaces(Mutex::new(None));
    INTERFACES.is_ours(ip)
}

/// Whether no interface but loopback leads anywhere. Reads two short files of the kernel; elsewhere than on Linux it is not
/// known, and `false`.
pub fn is_offline() -> bool {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}"));
    let (Ok(v4), Ok(v6)) = (read("route"), read("ipv6_route")) else {
        return false;
    };
    !leads_out(&v4, &v6)
}

/// Whether a route of the tables (proc_net(5)) leaves the machine. Those of IPv6 that every interface has do not count.
fn leads_out(v4: &str, v6: &str) -> bool {
    let by_v4 = v4.lines().skip(1).any(|line| {
        let interface = line.split_whitespace().next();
        interface.is_some_and(|interface| interface != "lo")
    });
    by_v4
        || v6.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(to), Some(interface)) = (fields.first(), fields.last()) else {
                return false;
            };
            *interface != "lo" && !to.starts_with("fe80") && !to.starts_with("ff")
        })
}

/// The addresses of all interfaces now; empty where they cannot be read.
pub fn addresses() -> HashSet<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces
        .into_iter()
        .map(|interface| interface.ip().to_canonical())
        .collect()
}

/// The machine's host name; `None` where it has none or it cannot be read.
pub fn host_name() -> Option<String> {
    #[cfg(target_os = "linux")]
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    #[cfg(not(target_os = "linux"))]
    let name = std::env::var("COMPUTERNAME")
        .or_else(|_| std::env::var("HOSTNAME"))
        .ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_routes_is_offline() {
        let head = "Iface\tDestination\tGateway \tFlags\n";
        let local = "00000000000000000000000000000001 80 0000 00 0000 00 0 1 0 80200001 lo\n\
                     fe800000000000000000000000000000 40 0000 00 0000 00 100 1 0 00000001 eth0\n\
                     ff000000000000000000000000000000 08 0000 00 0000 00 100 1 0 00000001 eth0\n";
        assert!(!leads_out(head, local));
        assert!(leads_out(
            &format!("{head}eth0\t0000A8C0\t00000000\t0001\n"),
            local
        ));
        let global = "00000000000000000000000000000000 00 0000 00 fe80 00 100 1 0 00000003 eth0\n";
        assert!(leads_out(head, &format!("{local}{global}")));
    }

    #[test]
    fn loopback_in_any_form_is_ours_and_a_documentation_address_is_not() {
        let interfaces = Interfaces::new();
        for ours in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "0.0.0.0",
            "::",
            "::ffff:127.0.0.1",
        ] {
            assert!(
                interfaces.is_ours(ours.parse().expect("an address")),
                "{ours}"
            );
        }
        for far in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(
                !interfaces.is_ours(far.parse().expect("an address")),
                "{far}"
            );
        }
    }

    #[test]
    fn every_address_of_an_interface_is_ours() {
        let interfaces = Interfaces::new();
        assert!(addresses().contains(&"127.0.0.1".parse().expect("an address")));
        assert!(addresses().into_iter().all(|ip| interfaces.is_ours(ip)));
    }
}
