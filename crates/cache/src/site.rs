//! Which hosts are one site: a registrable domain and all below it (publicsuffix.org).

use std::net::IpAddr;

use crate::store::disk::format::short_hash;

/// The registrable domain of a host; addresses, and names that have none, are sites of their own.
pub fn site_of(host: &str) -> &str {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<IpAddr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// A short hash of a site, as entries keep it for the page that caused them. 0: there was none.
pub fn page_mark(site: &str) -> u32 {
    match site {
        "" => 0,
        site => short_hash(site.to_ascii_lowercase().as_bytes()).max(1),
    }
}

/// A short hash of the way to an origin, by which an entry came. Never 0.
pub fn route_mark(route: &str) -> u32 {
    short_hash(route.as_bytes()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_below_one_registrable_domain_are_one_site() {
        for (host, site) in [
            ("www.example.com", "example.com"),
            ("example.com", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("alice.github.io", "alice.github.io"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("", ""),
        ] {
            assert_eq!(site_of(host), site, "{host}");
        }
        assert_ne!(page_mark("a.test"), page_mark("b.test"));
        assert_eq!(page_mark("A.test"), page_mark("a.test"));
        assert_eq!(page_mark(""), 0);
    }
}
