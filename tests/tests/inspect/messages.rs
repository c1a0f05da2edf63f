//! What people are told: pages inside tunnels, and mistakes in the file.

use std::process::Command;

use privet_tests::{CommandOutput, Origin, Privet, Running, await_port, program, reserve};

use crate::support::{Certificates, Scene, authority, fetch, inspecting};

/// An HTTPS origin that answers `GET /answer` with these bytes.
fn answering(certificates: &Certificates, answer: &str) -> (Running, u16) {
    std::fs::write(certificates.path("answer"), answer).expect("the folder takes a file");
    let address = reserve();
    let mut command = Command::new(program("openssl").expect("openssl is installed"));
    command
        .current_dir(certificates.path(""))
        .args(["s_server", "-HTTP", "-quiet", "-accept"]);
    command.arg(address.to_string());
    command.args(["-cert", "good.pem", "-key", "good.key"]);
    let running = Running::start("openssl", command);
    await_port(address, "openssl s_server");
    (running, address.port())
}

#[test]
fn a_switch_to_a_protocol_that_was_not_offered_is_a_502_by_every_way() {
    let answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let certificates = Certificates::make();
    let (_inspected, tls_port) = answering(&certificates, answer);
    let origin = Origin::raw(move |mut stream| {
        use std::io::Write;
        privet_tests::client::read_head(&mut stream);
        let _ = stream.write_all(answer.as_bytes());
    });
    let site = reserve();
    let sites = format!(
        "[[site]]\nname = \"a\"\nlisten = [\"{site}\"]\nhosts = [\"127.0.0.1\"]\n[[site.backend]]\nurl = \"http://{}\"\n",
        origin.address
    );
    let privet = Privet::start(&inspecting(&certificates, &sites));
    let ca = authority(&privet);
    let ways = [
        origin.url("/answer"),
        format!("https://localhost:{tls_port}/answer"),
    ];
    let status = |upgrade: &str, url: &str| {
        let upgrade = format!("Upgrade: {upgrade}");
        let fields = [
            "-H",
            &upgrade,
            "-H",
            "Connection: Upgrade",
            "--max-time",
            "5",
        ];
        let output = ["--http1.1", "-o", "/dev/null", "-w", "%{http_code}", url];
        fetch(&privet, &ca, &[&fields[..], &output].concat()).out
    };
    for url in &ways {
        assert_eq!(status("foo", url), "502", "{url}");
        assert_eq!(status("websocket", url), "101", "{url}");
    }
    let url = format!("http://{site}/answer");
    let direct = ["--noproxy", "*", "--http1.1", "-H", "Connection: Upgrade"];
    let rest = [
        "-H",
        "Upgrade: foo",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ];
    let by_site = privet_tests::curl(&[&direct[..], &rest].concat());
    assert_eq!(by_site.good(), "502");
}

#[test]
fn an_alternative_service_is_not_offered_past_inspection() {
    let certificates = Certificates::make();
    let (_origin, port) = answering(
        &certificates,
        "HTTP/1.1 200 OK\r\nAlt-Svc: h3=\":443\"; ma=86400\r\nX-Kept: yes\r\nContent-Length: 2\r\n\r\nok",
    );
    let privet = Privet::start(&inspecting(&certificates, "[cache]\nenabled = true\n"));
    let ca = authority(&privet);
    let url = format!("https://localhost:{port}/answer");
    for version in ["--http1.1", "--http2"] {
        let answer = fetch(&privet, &ca, &[version, "-i", &url])
            .good()
            .to_lowercase();
        assert!(answer.contains("x-kept: yes"), "{answer}");
        assert!(!answer.contains("alt-svc"), "{answer}");
    }
}

#[test]
fn connect_inside_an_inspected_tunnel_is_called_by_its_name() {
    let scene = Scene::http("");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let url = format!("https://localhost:{port}/");
    let target = format!("localhost:{port}");
    let args = [
        "--http1.1",
        "-i",
        "-X",
        "CONNECT",
        "--request-target",
        &target,
        &url,
    ];
    let answer = fetch(privet, ca, &args);
    assert!(answer.out.starts_with("HTTP/1.1 200"), "{answer:?}");
    assert!(answer.out.contains(" 501"), "{answer:?}");
    assert!(
        answer
            .out
            .contains("the request reaches a server and not a proxy"),
        "{answer:?}"
    );
}

#[test]
fn mistakes_in_inspect_are_named_with_what_to_do_by_check_and_at_the_start() {
    let sandbox = privet_tests::privet::Sandbox::new();
    let serve = |text: &str| -> (CommandOutput, String) {
        sandbox.write(text);
        let config = sandbox.config().display().to_string();
        let mut command = Command::new(privet_tests::privet::binary());
        command.args(["check", "--config", &config]);
        let checked = CommandOutput::of(command);
        let mut running = sandbox.run(&privet_tests::privet::Setup::default());
        running.wait(privet_tests::TIMEOUT);
        (checked, running.log())
    };
    let missing = "[inspect]\nenabled = true\nhosts = [\"a.test\"]\ntrust = [\"$DIR/gone.pem\"]\n";
    let all = "[inspect]\nenabled = true\nhosts = [\"*\"]\n";
    for (text, said) in [
        (missing, &["gone.pem cannot be read", "check the path"][..]),
        (all, &["would inspect every host", "*.example.com"]),
    ] {
        let (checked, log) = serve(text);
        assert_ne!(checked.code, 0, "{checked:?}");
        let checked = format!("{}{}", checked.out, checked.err);
        for part in said {
            assert!(checked.contains(part), "check: {checked}");
            assert!(log.contains(part), "serve: {log}");
        }
    }
}
