//! Deadlines, idle tunnels, half-closes, resets and slow readers.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use privet_tests::client::{connect, read_all, socks5};
use privet_tests::{Origin, Privet};

#[test]
fn an_incomplete_head_is_closed_at_the_deadline_however_slowly_it_arrives() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nhandshake_timeout = \"1s\"\nrequest_header_timeout = \"1s\"\n",
    );
    let heads: [&[u8]; 4] = [
        b"",
        b"\x05",
        b"\x05\x01\x00\x05\x01\x00\x03\xff",
        b"GET http://a.test/ HTTP/1.1\r\nHost: a",
    ];
    for head in heads {
        let mut stream = connect(privet.proxy());
        stream.write_all(head).expect("open");
        // Bytes keep coming until the connection ends: if they moved the deadline, the read below would never return.
        let sender = stream.try_clone().map(|mut stream| {
            std::thread::spawn(move || {
                let (_open, tick) = std::sync::mpsc::channel::<()>();
                while !head.is_empty() && stream.write_all(b"a").is_ok() {
                    let _ = tick.recv_timeout(Duration::from_millis(100));
                }
            })
        });
        read_all(&mut stream);
        let _ = stream.shutdown(Shutdown::Both);
        sender
            .expect("a socket clones")
            .join()
            .expect("the sender does not panic");
    }
}

#[test]
fn a_half_close_is_relayed_and_the_other_direction_continues() {
    let origin = Origin::raw(|mut stream| {
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        let _ = stream.write_all(format!("received {} bytes", got.len()).as_bytes());
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    stream.write_all(&[1; 1000]).expect("open");
    stream.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_all(&mut stream), b"received 1000 bytes");
}

#[test]
fn a_reset_is_relayed_as_a_reset() {
    let origin = Origin::raw(|mut stream| {
        let _ = stream.read(&mut [0; 1]);
        // Closing with bytes unread resets.
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    stream.write_all(&[7; 4096]).expect("open");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    assert_eq!(
        end.err().map(|error| error.kind()),
        Some(std::io::ErrorKind::ConnectionReset)
    );
}

#[test]
fn an_idle_tunnel_is_closed_after_the_idle_timeout() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nidle_timeout = \"1s\"\n",
    );
    let start = Instant::now();
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    // The default is an hour; the read times out long before. The engine measures idle time in coarse steps.
    assert_eq!(read_all(&mut stream), b"");
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    let row = privet.await_row("closed", |row| row["port"] == origin.port());
    assert_eq!(row["end"], "idle", "{row}");
}

#[test]
fn a_slow_reader_slows_the_sender_and_loses_nothing() {
    const SIZE: usize = 24 << 20;
    let origin = Origin::raw(|mut stream| {
        let block = [9; 64 * 1024];
        for _ in 0..SIZE / block.len() {
            if stream.write_all(&block).is_err() {
                return;
            }
        }
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("bytes come");
    let row = privet.await_row("active", |row| {
        row["down"].as_u64().is_some_and(|down| down > 0)
    });
    assert!(
        row["down"].as_u64() < Some(SIZE as u64),
        "the sender was not held back: {row}"
    );
    let rest = read_all(&mut stream);
    assert_eq!(rest.len() + 1, SIZE);
}
