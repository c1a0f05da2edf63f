//! What happens when the authority of inspection nears its end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use privet_tests::privet::Sandbox;
use privet_tests::wait::until;
use privet_tests::{CommandOutput, Origin, Privet};
use serde_json::Value;

use crate::support::{Certificates, authority, fetch, https_origin, inspecting};

/// Makes an authority in `inspection.pem` that is valid until then, as `date -d` reads it.
const AUTHORITY: &str = "set -e
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k -out r -subj '/CN=Privet inspection of a test'
    printf '[ca]\ndefault_ca=d\n[d]\nserial=s\ndatabase=i\nnew_certs_dir=.\npolicy=p\ndefault_md=sha256\n[p]\ncommonName=supplied\n' > c
    printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' > e
    : > i
    openssl ca -batch -notext -selfsign -rand_serial -config c -in r -keyfile k -out a -extfile e -startdate 20200101000000Z \
        -enddate $(date -u -d \"$1\" +%Y%m%d%H%M%SZ)
    cat a k > inspection.pem";

/// A proxy that inspects, whose authority is valid until then.
fn with_authority_until(end: &str, certificates: &Certificates) -> Privet {
    let sandbox = Sandbox::new();
    sandbox.write(&inspecting(certificates, ""));
    let folder = sandbox.dir().join("data/tls");
    fs::create_dir_all(&folder).expect("the folder takes another");
    let mut command = Command::new("sh");
    command
        .args(["-c", AUTHORITY, "sh", end])
        .current_dir(&folder);
    CommandOutput::of(command).good();
    let file = folder.join("inspection.pem");
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("it is ours");
    Privet::start_at(sandbox)
}

fn problem(privet: &Privet) -> String {
    let status = privet.json(&["status"]);
    let problems = status["problems"].as_array().cloned().unwrap_or_default();
    let ours = |problem: &&Value| problem["about"] == "inspection:authority";
    let problem = problems.iter().find(ours);
    problem
        .map(|problem| problem["text"].to_string())
        .unwrap_or_default()
}

#[test]
fn an_authority_that_ends_soon_is_said_and_one_that_ended_is_made_anew() {
    let certificates = Certificates::make();
    let privet = with_authority_until("5 days", &certificates);
    until("the problem", || problem(&privet).contains("expires on "));
    drop(privet);
    let privet = with_authority_until("2021-01-01", &certificates);
    until("the problem", || problem(&privet).contains("was made anew"));
    let ca = privet.json(&["inspect"])["ca"]["not_after"].to_string();
    assert!(!ca.contains("2021"), "{ca}");
}

#[test]
fn an_authority_that_ends_while_it_is_used_is_made_anew() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let url = format!("https://localhost:{port}/bytes/7");
    let privet = with_authority_until("10 seconds", &certificates);
    let old = privet.sandbox.dir().join("data/tls/a");
    let old = fs::read_to_string(old).expect("the file");
    until("a new authority", || {
        problem(&privet).contains("was made anew")
    });
    let new = authority(&privet);
    assert_ne!(
        fs::read_to_string(&new).expect("the file").trim(),
        old.trim()
    );
    fetch(&privet, &new, &[&url]).good();
    // It stays over a restart, and is no news any more.
    let mut privet = privet;
    privet.restart();
    fetch(&privet, &new, &[&url]).good();
    assert_eq!(problem(&privet), "");
}
