//! `privet env` and `privet run`: the variables they set work in real programs, with the login of the listener.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::privet::{Setup, binary};
use privet_tests::require;
use privet_tests::{CommandOutput, Origin, Privet, program};
use serde_json::Value;

const HELLO: &str = "hello from the origin\n";
/// Every kind of character that means something in a URL, a shell or a command line.
const PASSWORD: &str = "p'a:s/s#%@ü $x";

/// An engine that asks for a login; only its own environment knows the password of bob.
fn with_users(users: &str) -> Privet {
    let config = format!("[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{users}]\n");
    let setup = Setup {
        env: vec![("BOBS_PASSWORD".into(), "unknown elsewhere".into())],
        ..Setup::default()
    };
    Privet::start_as(&config, &setup)
}

fn alice() -> String {
    format!("{{ name = \"alice\", password = \"{PASSWORD}\" }}")
}

const BOB: &str = "{ name = \"bob\", password = { env = \"BOBS_PASSWORD\" } }";

/// `privet run OPTIONS -- ARGS`, with another proxy in the environment that has to be ignored.
fn run(privet: &Privet, options: &[&str], args: &[&str]) -> CommandOutput {
    let mut command = Command::new("env");
    command
        .args(["all_proxy=http://127.0.0.1:1", "no_proxy=*"])
        .arg(binary())
        .arg("--data-dir")
        .arg(privet.sandbox.dir().join("data"))
        .arg("run")
        .args(options)
        .arg("--")
        .args(args);
    CommandOutput::of(command)
}

/// A shell in which the output of `privet env` was evaluated, and then this script.
fn shell(lines: &str, script: &str) -> CommandOutput {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{lines}\n{script}")]);
    CommandOutput::of(command)
}

/// The row of the connection to this origin.
fn row(privet: &Privet, origin: &Origin) -> Value {
    privet.await_row("closed", |row| row["port"] == origin.port())
}

/// A program and its arguments to print the page at a URL.
fn fetch_with(name: &str, url: &str) -> Option<Vec<String>> {
    let path = match name {
        "httpx" => python_program()?,
        _ => program(name)?,
    };
    let script = "import sys, httpx; print(httpx.get(sys.argv[1], timeout=20).text, end='')";
    let words: &[&str] = match name {
        "curl" => &["-q", "-sS", "--max-time", "20", url],
        "wget" => &["--no-config", "-q", "-O", "-", url],
        _ => &["-c", script, url],
    };
    let all = std::iter::once(path.display().to_string());
    Some(all.chain(words.iter().map(ToString::to_string)).collect())
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

#[test]
fn curl_wget_httpx_and_git_log_in_with_what_privet_run_sets() {
    let privet = with_users(&alice());
    for name in ["curl", "wget", "httpx"] {
        let origin = Origin::http();
        let command = require!(fetch_with(name, &origin.url("/")));
        let answer = run(&privet, &[], &words(&command));
        assert_eq!(answer.good(), HELLO, "{name}");
        let row = row(&privet, &origin);
        assert_eq!(
            (&row["user"], &row["protocol"]),
            (&"alice".into(), &"http".into()),
            "{name}"
        );
    }
    let git = require!(program("git")).display().to_string();
    let (place, origin) = repository(&git);
    let url = origin.url("/served.git");
    let answer = run(&privet, &[], &[&git, "ls-remote", &url]).good();
    assert!(answer.contains("refs/heads/main"), "{answer}");
    assert_eq!(row(&privet, &origin)["user"], "alice");
    drop(place);
}

/// A repository served as plain files.
fn repository(git: &str) -> (tempfile::TempDir, Origin) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| place.path().join(name);
    let git = |folder: PathBuf, args: &[&str]| {
        let mut command = Command::new(git);
        command.current_dir(folder).env("HOME", place.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").args(args);
        CommandOutput::of(command).good()
    };
    let who = ["-c", "user.name=a", "-c", "user.email=a@test"];
    let commit = ["commit", "-q", "--allow-empty", "-m", "one"];
    git(at(""), &["init", "-q", "-b", "main", "work"]);
    git(at("work"), &[&who[..], &commit].concat());
    git(at(""), &["clone", "-q", "--bare", "work", "served.git"]);
    git(at("served.git"), &["update-server-info"]);
    let origin = Origin::folder(place.path().to_owned());
    (place, origin)
}

#[test]
fn a_shell_with_the_output_of_privet_env_reaches_everything_but_loopback_through_privet() {
    let privet = with_users(&alice());
    let lines = privet.cli(&["env", "--shell", "bash"]).good();
    assert!(!lines.to_lowercase().contains("all_proxy"), "{lines}");
    for name in ["curl", "wget", "httpx"] {
        let origin = Origin::http();
        let command = require!(fetch_with(name, &origin.url("/")));
        let quoted: Vec<String> = command.iter().map(|word| format!("\"{word}\"")).collect();
        let fetch = quoted.join(" ");
        assert_eq!(shell(&lines, &fetch).good(), HELLO, "{name}");
        let before = privet.rows("closed").len();
        let script = format!("unset no_proxy NO_PROXY\n{fetch}");
        assert_eq!(shell(&lines, &script).good(), HELLO, "{name}");
        assert_eq!(row(&privet, &origin)["user"], "alice", "{name}");
        let rows = privet.rows("closed");
        let here = rows.iter().filter(|row| row["port"] == origin.port());
        assert_eq!(
            here.count(),
            1,
            "{name} went directly to loopback: {before} {rows:#?}"
        );
    }
    let unset = privet.cli(&["env", "--unset", "--shell", "bash"]).good();
    let left = shell(&format!("{lines}\n{unset}"), "env | grep -ci _proxy=");
    assert_eq!(left.out.trim(), "0", "{left:?}");
}

#[test]
fn all_proxy_is_set_only_where_it_is_asked_for() {
    let privet = Privet::start("");
    let proxy = privet.proxy();
    let print = ["sh", "-c", "echo $all_proxy $ALL_PROXY"];
    assert_eq!(run(&privet, &[], &print).good().trim(), "");
    let socks = format!("socks5h://{proxy}");
    let set = run(&privet, &["--all-proxy"], &print).good();
    assert_eq!(set.trim(), format!("{socks} {socks}"));
    let lines = privet
        .cli(&["env", "--all-proxy", "--shell", "bash"])
        .good();
    assert!(
        lines.contains(&format!("export ALL_PROXY='{socks}'")),
        "{lines}"
    );
    // Why it is not the default.
    let origin = Origin::http();
    let command = require!(fetch_with("httpx", &origin.url("/")));
    let refused = run(&privet, &["--all-proxy"], &words(&command));
    assert!(refused.err.contains("socksio"), "{refused:?}");
}

#[test]
fn a_password_that_cannot_be_known_is_left_out_and_the_user_is_told() {
    let privet = with_users(BOB);
    let answer = privet.cli(&["env", "--shell", "bash"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    let url = format!("http_proxy='http://bob@{}'", privet.proxy());
    assert!(answer.out.contains(&url), "{answer:?}");
    for part in ["the password of bob is not known here", "BOBS_PASSWORD"] {
        assert!(answer.err.contains(part), "{answer:?}");
    }
    let answer = run(&privet, &[], &["true"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.err.contains("BOBS_PASSWORD"), "{answer:?}");
}

#[test]
fn with_several_users_one_has_to_be_named() {
    let privet = with_users(&format!("{}, {BOB}", alice()));
    for args in [&["env"][..], &["env", "--for", "git"], &["run", "true"]] {
        let answer = privet.cli(args);
        assert_eq!(answer.code, 2, "{args:?}: {answer:?}");
        assert!(answer.err.contains("--user: alice, bob"), "{answer:?}");
    }
    let encoded = "alice:p%27a%3As%2Fs%23%25%40%C3%BC%20%24x@";
    let answer = privet.cli(&["env", "--user", "alice", "--shell", "fish"]);
    assert!(answer.good().contains(encoded));
    let answer = privet.cli(&["env", "--user", "alice", "--for", "git"]);
    assert!(answer.good().contains(encoded));
    assert_eq!(privet.cli(&["env", "--user", "carol"]).code, 2);
    // Never over the API.
    let (_, settings) = privet.api("GET", "apps/settings", None);
    assert!(!settings.to_string().contains("alice"), "{settings}");
}

#[test]
fn every_argument_that_takes_a_host_takes_an_ipv6_literal() {
    let privet = Privet::start("");
    let file = privet.sandbox.config().display().to_string();
    for target in [
        "::1",
        "[::1]",
        "[::1]:443",
        "http://[::1]:8080/x",
        "2001:db8::1",
    ] {
        let answer = privet.cli(&["why", target]);
        assert_eq!(answer.code, 0, "{target}: {answer:?}");
        let answer = privet.cli(&["why", target, "--offline", "--config", &file]);
        assert_eq!(answer.code, 0, "{target}: {answer:?}");
    }
    let answer = privet.cli(&["why", "[::1"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    for (at, network) in ["::1", "[2001:db8::1]", "fd00::/8"].iter().enumerate() {
        let args = ["rules", "add", "--use", "block", "--ip", network];
        assert_eq!(privet.cli(&args).code, 0, "{network}");
        assert_eq!(
            privet.json(&["rules"])["rules"].as_array().map(Vec::len),
            Some(at + 1)
        );
    }
    for target in ["::1", "[::1]:443", "2001:db8::1", "fd00::77"] {
        assert_eq!(privet.cli(&["why", target]).code, 4, "{target}");
    }
    let answer = privet.cli(&["rules", "add", "--use", "block", "--domain", "[::1]"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.err.contains("use --ip [::1]"), "{answer:?}");
    filters_and_lists(&privet);
}

fn filters_and_lists(privet: &Privet) {
    let url = "http://[::1]:9/";
    let proxy = format!("http://{}", privet.proxy());
    privet_tests::curl(&["-x", &proxy, url]);
    for filter in ["::1", "[::1]", "host:::1", "host=[::1]"] {
        let args = ["connections", "--state", "blocked", "--filter", filter];
        let found = privet.json(&args);
        assert_eq!(found["total"], 1, "{filter}: {found}");
        assert_eq!(
            privet.cli(&["close", "--filter", filter]).code,
            4,
            "{filter}"
        );
    }
    let Ok(server) = TcpListener::bind("[::1]:0") else {
        privet_tests::missing("this machine has no IPv6 loopback");
        return;
    };
    let at = server.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for mut stream in server.incoming().map_while(Result::ok) {
            privet_tests::client::read_head(&mut stream);
            let body = "0.0.0.0 listed.example\n";
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = std::io::Write::write_all(&mut stream, (head + body).as_bytes());
        }
    });
    // The rule above would block the download.
    assert_eq!(privet.cli(&["rules", "remove", "3"]).code, 0);
    let source = format!("http://{at}/list.txt");
    let args = ["lists", "add", "six", "--source", &source];
    let answer = privet.cli(&args);
    assert_eq!(answer.code, 0, "{answer:?}");
    privet.await_api("lists", |all| all["lists"][0]["entries"] == 1);
}
