//! Holding: slow heads, the open-files limit, the connections limit, panics, half-closes and resets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use privet_tests::client::{connect, read_all, socks5};
use privet_tests::privet::Setup;
use privet_tests::{Origin, Privet, curl};

#[test]
fn accept_survives_the_open_files_limit() {
    let origin = Origin::http();
    let setup = Setup {
        prefix: ["prlimit", "--nofile=64:64", "--"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
    let mut privet = Privet::start_as("", &setup);
    let crowd: Vec<TcpStream> = (0..200)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(privet.proxy()).ok()?;
            stream.write_all(&[5, 1, 0]).ok()?;
            Some(stream)
        })
        .collect();
    assert!(crowd.len() >= 64, "{}", crowd.len());
    drop(crowd);
    let proxy = format!("socks5h://{}", privet.proxy());
    let start = Instant::now();
    while curl(&["-x", &proxy, "--max-time", "5", &origin.url("/")]).code != 0 {
        assert!(
            start.elapsed() < privet_tests::PATIENCE,
            "it never came back:\n{}",
            privet.log()
        );
    }
    assert!(privet.is_running());
}

#[test]
fn a_head_has_to_be_whole_within_the_deadline_however_it_drips() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nhandshake_timeout = \"1s\"\n",
    );
    let heads: [&[u8]; 4] = [
        b"",
        b"\x05",
        b"\x05\x01\x00\x05\x01\x00\x03\xff",
        b"GET http://a.test/ HTTP/1.1\r\nHost: a",
    ];
    for head in heads {
        let mut stream = connect(privet.proxy());
        let start = Instant::now();
        stream.write_all(head).expect("open");
        // Bytes that keep coming do not move the deadline.
        let dripper = stream.try_clone().map(|mut stream| {
            std::thread::spawn(move || {
                let tick = std::sync::mpsc::channel::<()>().1;
                for _ in 0..30 {
                    let _ = tick.recv_timeout(Duration::from_millis(100));
                    if !head.is_empty() && stream.write_all(b"a").is_err() {
                        break;
                    }
                }
            })
        });
        read_all(&mut stream);
        let took = start.elapsed();
        assert!(
            took < Duration::from_millis(2500),
            "{:?} stood for {took:?}",
            head.escape_ascii().to_string()
        );
        drop(stream);
        dripper
            .expect("a socket clones")
            .join()
            .expect("the dripper does not panic");
    }
}

#[test]
fn past_the_limit_a_client_is_refused_and_none_that_stands_is_hurt() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections = 3\n",
    );
    let mut standing: Vec<TcpStream> = (0..3)
        .map(|_| socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("within the limit"))
        .collect();
    let mut fourth = connect(privet.proxy());
    let _ = fourth.write_all(&[5, 1, 0]);
    let answer = read_all(&mut fourth);
    assert!(answer.is_empty(), "{answer:?}");
    for stream in &mut standing {
        let mut bytes = [0; 4];
        stream.write_all(b"ping").expect("it stands");
        stream.read_exact(&mut bytes).expect("it stands");
    }
    standing.pop();
    let start = Instant::now();
    loop {
        let mut stream = connect(privet.proxy());
        let mut answer = [0; 2];
        if stream.write_all(&[5, 1, 0]).is_ok() && stream.read_exact(&mut answer).is_ok() {
            break;
        }
        assert!(
            start.elapsed() < privet_tests::PATIENCE,
            "room was made and is not given"
        );
    }
}

#[test]
fn a_half_close_is_carried_and_the_other_half_goes_on() {
    let origin = Origin::raw(|mut stream| {
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        let _ = stream.write_all(format!("heard {} bytes", got.len()).as_bytes());
    });
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    stream.write_all(&[1; 1000]).expect("open");
    stream.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_all(&mut stream), b"heard 1000 bytes");
}

#[test]
fn a_reset_stays_a_reset() {
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
fn a_tunnel_on_which_nothing_moves_is_closed_after_the_idle_timeout() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nidle_timeout = \"1s\"\n",
    );
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("open");
    let start = Instant::now();
    assert_eq!(read_all(&mut stream), b"");
    assert!(
        start.elapsed() >= Duration::from_millis(900) && start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    let row = privet.await_row("closed", |row| row["port"] == origin.port());
    assert_eq!(row["end"], "idle", "{row}");
}

#[test]
fn a_slow_reader_holds_the_sender_back_and_loses_nothing() {
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
