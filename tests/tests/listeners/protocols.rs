//! What a listener takes: protocols by their first byte, no requests for the proxy itself, PAC.

use std::io::{Read, Write};

use privet_tests::client::{connect, read_all, read_head, read_n, socks5};
use privet_tests::{Origin, Privet, curl};

#[test]
fn requests_for_the_proxy_itself_are_refused_in_every_form() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\nhttp = [\"$HTTP\"]\npac = \"$PAC\"\n[control]\nhttp = \"$CONTROL\"\nmetrics = \"$METRICS\"\n",
    );
    let sandbox = &privet.sandbox;
    for port in [
        sandbox.mixed,
        sandbox.http,
        sandbox.pac,
        sandbox.control,
        sandbox.metrics,
    ]
    .map(|address| address.port())
    {
        for host in [
            "127.0.0.1",
            "localhost",
            "::ffff:127.0.0.1",
            "127.0.0.1.",
            "LOCALHOST",
            "0.0.0.0",
            "::",
            "127.1",
        ] {
            let reply = socks5(privet.proxy(), host, port).err();
            assert!(
                reply.is_some(),
                "SOCKS5 to {host} port {port} was let through"
            );
            let written = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            let mut stream = connect(privet.proxy());
            stream
                .write_all(
                    format!("CONNECT {written}:{port} HTTP/1.1\r\nHost: {written}:{port}\r\n\r\n")
                        .as_bytes(),
                )
                .expect("open");
            let head = read_head(&mut stream);
            assert!(!head.contains(" 200 "), "CONNECT to {host}:{port}: {head}");
            let mut stream = connect(privet.proxy());
            stream.write_all(format!( "GET http://{written}:{port}/proxy.pac HTTP/1.1\r\nHost: {written}:{port}\r\nConnection: close\r\n\r\n").as_bytes()).expect("open");
            let head = read_head(&mut stream);
            assert!(!head.contains(" 200 "), "GET from {host}:{port}: {head}");
        }
    }
    let rows = privet.rows("blocked");
    assert!(rows.iter().any(|row| row["rule"] == "loop"), "{rows:#?}");
}

#[test]
fn a_direct_request_to_the_proxy_is_refused() {
    let privet = Privet::start("");
    let status = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("http://{}/", privet.proxy()),
    ])
    .out;
    assert!(status.starts_with('4'), "{status}");
}

#[test]
fn each_protocol_is_detected_by_its_first_byte_alone() {
    let privet = Privet::start("");
    // A greeting sent byte by byte is answered once it is complete.
    let mut stream = connect(privet.proxy());
    for byte in [5, 1, 0] {
        stream.write_all(&[byte]).expect("open");
    }
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 0]);
    // Unknown protocols are closed at once.
    let mut stream = connect(privet.proxy());
    stream.write_all(&[0x16, 3, 1, 0]).expect("open");
    let answer = read_all(&mut stream);
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
        "{answer:?}"
    );
}

#[test]
fn single_protocol_listeners_accept_only_their_protocol() {
    let origin = Origin::echo();
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\nsocks = [\"$SOCKS\", \"[::1]:SIX\"]\nhttp = [\"$HTTP\"]\npac = \"\"\n"
        .replace("SIX", &privet_tests::reserve().port().to_string())
        .as_str());
    assert!(socks5(privet.sandbox.socks, "127.0.0.1", origin.port()).is_ok());
    let mut stream = connect(privet.sandbox.http);
    stream.write_all(&[5, 1, 0]).expect("open");
    let answer = read_all(&mut stream);
    assert!(
        !answer.starts_with(&[5]),
        "an HTTP listener spoke SOCKS: {answer:?}"
    );
    let mut stream = connect(privet.sandbox.socks);
    let _ = stream.write_all(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    let listeners = privet.api("GET", "status", None).1["listeners"].clone();
    let text = listeners.to_string();
    assert!(text.contains("[::1]:"), "{text}");
}

#[test]
fn the_pac_server_checks_host_and_sets_its_content_type() {
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n");
    let url = format!("http://{}", privet.sandbox.pac);
    for path in ["/proxy.pac", "/wpad.dat"] {
        let answer = curl(&["-i", &format!("{url}{path}")]).good();
        assert!(
            answer
                .to_lowercase()
                .contains("content-type: application/x-ns-proxy-autoconfig"),
            "{answer}"
        );
        assert!(
            answer.contains("FindProxyForURL")
                && answer.contains(&privet.proxy().port().to_string()),
            "{answer}"
        );
        assert!(
            answer.contains("DIRECT"),
            "standard mode strands nobody: {answer}"
        );
    }
    let rebound = curl(&[
        "-H",
        "Host: evil.test",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{url}/proxy.pac"),
    ])
    .good();
    assert_eq!(rebound, "403");
    let page = curl(&[
        "-i",
        "-H",
        "Origin: http://evil.test",
        &format!("{url}/proxy.pac"),
    ])
    .good();
    assert!(
        page.starts_with("HTTP/1.1 403") && !page.contains("FindProxyForURL"),
        "a page of another site reads the rules: {page}"
    );
    let script = curl(&["-i", &format!("{url}/proxy.pac")]).good();
    assert!(
        script.contains("x-content-type-options: nosniff"),
        "a page of another site runs the rules as its own script: {script}"
    );
    let posted = curl(&[
        "-d",
        "x",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("{url}/proxy.pac"),
    ])
    .good();
    assert!(posted.starts_with('4'), "{posted}");

    let strict = Privet::start(
        "mode = \"strict\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n[[upstream]]\nname = \"u\"\nurl = \"socks5://127.0.0.1:9\"\n",
    );
    let pac = curl(&[&format!("http://{}/proxy.pac", strict.sandbox.pac)]).good();
    assert!(
        pac.contains(&format!("ASK = \"PROXY {}\";", strict.proxy())) && !pac.contains("; DIRECT"),
        "a kill switch has no way round: {pac}"
    );
}
