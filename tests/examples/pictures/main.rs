//! Runs Privet with real clients and takes the README's pictures of its page with Chromium.
//!
//! `cargo xtask picture` builds the programs it needs and calls it: `pictures FOLDER`.

mod scene;

use std::process::{Command, ExitCode};

use privet_tests::privet::Setup;
use privet_tests::{CommandOutput, Privet, TIMEOUT, curl, wait};
use serde_json::json;

/// Repeats [`scene::REQUESTS`] until this process ends.
fn request_for_ever(proxy: std::net::SocketAddr) {
    std::thread::spawn(move || {
        for (scheme, url) in scene::REQUESTS.iter().cycle() {
            // Blocked requests fail.
            let proxy = format!("{scheme}://{proxy}");
            let _ = curl(&["-x", &proxy, "-o", "/dev/null", url]);
        }
    });
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: pictures FOLDER");
        return ExitCode::from(2);
    };
    let home = tempfile::tempdir().expect("a temporary folder");
    let network = scene::network();
    let setup = Setup {
        // A desktop with settings in a file, so that the system proxy can be switched on.
        env: vec![
            ("PRIVET_SYSTEM_PROXY".to_owned(), "kde".to_owned()),
            (
                "XDG_CONFIG_HOME".to_owned(),
                home.path().display().to_string(),
            ),
        ],
        command: Some("agent"),
        ..Setup::default()
    };
    let privet = Privet::start_as(&scene::configuration(network.address, home.path()), &setup);
    let (status, answer) = privet.api("PUT", "system-proxy", Some(&json!({"enabled": true})));
    assert_eq!(status, 200, "{answer}");
    let clients = scene::clients(&privet);
    request_for_ever(privet.proxy());
    let token = privet.sandbox.dir().join("data/control.token");
    wait::until("the token", || token.exists());
    let token = std::fs::read_to_string(token).expect("the token is readable");
    let mut node = Command::new("node");
    node.arg("ui/e2e/pictures.js")
        .arg(format!("http://{}/", privet.sandbox.control))
        .arg(token.trim())
        .arg(folder);
    let output = CommandOutput::of(node);
    eprint!("{}{}", output.out, output.err);
    drop(clients);
    privet.signal(rustix::process::Signal::TERM);
    let mut privet = privet;
    privet.wait(TIMEOUT);
    if output.code == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
