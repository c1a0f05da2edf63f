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
