//! Transfers that break off, stand still or are slow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use privet_tests::client::{connect, fetch_nothing};
use privet_tests::privet::Setup;
use privet_tests::{Origin, Privet, require};

use crate::support::{FtpServer, TEXT, fetch};

/// A server that sends ten bytes of a file and then says that the transfer was aborted. `size`: the answer to SIZE.
fn aborting(size: &'static str) -> Origin {
    Origin::raw(move |stream| {
        let _ = abort_transfer(stream, size);
    })
}

fn abort_transfer(mut stream: TcpStream, size: &str) -> std::io::Result<()> {
    let data = TcpListener::bind("127.0.0.1:0")?;
    let port = data.local_addr()?.port();
    stream.write_all(b"220 hello\r\n")?;
    let reader = BufReader::new(stream.try_clone()?);
    for line in reader.lines() {
        let line = line?;
        let answer = match line.split(' ').next().unwrap_or_default() {
            "USER" => "230 in".to_owned(),
            "TYPE" => "200 ok".to_owned(),
            "SIZE" => size.to_owned(),
            "EPSV" => format!("229 ok (|||{port}|)"),
            "RETR" => {
                stream.write_all(b"150 here\r\n")?;
                let (mut to, _) = data.accept()?;
                to.write_all(b"0123456789")?;
                drop(to);
                "426 aborted".to_owned()
            }
            _ => "500 what".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(())
}

#[test]
fn a_transfer_that_breaks_off_is_seen_by_the_client() {
    let privet = Privet::start("");
    for size in ["213 100", "500 what"] {
        let server = aborting(size);
        for version in ["-0", "--http1.1"] {
            let url = format!("ftp://{}/file", server.address);
            let answer = fetch(&privet, &[version, &url]);
            assert_ne!(answer.code, 0, "{size} {version}: {answer:?}");
        }
        privet.await_row("closed", |row| {
            row["port"] == server.port() && row["end"] == "broken"
        });
    }
}

/// A server that sends the first bytes of a file and then `next`, until that says that nothing follows. Its control and data
/// connections are kept open until the client's end closes.
fn serve_file(mut stream: TcpStream, next: impl Fn(&mut TcpStream)) -> std::io::Result<()> {
    let data = TcpListener::bind("127.0.0.1:0")?;
    let port = data.local_addr()?.port();
    stream.write_all(b"220 hello\r\n")?;
    let reader = BufReader::new(stream.try_clone()?);
    for line in reader.lines() {
        let line = line?;
        let answer = match line.split(' ').next().unwrap_or_default() {
            "USER" => "230 in".to_owned(),
            "TYPE" => "200 ok".to_owned(),
            "EPSV" => format!("229 ok (|||{port}|)"),
            "QUIT" => "221 bye".to_owned(),
            "RETR" => {
                stream.write_all(b"150 here\r\n")?;
                let (mut to, _) = data.accept()?;
                to.write_all(b"first")?;
                next(&mut to);
                drop(to);
                "226 done".to_owned()
            }
            _ => "500 what".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(())
}

const SHORT_IDLE: &str =
    "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nidle_timeout = \"2s\"\n";

#[test]
fn a_transfer_that_stands_still_is_ended_and_both_connections_are_closed() {
    let (seen, ends) = std::sync::mpsc::channel();
    let server = Origin::raw(move |stream| {
        let seen = seen.clone();
        // Ends once Privet closes the data connection; then the control connection's lines end too.
        let _ = serve_file(stream, |data| {
            let _ = data.read(&mut [0; 1]);
        });
        let _ = seen.send(());
    });
    let privet = Privet::start(SHORT_IDLE);
    let answer = fetch(&privet, &[&format!("ftp://{}/file", server.address)]);
    assert_ne!(answer.code, 0, "{answer:?}");
    ends.recv_timeout(privet_tests::TIMEOUT)
        .expect("both connections are closed");
    let mine = |row: &serde_json::Value| row["host"] == "127.0.0.1" && row["end"] == "idle";
    privet.await_row("closed", mine);
    privet.await_api("status", |status| status["totals"]["active"] == 0);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what is tested is a transfer that takes longer than the timeout"
)]
fn a_slow_transfer_takes_longer_than_the_idle_timeout() {
    let server = Origin::raw(move |stream| {
        let _ = serve_file(stream, |data| {
            for _ in 0..10 {
                std::thread::sleep(std::time::Duration::from_millis(500));
                let _ = data.write_all(b".");
            }
        });
    });
    let privet = Privet::start(SHORT_IDLE);
    let answer = fetch(&privet, &[&format!("ftp://{}/file", server.address)]);
    assert_eq!(answer.good(), "first..........");
}

#[test]
fn where_file_descriptors_run_out_both_connections_get_theirs() {
    let server = require!(FtpServer::start(&[]));
    let origins: Vec<Origin> = (0..80).map(|_| Origin::http()).collect();
    let setup = Setup::open_files(64);
    let privet = Privet::start_as("", &setup);
    let mut kept = connect(privet.proxy());
    for _ in 0..3 {
        // Each leaves an idle connection behind, until there is no descriptor left for another one.
        for origin in &origins {
            fetch_nothing(&mut kept, origin);
        }
        assert_eq!(fetch(&privet, &[&server.url("a.txt")]).good(), TEXT);
        let listing = fetch(&privet, &[&server.url("sub/")]).good();
        assert!(listing.contains("href"), "{listing}");
    }
    privet.await_log("no file descriptor is left");
}
