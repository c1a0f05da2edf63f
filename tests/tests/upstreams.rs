//! Chains of real upstreams: Dante, microsocks, Squid, HAProxy with TLS, tor without a network.

use privet_tests::client::socks5;
use privet_tests::peers::{Dante, Haproxy, Microsocks, Squid, Tor};
use privet_tests::require;
use privet_tests::{Origin, Privet, curl};

const HELLO: &str = "hello from the origin\n";

/// Fetches the origin through every protocol of Privet.
#[track_caller]
fn fetch_by_every_protocol(privet: &Privet, origin: &Origin) {
    for scheme in ["socks4a", "socks5", "socks5h", "http"] {
        let proxy = format!("{scheme}://{}", privet.proxy());
        let answer = curl(&["-x", &proxy, &origin.url("/")]);
        assert_eq!(answer.out, HELLO, "{scheme}: {answer:?}\n{}", privet.log());
    }
    let proxy = format!("http://{}", privet.proxy());
    assert_eq!(
        curl(&["-p", "-x", &proxy, &origin.url("/")]).good(),
        HELLO,
        "CONNECT"
    );
}

fn through(name: &str, url: &str) -> String {
    format!(
        "mode = \"own\"\n[modes.own]\nroute = \"{name}\"\nkill_switch = true\ndns = \"upstream\"\n[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\n"
    )
}

#[test]
fn socks5_works_through_dante() {
    let origin = Origin::http();
    let dante = require!(Dante::start());
    let privet = Privet::start(&through("dante", &format!("socks5://{}", dante.address)));
    fetch_by_every_protocol(&privet, &origin);
    let row = privet.await_row("closed", |row| row["verdict"] == "routed");
    assert_eq!(row["route"], "dante", "{row}");
}

#[test]
fn socks4_and_socks4a_through_dante() {
    let origin = Origin::http();
    let dante = require!(Dante::start());
    for scheme in ["socks4", "socks4a"] {
        let privet = Privet::start(&through("dante", &format!("{scheme}://{}", dante.address)));
        fetch_by_every_protocol(&privet, &origin);
    }
}

#[test]
fn microsocks_with_a_login_from_the_environment_and_a_file() {
    let origin = Origin::http();
    let microsocks = require!(Microsocks::with_login("bob", "a secret"));
    let base = through("micro", &format!("socks5://{}", microsocks.address));
    let setup = privet_tests::privet::Setup {
        env: vec![("MICRO_PASSWORD".into(), "a secret".into())],
        ..Default::default()
    };
    let config = format!("{base}username = \"bob\"\npassword = {{ env = \"MICRO_PASSWORD\" }}\n");
    let privet = Privet::start_as(&config, &setup);
    fetch_by_every_protocol(&privet, &origin);
    assert!(!privet.log().contains("a secret"), "a password in the log");

    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = privet_tests::peers::write(dir.path(), "password", "a secret\n");
    let config = format!(
        "{base}username = \"bob\"\npassword = {{ file = \"{}\" }}\n",
        file.display()
    );
    fetch_by_every_protocol(&Privet::start(&config), &origin);
}

#[test]
fn a_wrong_upstream_password_is_reported_and_the_client_refused() {
    let origin = Origin::http();
    let microsocks = require!(Microsocks::with_login("bob", "right"));
    let base = through("micro", &format!("socks5://{}", microsocks.address));
    let privet = Privet::start(&format!(
        "{base}username = \"bob\"\npassword = \"wrong one\"\n"
    ));
    assert!(socks5(privet.proxy(), "127.0.0.1", origin.port()).is_err());
    let status = curl(&[
        "-x",
        &format!("http://{}", privet.proxy()),
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &origin.url("/"),
    ]);
    assert_eq!(status.out, "502", "{status:?}");
    let row = privet.await_row("closed", |row| row["verdict"] == "failed");
    let error = row["error"].as_str().unwrap_or_default();
    assert!(error.contains("micro"), "{row}");
    assert!(!privet.log().contains("wrong one"), "a password in the log");
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn plain_requests_reach_squid_in_absolute_form_and_tunnels_by_connect() {
    let origin = Origin::http();
    let squid = require!(Squid::start());
    let privet = Privet::start(&through("squid", &format!("http://{}", squid.address)));
    fetch_by_every_protocol(&privet, &origin);
    assert!(
        origin
            .heads()
            .iter()
            .any(|head| head.to_lowercase().contains("via:")),
        "Squid read the plain request"
    );
}

#[test]
fn privet_logs_in_to_squid_by_every_protocol() {
    let origin = Origin::http();
    let squid = require!(Squid::with_login("bob", "secret"));
    let base = through("squid", &format!("http://{}", squid.address));
    let privet = Privet::start(&format!(
        "{base}username = \"bob\"\npassword = \"secret\"\n"
    ));
    fetch_by_every_protocol(&privet, &origin);
    assert!(
        origin
            .heads()
            .iter()
            .all(|head| !head.to_lowercase().contains("proxy-authorization"))
    );
}

#[test]
fn tls_to_the_proxy_is_verified() {
    let origin = Origin::http();
    let squid = require!(Squid::start());
    let haproxy = require!(Haproxy::tls(squid.address));
    let base = through("tls", &format!("https://{}", haproxy.address));
    let trusting = Privet::start(&format!(
        "{base}ca = \"{}\"\n",
        haproxy.certificate.ca().display()
    ));
    fetch_by_every_protocol(&trusting, &origin);
    let row = trusting.await_row("closed", |row| row["verdict"] == "routed");
    assert!(row["tls_ms"].is_number(), "{row}");

    let before = origin.accepted();
    let wary = Privet::start(&base);
    assert!(
        socks5(wary.proxy(), "127.0.0.1", origin.port()).is_err(),
        "an unknown authority is not trusted"
    );
    assert_eq!(origin.accepted(), before);
}

#[test]
fn an_upstream_is_recognised_by_a_pin() {
    let origin = Origin::http();
    let squid = require!(Squid::start());
    let haproxy = require!(Haproxy::tls(squid.address));
    let base = through("tls", &format!("https://{}", haproxy.address));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    openssl.arg(haproxy.certificate.both());
    let shown = privet_tests::CommandOutput::of(openssl).good();
    let (_, digest) = shown.trim().split_once('=').expect("openssl's form");
    let pinned = Privet::start(&format!("{base}pin = [\"{digest}\"]\n"));
    assert!(socks5(pinned.proxy(), "127.0.0.1", origin.port()).is_ok());
    let other = "00".repeat(32);
    let wary = Privet::start(&format!("{base}pin = [\"{other}\"]\n"));
    let before = origin.accepted();
    assert!(socks5(wary.proxy(), "127.0.0.1", origin.port()).is_err());
    assert_eq!(origin.accepted(), before);
}

#[test]
fn a_chain_of_four_upstreams_is_traversed_in_order() {
    let origin = Origin::http();
    let dante = require!(Dante::start());
    let micro = require!(Microsocks::with_login("bob", "secret"));
    let squid = require!(Squid::start());
    let tls = require!(Haproxy::tls(squid.address));
    let config = format!(
        "mode = \"own\"\n[modes.own]\nroute = \"last\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"first\"\nurl = \"socks5://{}\"\n\
         [[upstream]]\nname = \"second\"\nurl = \"https://{}\"\nca = \"{}\"\nvia = \"first\"\n\
         [[upstream]]\nname = \"third\"\nurl = \"socks5://{}\"\nusername = \"bob\"\npassword = \"secret\"\nvia = \"second\"\n\
         [[upstream]]\nname = \"last\"\nurl = \"socks4a://{}\"\nvia = \"third\"\n",
        dante.address,
        tls.address,
        tls.certificate.ca().display(),
        micro.address,
        dante.address,
    );
    let privet = Privet::start(&config);
    fetch_by_every_protocol(&privet, &origin);
    let row = privet.await_row("closed", |row| row["verdict"] == "routed");
    assert_eq!(row["route"], "first → second → third → last", "{row}");
}

#[test]
fn a_refusal_by_tor_reaches_the_client() {
    let tor = require!(Tor::start());
    let config = format!(
        "{}isolate = \"host\"\n",
        through("tor", &format!("socks5://{}", tor.address))
    );
    let privet = Privet::start(&config);
    let reply = socks5(privet.proxy(), "127.0.0.1", 9).err();
    assert!(reply.is_some_and(|code| code != 0), "{reply:?}");
    // The name is sent to tor unresolved.
    let reply = socks5(privet.proxy(), "somewhere.invalid", 80).err();
    assert!(reply.is_some_and(|code| code != 0), "{reply:?}");
    tor.running.await_line("somewhere.invalid");
}

#[test]
fn isolation_uses_one_login_per_host_and_a_new_identity_changes_it() {
    let (upstream, names) = Origin::recording_logins();
    let config = format!(
        "{}isolate = \"host\"\n",
        through("tor", &format!("socks5://{}", upstream.address))
    );
    let privet = Privet::start(&config);
    for host in ["a.test", "b.test", "a.test"] {
        assert!(socks5(privet.proxy(), host, 80).is_err());
    }
    let (status, _) = privet.api("POST", "identity", Some(&serde_json::json!({})));
    assert!((200..300).contains(&status), "{status}");
    assert!(socks5(privet.proxy(), "a.test", 80).is_err());
    let names = names.lock().expect("no panic here").clone();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[0], names[2], "the same host, the same name");
    assert_ne!(names[0], names[1], "another host, another name");
    assert_ne!(names[0], names[3], "a new identity");
}

#[test]
fn udp_goes_through_dante() {
    let dante = require!(Dante::start());
    let echo = privet_tests::UdpEcho::start();
    let privet = Privet::start(&through("dante", &format!("socks5://{}", dante.address)));
    let (_control, reply) = privet_tests::client::socks5_command(privet.proxy(), 3, "0.0.0.0", 0);
    assert_eq!(reply[1], 0, "{reply:?}\n{}", privet.log());
    let relay = privet_tests::client::bound(&reply);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback has a port");
    socket
        .set_read_timeout(Some(privet_tests::TIMEOUT))
        .expect("a socket takes a timeout");
    let mut packet = vec![0, 0, 0];
    packet.extend(privet_tests::client::socks5_target(
        "127.0.0.1",
        echo.address.port(),
    ));
    let head = packet.len();
    packet.extend(b"ping");
    socket.send_to(&packet, relay).expect("loopback carries it");
    let mut buffer = [0; 2048];
    let (n, _) = socket
        .recv_from(&mut buffer)
        .expect("an echo through Dante");
    assert_eq!(&buffer[head..n], b"ping");
    let senders = echo.senders();
    assert!(
        senders.iter().all(|from| from.port() != relay.port()),
        "{senders:?}"
    );
}
