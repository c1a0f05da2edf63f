//! The names and addresses by which this machine is reached over the network.

use std::net::IpAddr;

use crate::interfaces::{addresses, host_name};

/// Whether a host, without a port and brackets, is a name or an interface's address of this machine.
pub fn is_this_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => addresses().contains(&ip.to_canonical()),
        Err(_) => is_among(host, &own_names()),
    }
}

fn is_among(host: &str, names: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// The host name, its first label, and that label in `.local` and in the resolver's search domains.
pub fn own_names() -> Vec<String> {
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    host_name().map_or_else(Vec::new, |name| names(&name, &resolver))
}

fn names(host_name: &str, resolver: &str) -> Vec<String> {
    let label = host_name.split('.').next().unwrap_or(host_name);
    let searched = resolver.lines().flat_map(|line| {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("search" | "domain") => words.collect(),
            _ => Vec::new(),
        }
    });
    let domains = std::iter::once("local").chain(searched);
    let mut names = vec![host_name.to_owned(), label.to_owned()];
    names.extend(domains.map(|domain| format!("{label}.{}", domain.trim_matches('.'))));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_a_home_or_company_network_gives() {
        let names = names(
            "box",
            "# a comment\nnameserver 192.0.2.1\nsearch fritz.box lan.\n",
        );
        assert_eq!(
            names,
            ["box", "box", "box.local", "box.fritz.box", "box.lan"]
        );
        for (host, ours) in [
            ("BOX", true),
            ("box.local.", true),
            ("box.lan", true),
            ("box.evil.example", false),
            ("ox", false),
            ("", false),
        ] {
            assert_eq!(is_among(host, &names), ours, "{host}");
        }
        assert_eq!(super::names("a.example", "")[..2], ["a.example", "a"]);
    }

    #[test]
    fn interfaces_are_this_machine_and_documentation_addresses_are_not() {
        assert!(is_this_machine("127.0.0.1"));
        assert!(!is_this_machine("192.0.2.1"));
        assert!(!is_this_machine("2001:db8::1"));
    }
}
