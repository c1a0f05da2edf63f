//! The packaged system service: what its unit lets it write, in a copy of this system that is read-only elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use privet_tests::client::CommandOutput;
use privet_tests::{missing, privet, program, require};

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/xtask/packaging")
}

/// The values of a key in the unit, split at spaces.
fn unit_values(key: &str) -> Vec<String> {
    let unit = fs::read_to_string(packaging().join("privet.service")).expect("the unit is here");
    let values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}

/// Starts the service as the unit does (user, no capabilities, everything read-only but `writable`), and runs `commands`.
/// `None`, reported as skipped: a program is missing, or this is not root.
fn in_service(writable: &[String], commands: &str) -> Option<CommandOutput> {
    for needed in ["systemd-sysusers", "systemd-tmpfiles", "setpriv", "unshare"] {
        program(needed)?;
    }
    if !rustix::process::geteuid().is_root() {
        missing("the packaged service: only root can make its namespaces");
        return None;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
        .args(["sh", "-eu"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/household.sh"))
        .arg(scratch.path())
        .arg(packaging())
        .arg(privet::binary())
        .arg(unit_values("User").join(" "))
        .arg(writable.join(" "))
        .arg(unit_values("ExecStart").join(" "))
        .arg(commands);
    Some(CommandOutput::of(command))
}

/// The folders that the unit lets the service write.
fn writable() -> Vec<String> {
    assert_eq!(unit_values("ProtectSystem"), ["strict"]);
    let state = unit_values("StateDirectory")
        .into_iter()
        .map(|name| format!("/var/lib/{name}"));
    state.chain(unit_values("ReadWritePaths")).collect()
}

const ADD: &str = "$cli rules add --use block --suffix blocked.example";

#[test]
fn the_packaged_service_saves_an_edit_in_its_configuration() {
    let seen = "cat /etc/privet/privet.toml; stat -c 'saved by %U' /etc/privet/privet.toml";
    let answer = require!(in_service(&writable(), &format!("{ADD}\n{seen}")));
    let out = answer.good();
    assert!(out.contains("blocked.example"), "{out}");
    assert!(out.contains("saved by privet"), "{out}");
    // What the user wrote stays.
    assert!(out.contains("# For others in the house"), "{out}");
}

#[test]
fn the_packaged_service_writes_nowhere_else() {
    require!(program("systemd-analyze"));
    let tries = "systemd-analyze verify --man=no /usr/lib/systemd/system/privet.service >&2\n\
                 for place in /etc/open-to-all/x /usr/bin/open-to-all/x /var/lib/open-to-all/x /opt/open-to-all/x /root/x; do\n\
                 if $as_service touch $place 2>/dev/null; then echo \"wrote $place\"; fi\ndone\n\
                 $as_service touch /var/lib/privet/own && echo own";
    let answer = require!(in_service(&writable(), tries));
    assert_eq!(answer.clone().good().trim(), "own");
    // Unknown keys are warnings of systemd, not failures.
    assert!(!answer.err.contains("privet.service"), "{answer:?}");
}

#[test]
fn an_edit_that_cannot_be_saved_names_the_file() {
    let answer = require!(in_service(&["/var/lib/privet".to_owned()], ADD));
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.err.contains("/etc/privet/privet.toml"), "{answer:?}");
}
