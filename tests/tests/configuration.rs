//! The configuration file: reloads, invalid files, and the drain at the end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use privet_tests::client::{connect, read_all, read_head, socks5};
use privet_tests::privet::{Sandbox, Setup, binary};
use privet_tests::{Origin, Privet, Running, TIMEOUT, await_port, curl};
use rustix::process::Signal;

fn alive(tunnel: &mut TcpStream) -> bool {
    let mut bytes = [0; 4];
    tunnel.write_all(b"ping").is_ok() && tunnel.read_exact(&mut bytes).is_ok() && &bytes == b"ping"
}

#[test]
fn a_reload_keeps_allowed_connections_and_closes_the_others_with_a_reason() {
    let (kept, gone) = (Origin::echo(), Origin::echo());
    let privet = Privet::start("");
    let mut stays = socks5(privet.proxy(), "127.0.0.1", kept.port()).expect("open");
    let mut goes = socks5(privet.proxy(), "127.0.0.1", gone.port()).expect("open");
    assert!(alive(&mut stays) && alive(&mut goes));
    privet.sandbox.write(&format!(
        "[[rule]]\nmatch = {{ port = [{}] }}\nuse = \"block\"\n",
        gone.port()
    ));
    privet.signal(Signal::HUP);
    assert_eq!(read_all(&mut goes), b"");
    assert!(alive(&mut stays), "an allowed connection was hurt");
    let row = privet.await_row("closed", |row| row["port"] == gone.port());
    assert_eq!(row["end"], "reload", "{row}");
    assert_eq!(
        socks5(privet.proxy(), "127.0.0.1", gone.port()).err(),
        Some(2),
        "a rule that blocks is reply 2"
    );
}

#[test]
fn a_changed_file_is_loaded_without_a_signal() {
    let origin = Origin::http();
    let privet = Privet::start("");
    privet.sandbox.write(&format!(
        "[[rule]]\nmatch = {{ port = [{}] }}\nuse = \"block\"\n",
        origin.port()
    ));
    privet.await_api(&format!("why?target=127.0.0.1:{}", origin.port()), |why| {
        why["outcome"]["action"] == "block"
    });
}

#[test]
fn a_file_is_loaded_whose_folder_was_removed_and_made_again() {
    let origin = Origin::http();
    let sandbox = Sandbox::new();
    let folder = sandbox.dir().join("config");
    let write = |rules: &str| {
        let listen = format!("[listen]\nmixed = [\"{}\"]\npac = \"\"\n", sandbox.mixed);
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        std::fs::write(folder.join("privet.toml"), listen + rules).expect("the folder is ours");
    };
    write("");
    let mut command = Command::new(binary());
    command
        .args(["serve", "--config"])
        .arg(folder.join("privet.toml"));
    command.arg("--data-dir").arg(sandbox.dir().join("data"));
    command.env("PRIVET_SYSTEM_PROXY", "none");
    let running = Running::start("privet", command);
    running.await_line("Ctrl-C stops.");
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    let port = origin.port();
    write(&format!(
        "[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"block\"\n"
    ));
    let path = format!("why?target=127.0.0.1:{port}");
    privet_tests::wait::until("the new file holds", || {
        sandbox.api("GET", &path, None).1["outcome"]["action"] == "block"
    });
}

#[test]
fn an_invalid_file_is_not_loaded_and_its_error_is_located() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    privet.sandbox.write("mode = \"standrad\"\n");
    privet.signal(Signal::HUP);
    privet.await_log("standrad");
    assert!(alive(&mut tunnel));
    assert!(socks5(privet.proxy(), "127.0.0.1", origin.port()).is_ok());
    assert_eq!(
        privet.api("GET", "status", None).1["mode"]["name"],
        "standard"
    );
}

/// The message says what is missing: making it is enough.
#[test]
fn a_password_file_that_was_missing_or_is_changed_is_read_without_a_reload() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let file = privet.sandbox.dir().join("bob.password");
    privet.sandbox.write(&format!(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{{ name = \"bob\", password = {{ file = \"{}\" }} }}]\n",
        file.display()
    ));
    let status = privet.await_api("status", |status| {
        status["problems"][0]["about"] == "config"
    });
    let text = status["problems"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("bob.password"), "{status:#}");
    let fetch = |password: &str| {
        let proxy = format!("socks5h://bob:{password}@{}", privet.proxy());
        curl(&["-x", &proxy, &origin.url("/")]).code == 0
    };
    for password in ["first", "second"] {
        std::fs::write(&file, password).expect("the folder is ours");
        privet_tests::wait::until("the password holds, and no other", || {
            fetch(password) && !fetch("other")
        });
    }
    let status = privet.await_api("status", |status| {
        status["problems"] == serde_json::json!([])
    });
    assert!(status["problems"].is_array());
}

/// A problem is one row of a table, whatever is wrong in the file.
#[test]
fn an_invalid_edit_is_one_line_in_the_status_and_a_change_says_that_it_was_overwritten() {
    let privet = Privet::start("");
    privet
        .sandbox
        .write("mode = \"standrad\"\nlog = 1\ncache = 2\n");
    let status = privet.await_api("status", |status| {
        status["problems"][0]["about"] == "config"
    });
    let problem = status["problems"][0]["text"].as_str().unwrap_or_default();
    assert!(!problem.contains('\n'), "{problem:?}");
    assert!(problem.contains("did you mean \"standard\"?"), "{problem}");
    assert!(problem.contains("and 2 more errors"), "{problem}");
    let added = privet.cli(&["rules", "add", "--use", "block", "--suffix", "a.test"]);
    assert!(added.out.contains("privet.toml.rejected"), "{added:?}");
}

#[test]
fn a_deleted_file_keeps_the_running_configuration_until_it_is_back() {
    let origin = Origin::echo();
    let strict = "mode = \"strict\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n";
    let privet = Privet::start(strict);
    std::fs::remove_file(privet.sandbox.config()).expect("it was written");
    privet.signal(Signal::HUP);
    privet.await_log("privet.toml is gone");
    assert_eq!(
        privet.api("GET", "status", None).1["mode"]["name"],
        "strict"
    );
    assert!(
        socks5(privet.proxy(), "127.0.0.1", origin.port()).is_err(),
        "a vanished file opened the kill switch"
    );
    privet.sandbox.write(&strict.replace("strict", "standard"));
    privet.await_api("status", |status| status["mode"]["name"] == "standard");
    assert!(socks5(privet.proxy(), "127.0.0.1", origin.port()).is_ok());
}

#[test]
fn a_file_that_becomes_a_symbolic_link_is_followed() {
    let privet = Privet::start("mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n");
    let text = std::fs::read_to_string(privet.sandbox.config()).expect("it was written");
    let mode = |name: &str| text.replace("standard", name);
    let awaited = |name: &str| privet.await_api("status", |status| status["mode"]["name"] == name);
    let (mine, link) = (
        privet.sandbox.dir().join("mine.toml"),
        privet.sandbox.dir().join("link"),
    );
    std::fs::write(&mine, mode("off")).expect("it is written");
    std::os::unix::fs::symlink(&mine, &link).expect("it is made");
    std::fs::rename(&link, privet.sandbox.config()).expect("it is moved");
    awaited("off");
    std::fs::write(&mine, mode("strict")).expect("it is written");
    awaited("strict");
}

#[test]
fn a_reload_keeps_unchanged_listeners_open_and_opens_new_ones() {
    let origin = Origin::echo();
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n");
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    privet
        .sandbox
        .write("[listen]\nmixed = [\"$MIXED\"]\nsocks = [\"$SOCKS\"]\npac = \"\"\n");
    privet.signal(Signal::HUP);
    await_port(privet.sandbox.socks, "privet's new listener");
    assert!(alive(&mut tunnel));
    assert!(socks5(privet.sandbox.socks, "127.0.0.1", origin.port()).is_ok());
}

#[test]
fn sigterm_drains_connections_and_exits_with_0() {
    let origin = Origin::echo();
    let mut privet = Privet::start("");
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    assert!(alive(&mut tunnel));
    privet.signal(Signal::TERM);
    privet.await_log("stopping");
    assert!(
        alive(&mut tunnel),
        "a drain lets an open connection continue"
    );
    drop(tunnel);
    let status = privet.wait(Duration::from_secs(15));
    assert!(status.success(), "{status}");
    assert!(TcpStream::connect(privet.proxy()).is_err());
}

#[test]
fn connections_between_two_requests_end_at_once_at_a_stop_and_a_request_that_began_is_answered() {
    let (origin, echo) = (Origin::http(), Origin::echo());
    let mut privet = Privet::start("");
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", echo.port()).expect("open");
    assert!(alive(&mut tunnel));
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
    let mut kept = connect(privet.proxy());
    kept.write_all(request.as_bytes()).expect("open");
    assert!(read_head(&mut kept).starts_with("HTTP/1.1 204 "));
    let mut silent = connect(privet.proxy());
    let mut begun = connect(privet.proxy());
    let mut again = connect(privet.proxy());
    again.write_all(request.as_bytes()).expect("open");
    assert!(read_head(&mut again).starts_with("HTTP/1.1 204 "));
    let (first, rest) = request.split_at(20);
    for stream in [&mut begun, &mut again] {
        stream.write_all(first.as_bytes()).expect("open");
    }
    // Once a later client is served, what was sent before has been read.
    for _ in 0..20 {
        assert!(alive(
            &mut socks5(privet.proxy(), "127.0.0.1", echo.port()).expect("open")
        ));
    }
    privet.signal(Signal::TERM);
    for stream in [&mut kept, &mut silent] {
        assert_eq!(read_all(stream), b"");
    }
    assert!(alive(&mut tunnel), "the drain goes on");
    for stream in [&mut begun, &mut again] {
        stream.write_all(rest.as_bytes()).expect("open");
        let head = read_head(stream);
        assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
        assert_eq!(read_all(stream), b"");
    }
    assert!(alive(&mut tunnel), "the drain goes on");
    drop(tunnel);
    let status = privet.wait(Duration::from_secs(15));
    assert!(status.success(), "{status}");
}

#[test]
fn a_missing_file_means_the_defaults_and_an_invalid_one_is_refused_at_start() {
    let sandbox = Sandbox::new();
    sandbox.write("mode = \"nonsense\"\n");
    let mut running = sandbox.run(&Setup::default());
    assert_eq!(running.wait(TIMEOUT).code(), Some(2), "{}", running.log());
    running.await_line("nonsense");
}

#[test]
fn a_program_that_edits_the_file_keeps_comments_and_order() {
    let origin = Origin::http();
    let privet = Privet::start(
        "# my own words\nmode = \"standard\" # and here\n\n# before the rule\n[[rule]]\nmatch = { port = [9] }\nuse = \"direct\"\n",
    );
    let answer = privet.api(
        "PATCH",
        "config",
        Some(&serde_json::json!({"filter": {"deny": ["denied.test"]}})),
    );
    assert_eq!(answer.0, 200, "{answer:?}");
    let text = std::fs::read_to_string(privet.sandbox.config()).expect("the file is there");
    for kept in [
        "# my own words",
        "# and here",
        "# before the rule",
        "denied.test",
    ] {
        assert!(text.contains(kept), "{kept:?} is gone from\n{text}");
    }
    let proxy = format!("http://{}", privet.proxy());
    let denied = curl(&[
        "-x",
        &proxy,
        "-w",
        "%{http_code}",
        "-o",
        "/dev/null",
        "http://denied.test/",
    ]);
    assert_eq!(denied.out, "403", "{denied:?}");
    assert_eq!(origin.accepted(), 0);
}
