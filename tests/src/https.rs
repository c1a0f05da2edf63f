//! The HTTP proxy over TLS for tests: certificate files, and curl through it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::privet::Sandbox;
use crate::{CommandOutput, Privet, curl, program};

/// With certificate files in the folder, on the address that a test reserves for HTTP.
pub const FILES: &str =
    "[listen]\nhttps = [\"$HTTP\"]\npac = \"\"\ntls = { cert = \"cert.pem\", key = \"key.pem\" }\n";
/// With a certificate of its own, and the PAC.
pub const OWN: &str =
    "[listen]\nhttps = [\"$HTTP\"]\npac = \"$PAC\"\ntls = { self_signed = true }\n";

/// Makes a certificate that is its own authority, `cert.pem`, and its key, `key.pem`.
pub fn make_certificate(folder: &Path, names: &str) {
    let path = |name: &str| folder.join(name).display().to_string();
    let openssl = program("openssl").expect("openssl is installed wherever curl is");
    let mut command = Command::new(openssl);
    command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "60"]);
    command.args([
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-subj",
        "/CN=proxy",
    ]);
    command.args(["-addext", &format!("subjectAltName={names}")]);
    command.args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")]);
    CommandOutput::of(command).good();
}

/// Started with certificate files for these names.
pub fn started(names: &str) -> Privet {
    let sandbox = Sandbox::new();
    make_certificate(sandbox.dir(), names);
    sandbox.write(FILES);
    Privet::start_at(sandbox)
}

/// Runs curl through the proxy over TLS, by this name.
pub fn through(privet: &Privet, name: &str, trust: &Path, args: &[&str]) -> CommandOutput {
    let port = privet.sandbox.http.port();
    let proxy = format!("https://{name}:{port}");
    let resolve = format!("{name}:{port}:127.0.0.1");
    let trust = trust.display().to_string();
    let mut all = vec!["--proxy", &proxy, "--proxy-cacert", &trust, "--noproxy", ""];
    if name.parse::<std::net::IpAddr>().is_err() {
        all.extend(["--resolve", &resolve]);
    }
    all.extend(args);
    curl(&all)
}

/// Its certificate file.
pub fn cert(privet: &Privet) -> PathBuf {
    privet.sandbox.dir().join("cert.pem")
}

/// The listener in `privet status`.
pub fn listener(privet: &Privet) -> Value {
    let status = privet.json(&["status"]);
    let listeners = status["listeners"].as_array().expect("a list").clone();
    let https = listeners.into_iter().find(|one| one["kind"] == "https");
    https.unwrap_or_else(|| panic!("no https listener: {status:#}"))
}
