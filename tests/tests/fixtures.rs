//! The upstreams of the other tests work without Privet: a failure here is a problem of the environment.

use privet_tests::namespace::{Namespaces, OTHER_HOST};
use privet_tests::peers::{Dante, Haproxy, Microsocks, Squid, Tor};
use privet_tests::require;
use privet_tests::{Origin, curl};

const HELLO: &str = "hello from the origin\n";

#[test]
fn dante_relays_a_request() {
    let origin = Origin::http();
    let dante = require!(Dante::start());
    let proxy = format!("socks5h://{}", dante.address);
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
}

#[test]
fn microsocks_asks_for_a_login() {
    let origin = Origin::http();
    let microsocks = require!(Microsocks::with_login("bob", "secret"));
    let proxy = format!("socks5h://bob:secret@{}", microsocks.address);
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
    let stranger = format!("socks5h://{}", microsocks.address);
    assert_ne!(curl(&["-x", &stranger, &origin.url("/")]).code, 0);
}

#[test]
fn tor_accepts_the_handshake_and_refuses_the_request() {
    let origin = Origin::http();
    let tor = require!(Tor::start());
    let answer = curl(&[
        "-x",
        &format!("socks5h://{}", tor.address),
        &origin.url("/"),
    ]);
    assert_eq!(
        answer.code, 97,
        "curl's code for a SOCKS refusal: {answer:?}"
    );
}

#[test]
fn squid_asks_for_a_login() {
    let origin = Origin::http();
    let squid = require!(Squid::with_login("bob", "secret"));
    let proxy = format!("http://bob:secret@{}", squid.address);
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
    let stranger = format!("http://{}", squid.address);
    let status = curl(&[
        "-x",
        &stranger,
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &origin.url("/"),
    ])
    .good();
    assert_eq!(status, "407");
}

#[test]
fn haproxy_speaks_tls_before_squid() {
    let origin = Origin::http();
    let squid = require!(Squid::start());
    let haproxy = require!(Haproxy::tls(squid.address));
    let (proxy, ca) = (
        format!("https://{}", haproxy.address),
        haproxy.certificate.ca().display().to_string(),
    );
    let answer = curl(&["-x", &proxy, "--proxy-cacert", &ca, "-p", &origin.url("/")]);
    assert_eq!(answer.good(), HELLO);
}

#[test]
fn the_link_between_the_namespaces_shows_other_packets() {
    let world = require!(Namespaces::new());
    let link = world.listen();
    assert_eq!(
        link.packets_except(&world, "10.77.0.2.1080"),
        Vec::<String>::new()
    );
    let _ = world.run(&[
        "curl",
        "-s",
        "--max-time",
        "2",
        &format!("http://{OTHER_HOST}/"),
    ]);
    assert_ne!(
        link.packets_except(&world, "10.77.0.2.1080"),
        Vec::<String>::new()
    );
}
