//! Finds a proxy setting left by another program: a port of this machine without a listener.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use super::proxy_target::ProxyTarget;

/// Loopback accepts or refuses at once; a listener with a full queue does not refuse.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// The first loopback address in the settings that refuses connections. Blocks for at most 1.2 s.
pub fn dead_port(target: &ProxyTarget) -> Option<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = match target {
        ProxyTarget::Proxies(all) => all
            .iter()
            .filter_map(|proxy| loopback(&proxy.host, proxy.port))
            .collect(),
        ProxyTarget::Pac(url) => of_url(url).into_iter().collect(),
        ProxyTarget::Disabled | ProxyTarget::Other(_) => Vec::new(),
    };
    addresses.dedup();
    addresses.truncate(4);
    addresses.into_iter().find(|address| is_dead(*address))
}

fn is_dead(address: SocketAddr) -> bool {
    matches!(
        TcpStream::connect_timeout(&address, CONNECT_TIMEOUT),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused
    )
}

fn loopback(host: &str, port: u16) -> Option<SocketAddr> {
    let ip = if host.eq_ignore_ascii_case("localhost") {
        IpAddr::from([127, 0, 0, 1])
    } else {
        host.trim_matches(['[', ']']).parse::<IpAddr>().ok()?
    };
    ip.is_loopback().then(|| SocketAddr::new(ip, port))
}

/// The address in a URL like "http://127.0.0.1:7281/proxy.pac", if it is loopback.
fn of_url(url: &str) -> Option<SocketAddr> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => loopback(host, port.parse().ok()?),
        _ => loopback(authority, 80),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::proxy_target::{ProxyEndpoint, ProxyScheme};
    use super::*;

    fn http(host: &str, port: u16) -> ProxyEndpoint {
        ProxyEndpoint::new(ProxyScheme::Http, host, port)
    }

    #[test]
    fn only_a_port_of_this_machine_that_refuses_is_dead() {
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = live.local_addr().unwrap();
        let here = ProxyTarget::Pac(format!("http://{address}/proxy.pac"));
        assert_eq!(dead_port(&here), None);
        let both = ProxyTarget::Proxies(vec![http("localhost", address.port())]);
        assert_eq!(dead_port(&both), None);
        drop(live);
        assert_eq!(dead_port(&here), Some(address));
        assert_eq!(dead_port(&both), Some(address));
        let far = ProxyTarget::Proxies(vec![http("192.0.2.1", 9), http("corp", 9)]);
        assert_eq!(dead_port(&far), None);
    }

    #[test]
    fn addresses_are_found_in_urls() {
        for (url, address) in [
            ("http://127.0.0.1:7281/proxy.pac", Some("127.0.0.1:7281")),
            ("http://[::1]:1/x", Some("[::1]:1")),
            ("http://localhost", Some("127.0.0.1:80")),
            ("http://corp.example:8080/x", None),
            ("file:///etc/proxy.pac", None),
        ] {
            assert_eq!(
                of_url(url).map(|address| address.to_string()).as_deref(),
                address
            );
        }
    }
}
