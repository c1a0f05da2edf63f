//! git, ssh, and programs that are started with a proxy.

use std::fs;
use std::path::Path;
use std::process::Command;

use privet_tests::client::run;
use privet_tests::peers::{open_folder, write};
use privet_tests::{CommandOutput, Origin, Privet, Running, await_port, program, require, reserve};

use crate::support::{HELLO, privet_and_origin};

#[test]
fn git_clones_over_http_and_its_own_protocol() {
    let git = require!(program("git"));
    let nc = require!(program("nc"));
    let dir = open_folder("git-");
    let at = dir.path();
    let git_in = |folder: &Path, args: &[&str]| {
        let mut command = Command::new(&git);
        command
            .current_dir(folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", at)
            .args(args);
        CommandOutput::of(command)
    };
    git_in(at, &["init", "-q", "-b", "main", "work"]).good();
    write(&at.join("work"), "hello", "hello through a hedge\n");
    git_in(&at.join("work"), &["add", "hello"]).good();
    let who = ["-c", "user.name=a", "-c", "user.email=a@test"];
    git_in(
        &at.join("work"),
        &[&who[..], &["commit", "-q", "-m", "one"]].concat(),
    )
    .good();
    git_in(at, &["clone", "-q", "--bare", "work", "served.git"]).good();
    git_in(&at.join("served.git"), &["update-server-info"]).good();

    let (privet, origin) = (Privet::start(""), Origin::folder(at.to_owned()));
    for scheme in ["http", "socks5h"] {
        let proxy = format!("http.proxy={scheme}://{}", privet.proxy());
        let copy = format!("over-{scheme}");
        git_in(
            at,
            &[
                "-c",
                &proxy,
                "clone",
                "-q",
                &origin.url("/served.git"),
                &copy,
            ],
        )
        .good();
        assert_eq!(
            fs::read_to_string(at.join(copy).join("hello")).expect("cloned"),
            "hello through a hedge\n"
        );
    }

    let daemon_at = reserve();
    let mut daemon = Command::new(&git);
    let (base, port) = (
        format!("--base-path={}", at.display()),
        format!("--port={}", daemon_at.port()),
    );
    daemon
        .args([
            "daemon",
            "--export-all",
            "--reuseaddr",
            "--listen=127.0.0.1",
            &base,
            &port,
        ])
        .arg(at);
    let _daemon = Running::start("git daemon", daemon);
    await_port(daemon_at, "git daemon");
    let script = format!(
        "#!/bin/sh\nexec {} -X 5 -x {} \"$1\" \"$2\"\n",
        nc.display(),
        privet.proxy()
    );
    let helper = executable(at, "helper", &script);
    let by = format!("core.gitProxy={helper}");
    git_in(
        at,
        &[
            "-c",
            &by,
            "clone",
            "-q",
            &format!("git://{daemon_at}/served.git"),
            "over-git",
        ],
    )
    .good();
    assert!(at.join("over-git/hello").is_file());
}

fn executable(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = write(folder, name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    path.display().to_string()
}

#[test]
fn ssh_logs_in_through_a_proxy_command() {
    let ssh = require!(program("ssh"));
    let sshd = require!(program("sshd"));
    let keygen = require!(program("ssh-keygen"));
    let nc = require!(program("nc"));
    let dir = open_folder("ssh-");
    let at = dir.path();
    // sshd reads keys only from folders that no other user can write to.
    let _ = Command::new("chmod").arg("700").arg(at).status();
    let path = |name: &str| at.join(name).display().to_string();
    for key in ["host", "user"] {
        run(
            &keygen,
            &["-q", "-t", "ed25519", "-N", "", "-f", &path(key)],
        )
        .good();
    }
    fs::rename(at.join("user.pub"), at.join("authorized")).expect("ssh-keygen made it");
    let server = reserve();
    let config = format!(
        "ListenAddress {server}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n",
        path("host"),
        path("authorized")
    );
    write(at, "sshd_config", &config);
    let _ = fs::create_dir_all("/run/sshd");
    let mut daemon = Command::new(sshd);
    daemon.args(["-D", "-e", "-f", &path("sshd_config")]);
    let _daemon = Running::start("sshd", daemon);
    await_port(server, "sshd");

    let privet = Privet::start("");
    for kind in ["5", "connect"] {
        let by = format!(
            "ProxyCommand={} -X {kind} -x {} %h %p",
            nc.display(),
            privet.proxy()
        );
        let (port, key) = (server.port().to_string(), path("user"));
        let known = [
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "BatchMode=yes",
        ];
        let args = [
            "-F",
            "none",
            "-i",
            &key,
            "-p",
            &port,
            "-o",
            &by,
            "127.0.0.1",
            "echo $((6*7))",
        ];
        assert_eq!(
            run(&ssh, &[&known[..], &args[..]].concat()).good(),
            "42\n",
            "nc -X {kind}"
        );
    }
}

#[test]
fn proxychains_works_for_a_program_without_proxy_support() {
    let proxychains = require!(program("proxychains4"));
    let (privet, origin) = privet_and_origin();
    let dir = open_folder("proxychains-");
    for kind in ["socks4", "socks5", "http"] {
        let (ip, port) = (privet.proxy().ip(), privet.proxy().port());
        let text = format!("strict_chain\nproxy_dns\n[ProxyList]\n{kind} {ip} {port}\n");
        let config = write(dir.path(), kind, &text).display().to_string();
        let args = [
            "-q",
            "-f",
            &config,
            "curl",
            "-q",
            "-sS",
            "--max-time",
            "20",
            &origin.url("/"),
        ];
        assert_eq!(run(&proxychains, &args).good(), HELLO, "{kind}");
        privet.await_row("closed", |row| row["app"] == "curl" || row["app"].is_null());
    }
}

#[test]
fn a_program_started_by_privet_run_uses_the_proxy() {
    let (privet, origin) = privet_and_origin();
    let answer = privet.cli(&["run", "--", "curl", "-q", "-sS", &origin.url("/")]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(answer.out, HELLO);
    privet.await_row("closed", |row| row["port"] == origin.port());
}
