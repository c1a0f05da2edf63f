//! The upstreams do what the other tests take for granted, without Privet: a failure here is the surroundings' fault.

use privet_tests::namespace::{FAR, Namespaces};
use privet_tests::peers::{Dante, Haproxy, Microsocks, Squid, Tor};
use privet_tests::{Origin, curl};

const HELLO: &str = "hello from the origin\n";

#[test]
fn dante_carries_a_request() {
    let (origin, Some(dante)) = (Origin::http(), Dante::start()) else {
        return;
    };
    let proxy = format!("socks5h://{}", dante.address);
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
}

#[test]
fn microsocks_asks_for_a_login() {
    let (origin, Some(microsocks)) = (Origin::http(), Microsocks::with_login("bob", "secret"))
    else {
        return;
    };
    let proxy = format!("socks5h://bob:secret@{}", microsocks.address);
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
    let stranger = format!("socks5h://{}", microsocks.address);
    assert_ne!(curl(&["-x", &stranger, &origin.url("/")]).code, 0);
}

#[test]
fn tor_takes_the_handshake_and_refuses_the_request() {
    let (origin, Some(tor)) = (Origin::http(), Tor::start()) else {
        return;
    };
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
    let (origin, Some(squid)) = (Origin::http(), Squid::with_login("bob", "secret")) else {
        return;
    };
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
    let (origin, Some(squid)) = (Origin::http(), Squid::start()) else {
        return;
    };
    let Some(haproxy) = Haproxy::tls(squid.address) else {
        return;
    };
    let (proxy, ca) = (
        format!("https://{}", haproxy.address),
        haproxy.certificate.ca().display().to_string(),
    );
    let answer = curl(&["-x", &proxy, "--proxy-cacert", &ca, "-p", &origin.url("/")]);
    assert_eq!(answer.good(), HELLO);
}

#[test]
fn the_cable_between_the_namespaces_shows_a_stranger() {
    let Some(world) = Namespaces::new() else {
        return;
    };
    let cable = world.listen();
    assert_eq!(
        cable.strangers(&world, "10.77.0.2.1080"),
        Vec::<String>::new()
    );
    let _ = world.run(&["curl", "-s", "--max-time", "2", &format!("http://{FAR}/")]);
    assert_ne!(
        cable.strangers(&world, "10.77.0.2.1080"),
        Vec::<String>::new()
    );
}
