//! What passes untouched: exceptions of the file, programs that refuse, other protocols; and where a rule demands inspection.

use std::io::{Read, Write};

use privet_tests::client::read_n;
use privet_tests::{Origin, Privet};

use crate::support::{
    Certificates, Scene, authority, fetch, https_origin, inspecting, openssl_origin, tunnel,
};

#[test]
fn exceptions_of_the_file_hold_at_once_and_can_be_undone() {
    let scene = Scene::http("");
    let (certificates, privet, port, ca) =
        (&scene.certificates, &scene.privet, scene.port, &scene.ca);
    let url = format!("https://localhost:{port}/bytes/7");
    let own = certificates.path("ca.pem");
    let args = ["-o", "/dev/null", "-w", "%{size_download}", &url];
    assert_eq!(fetch(privet, ca, &args).good(), "7");
    privet.cli(&["inspect", "except", "localhost"]).good();
    assert_eq!(fetch(privet, &own, &args).good(), "7");
    let row = privet.await_row("closed", |row| row["inspection"] == "untouched");
    assert_eq!(row["inspection_why"], "[inspect] except names the host");
    let found = |filter: &str| {
        let args = ["connections", "--state", "closed", "--filter", filter];
        let page = privet.json(&args);
        page["rows"].as_array().map(Vec::len)
    };
    assert_eq!(found("inspection:untouched"), Some(1));
    assert_eq!(found("inspection:inspected"), Some(1));
    assert_eq!(found("inspection_why:except"), Some(1));
    let why = privet.cli(&["why", &format!("localhost:{port}")]).out;
    assert!(why.contains("`localhost` is in [inspect] except"), "{why}");
    let changes = privet.json(&["changes"]);
    let id = changes["changes"][0]["id"]
        .as_u64()
        .or(changes[0]["id"].as_u64());
    let id = id.unwrap_or_else(|| panic!("{changes:#}"));
    privet.cli(&["undo", &id.to_string()]).good();
    assert_eq!(fetch(privet, ca, &args).good(), "7");
}

#[test]
fn a_program_that_refuses_the_certificate_twice_is_excepted_for_that_host() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let other = openssl_origin(&certificates, "good", &[]);
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    let own = certificates.path("ca.pem");
    let url = format!("https://localhost:{port}/bytes/7");
    let args = ["-o", "/dev/null", "-w", "%{size_download}", &url];
    // 60: the certificate is not accepted.
    for _ in 0..2 {
        assert_eq!(fetch(&privet, &own, &args).code, 60);
    }
    assert_eq!(fetch(&privet, &own, &args).good(), "7");
    let inspection = privet.json(&["inspect"]);
    let exception = &inspection["exceptions"][0];
    assert_eq!(exception["reason"], "refused-certificate", "{inspection:#}");
    assert!(
        exception["app"]
            .as_str()
            .is_some_and(|app| app.ends_with("curl")),
        "{exception:#}"
    );
    privet.await_row("closed", |row| row["inspection"] == "untouched");
    // For the same host, whatever its port; another program is still inspected.
    let url = format!("https://localhost:{}/", other.port);
    assert!(fetch(&privet, &own, &[&url]).good().contains("s_server"));
    let script = "
import ssl, socket, sys
proxy, target, ca = sys.argv[1:]
host, port = proxy.rsplit(':', 1)
s = socket.create_connection((host, int(port)), timeout=30)
s.sendall(f'CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n'.encode())
while not s.recv(4096).endswith(b'\\r\\n\\r\\n'):
    pass
t = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname='localhost')
print(dict(part[0] for part in t.getpeercert()['issuer'])['commonName'])
";
    let args = [
        &privet.proxy().to_string(),
        &*format!("localhost:{port}"),
        &ca.display().to_string(),
    ];
    if let Some(issuer) = privet_tests::python(script, &args) {
        assert!(
            issuer.clone().good().starts_with("Privet inspection"),
            "{issuer:?}"
        );
    }
    assert_eq!(privet.cli(&["inspect", "retry", "localhost"]).code, 0);
    assert_eq!(privet.cli(&["inspect", "retry", "localhost"]).code, 4);
    assert_eq!(fetch(&privet, &own, &args_of(&url)).code, 60);
}

fn args_of(url: &str) -> [&str; 1] {
    [url]
}

#[test]
fn where_a_rule_demands_inspection_nothing_passes_untouched() {
    let certificates = Certificates::make();
    let rule = "[[rule]]\nmatch = { domain = [\"localhost\"] }\nuse = \"direct\"\ninspect = true\n";
    let config = inspecting(&certificates, rule).replace("hosts = [\"localhost\"]", "hosts = []");
    let privet = Privet::start(&config);
    let ca = authority(&privet);
    let own = certificates.path("ca.pem");
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let url = format!("https://localhost:{port}/bytes/7");
    let args = ["-o", "/dev/null", "-w", "%{size_download}", &url];
    assert_eq!(fetch(&privet, &ca, &args).good(), "7");
    for _ in 0..4 {
        assert_eq!(fetch(&privet, &own, &args).code, 60);
    }
    assert_eq!(
        privet.json(&["inspect"])["exceptions"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    // A protocol that cannot be read.
    let echo = Origin::echo();
    let mut stream = tunnel(&privet, &format!("localhost:{}", echo.port()));
    stream
        .write_all(b"SSH-2.0-x\r\n")
        .expect("the tunnel takes bytes");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!(echo.accepted(), 0);
    let row = privet.await_row("blocked", |row| row["port"] == u64::from(echo.port()));
    assert!(
        row["error"]
            .to_string()
            .contains("a rule demands inspection"),
        "{row:#}"
    );
    // A host that asks for a certificate of the client.
    let trust = certificates.text("ca.pem");
    let asking = openssl_origin(&certificates, "good", &["-Verify", "1", "-CAfile", &trust]);
    let page = fetch(
        &privet,
        &ca,
        &["-i", &format!("https://localhost:{}/", asking.port)],
    )
    .good();
    assert!(
        page.to_lowercase()
            .contains("privet-reason: client certificate wanted"),
        "{page}"
    );
}

#[test]
fn other_protocols_pass_untouched_whoever_speaks_first() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    authority(&privet);
    let echo = Origin::echo();
    let mut stream = tunnel(&privet, &format!("localhost:{}", echo.port()));
    stream
        .write_all(b"SSH-2.0-x\r\n")
        .expect("the tunnel takes bytes");
    assert_eq!(read_n(&mut stream, 11).expect("an echo"), b"SSH-2.0-x\r\n");
    let row = privet.await_row("active", |row| row["port"] == u64::from(echo.port()));
    assert_eq!(
        row["inspection_why"],
        "what the client sent is neither TLS nor HTTP"
    );
    let greeter = Origin::raw(|mut stream| {
        let _ = stream.write_all(b"220 hello\r\n");
        let _ = stream.read(&mut [0; 16]);
    });
    let mut stream = tunnel(&privet, &format!("localhost:{}", greeter.port()));
    assert_eq!(
        read_n(&mut stream, 11).expect("a greeting"),
        b"220 hello\r\n"
    );
    let row = privet.await_row("active", |row| row["port"] == u64::from(greeter.port()));
    assert_eq!(
        row["inspection_why"],
        "the client sent nothing at first, and the host spoke"
    );
}

#[test]
fn a_handshake_for_another_host_is_blocked_or_passes_as_configured() {
    let certificates = Certificates::make();
    let origin = openssl_origin(&certificates, "wrong", &[]);
    for (policy, passes) in [("", false), ("sni_mismatch = \"pass\"\n", true)] {
        let config =
            inspecting(&certificates, "").replace("[inspect]\n", &format!("[inspect]\n{policy}"));
        let privet = Privet::start(&config);
        authority(&privet);
        let connect_to = format!("other.test:443:localhost:{}", origin.port);
        let own = certificates.path("ca.pem");
        let args = ["--connect-to", &connect_to, "https://other.test/"];
        let answer = fetch(&privet, &own, &args);
        assert_eq!(answer.code == 0, passes, "{answer:?}");
        if passes {
            let row = privet.await_row("closed", |row| row["inspection"] == "untouched");
            assert!(
                row["inspection_why"].to_string().contains("another host"),
                "{row:#}"
            );
        } else {
            let row = privet.await_row("blocked", |row| row["host"] == "localhost");
            assert!(row["error"].to_string().contains("sni_mismatch"), "{row:#}");
        }
    }
}
