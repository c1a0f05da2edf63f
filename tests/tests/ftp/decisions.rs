//! Both connections are decided on and recorded; what cannot be fetched says why.

use std::io::Write;
use std::net::TcpListener;

use privet_tests::{Origin, Privet, require};

use crate::support::{FtpServer, LOGIN, TEXT, fetch};

#[test]
fn each_connection_is_a_row_and_passwords_are_in_none() {
    let server = require!(FtpServer::start(&[]));
    let privet = Privet::start("");
    fetch(&privet, &[&server.url_as(LOGIN, "a.txt")]).good();
    let control = privet.await_row("closed", |row| row["port"] == server.port);
    let data = privet.await_row("closed", |row| row["port"] != server.port);
    assert!(
        control["down"].as_u64() > Some(TEXT.len() as u64),
        "{control}"
    );
    for row in [&control, &data] {
        assert_eq!(
            (&row["host"], &row["verdict"]),
            (&"127.0.0.1".into(), &"direct".into()),
            "{row}"
        );
        assert_eq!(row["protocol"], "http", "{row}");
        assert!(row["error"].is_null(), "{row}");
    }
    let all = format!("{control}{data}{}", privet.log());
    assert!(!all.contains("p#a") && !all.contains("p%23a"), "{all}");
}

#[test]
fn the_data_connection_is_decided_on_by_its_port() {
    let server = require!(FtpServer::start(&[]));
    let port = server.port;
    let privet = Privet::start(&format!(
        "[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"direct\"\n[[rule]]\nmatch = {{}}\nuse = \"block\"\n"
    ));
    let answer = fetch(&privet, &["-i", &server.url("a.txt")]).good();
    assert_eq!(privet.cli(&["why", &server.url("a.txt")]).code, 0);
    assert_eq!(privet.cli(&["why", "ftp://127.0.0.1/a.txt"]).code, 4);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("Privet-Reason: rule 2"), "{answer}");
    let blocked = privet.await_row("blocked", |row| row["port"] != port);
    assert_eq!(blocked["host"], "127.0.0.1");
    let control = privet.await_row("closed", |row| row["port"] == port);
    let error = control["error"].as_str().unwrap_or_default();
    assert!(error.contains("data connection"), "{control}");
}

#[test]
fn with_a_kill_switch_both_connections_go_through_the_upstream() {
    let server = require!(FtpServer::start(&[]));
    for scheme in ["socks5", "http"] {
        let upstream = Privet::start("");
        let privet = Privet::start(&format!(
            "mode = \"strict\"\n[[upstream]]\nname = \"up\"\nurl = \"{scheme}://{}\"\n",
            upstream.proxy()
        ));
        // The name is resolved by the upstream.
        let url = server.url("a.txt").replace("127.0.0.1", "localhost");
        assert_eq!(fetch(&privet, &[&url]).good(), TEXT, "{scheme}");
        for gateway in [&privet, &upstream] {
            let route = if std::ptr::eq(gateway, &privet) {
                "up"
            } else {
                "direct"
            };
            let is = |row: &serde_json::Value| row["host"] == "localhost" && row["route"] == route;
            gateway.await_row("closed", |row| is(row) && row["port"] == server.port);
            gateway.await_row("closed", |row| is(row) && row["port"] != server.port);
        }
        let direct = privet.rows("closed");
        assert!(direct.iter().all(|row| row["route"] == "up"), "{direct:#?}");
    }
}

#[test]
fn what_cannot_be_fetched_is_a_page_with_the_reason() {
    let server = require!(FtpServer::start(&["closed"]));
    let privet = Privet::start("");
    let answer = |args: &[&str]| fetch(&privet, &[&["-i"], args].concat()).good();
    let missing = answer(&[&server.url_as(LOGIN, "none.txt")]);
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    assert!(
        missing.contains("Privet-Reason: not found by FTP: the server refused RETR: 550"),
        "{missing}"
    );
    let folder = answer(&[&server.url_as(LOGIN, "none/")]);
    assert!(folder.starts_with("HTTP/1.1 404 "), "{folder}");
    for url in [server.url("a.txt"), server.url_as("bob:wrong", "a.txt")] {
        let login = answer(&[&url]);
        assert!(login.starts_with("HTTP/1.1 401 "), "{login}");
        assert!(
            login.contains("WWW-Authenticate: Basic") && login.contains("530"),
            "{login}"
        );
    }
    // The login may come as a field.
    let as_field = fetch(
        &privet,
        &[
            "-H",
            "Authorization: Basic Ym9iOnAjYTpzIHc=",
            &server.url("a.txt"),
        ],
    );
    assert_eq!(as_field.good(), TEXT);
    let upload = answer(&["-X", "PUT", "-d", "x", &server.url_as(LOGIN, "a.txt")]);
    assert!(
        upload.starts_with("HTTP/1.1 405 ") && upload.contains("Allow: GET, HEAD"),
        "{upload}"
    );
    let injected = answer(&[&server.url_as(LOGIN, "a.txt%0d%0aDELE%20a.txt")]);
    assert!(injected.starts_with("HTTP/1.1 400 "), "{injected}");
    assert!(server.folder.path().join("a.txt").exists());
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let closed = format!("ftp://{}/", closed.expect("a free port"));
    assert!(answer(&[&closed]).starts_with("HTTP/1.1 502 "));
    let other = Origin::raw(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let other = answer(&[&format!("ftp://{}/", other.address)]);
    assert!(
        other.starts_with("HTTP/1.1 502 ") && other.contains("does not speak FTP"),
        "{other}"
    );
    privet.await_row("closed", |row| {
        let error = row["error"].as_str().unwrap_or_default();
        error.contains("does not speak FTP")
    });
}
