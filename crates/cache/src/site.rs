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

/// The host of an absolute URL.
pub(crate) fn host_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme
        .find(['/', '?', '#'])
        .unwrap_or(after_scheme.len());
    let authority = after_scheme.get(..end).unwrap_or_default();
    // A colon within brackets is part of an IPv6 address.
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_found_in_every_form() {
        for (url, host) in [
            ("http://a.test/x:1/y", "a.test"),
            ("http://a.test", "a.test"),
            ("https://a.test:8443/", "a.test"),
            ("http://a.test?x=http://b.test:1/", "a.test"),
            ("http://[2001:db8::1]/x", "[2001:db8::1]"),
            ("http://[2001:db8::1]:81/x", "[2001:db8::1]"),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

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
