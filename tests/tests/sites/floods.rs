//! Ten attacking clients over HTTP/2 at once: memory stays bounded, and other clients go on.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use privet_tests::process::own_memory;
use privet_tests::{Backend, Origin};

use crate::hostile::hostile_h2::frame;
use crate::support::Scene;

const ATTACKERS: usize = 10;
/// Requests of the other client while they attack.
const REQUESTS: usize = 200;
/// KiB that the program may grow while they attack.
const GROWTH: u64 = 16 * 1024;
/// A request that takes no longer than this is not slow: the attackers and the backend share the machine with the program.
const UNNOTICED: Duration = Duration::from_millis(100);

/// The longest that a request may take beside origins that flood: they, their clients and the program have one machine, and the
/// program here is not optimized.
const ANSWERED: Duration = Duration::from_secs(2);

/// A request head in HPACK without any table: GET / of app.test.
fn head() -> Vec<u8> {
    [&[0x82, 0x86, 0x84, 0x41, 8][..], b"app.test"].concat()
}

/// The frames of one kind of attack, one step after another.
type Attack = fn(u32) -> Vec<u8>;

const ATTACKS: [(&str, Attack); 8] = [
    ("ping", |_| frame(6, 0, 0, &[0; 8])),
    ("settings", |_| frame(4, 0, 0, b"")),
    ("rapid reset", |n| {
        let stream = 2 * n + 1;
        [
            frame(1, 5, stream, &head()),
            frame(3, 0, stream, &8u32.to_be_bytes()),
        ]
        .concat()
    }),
    ("made you reset", |n| {
        let stream = 2 * n + 1;
        [frame(1, 5, stream, &head()), frame(8, 0, stream, &[0; 4])].concat()
    }),
    ("continuation", |n| match n {
        0 => frame(1, 1, 1, &head()),
        _ => frame(9, 0, 1, b"\x00\x01x\x01y"),
    }),
    ("empty data", |n| match n {
        0 => frame(1, 4, 1, &head()),
        _ => frame(0, 0, 1, b""),
    }),
    // Fields that refer to a large one of the table again and again.
    ("header table", |n| {
        let mut block = head();
        block.extend(b"\x40\x01x\x7f\xe1\x1e");
        block.extend(vec![b'y'; 4000]);
        block.extend(vec![0xbe; 2000]);
        frame(1, 5, 2 * n + 1, &block)
    }),
    // The same below the bound of one head, on as many streams as there may be.
    ("large heads", |n| {
        let mut block = head();
        match n {
            0 => {
                block.extend(b"\x40\x01x\x7f\xe1\x1e");
                block.extend(vec![b'y'; 4000]);
            }
            _ => block.extend(vec![0xbe; 7]),
        }
        frame(1, 4, 2 * n + 1, &block)
    }),
];

/// Sends what it can of an attack on one connection, until that is cut; what comes back is read and dropped.
fn attack(site: SocketAddr, step: Attack, stop: &AtomicBool) {
    let mut stream = privet_tests::client::connect(site);
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .expect("a socket option");
    let mut reader = stream.try_clone().expect("a handle");
    std::thread::spawn(move || {
        let mut waste = [0; 16 * 1024];
        while matches!(reader.read(&mut waste), Ok(1..)) {}
    });
    let opened = stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .and_then(|()| stream.write_all(&frame(4, 0, 0, b"")));
    let mut number = 0;
    while opened.is_ok() && number < 50_000 && !stop.load(Ordering::Relaxed) {
        if stream.write_all(&step(number)).is_err() {
            break;
        }
        number += 1;
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// The 99th percentile of requests on one connection, and the most memory between them, in KiB.
fn measure(scene: &Scene) -> (Duration, u64) {
    let (mut client, mut most) = (scene.client(), 0);
    let mut all: Vec<Duration> = (0..REQUESTS)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(client.get("/").status, 200);
            let took = started.elapsed();
            most = most.max(own_memory(scene.privet.pid()));
            took
        })
        .collect();
    all.sort_unstable();
    (all[REQUESTS * 99 / 100], most)
}

#[test]
fn ten_attackers_cost_a_bounded_memory_and_others_go_on() {
    let backend = Backend::named("a");
    for (what, step) in ATTACKS {
        let scene = Scene::new(&[&backend], "", "");
        let (calm, before) = measure(&scene);
        let stop = AtomicBool::new(false);
        let (attacked, most) = std::thread::scope(|scope| {
            for _ in 0..ATTACKERS {
                scope.spawn(|| attack(scene.listen, step, &stop));
            }
            let measured = measure(&scene);
            stop.store(true, Ordering::Relaxed);
            measured
        });
        let grown = most.saturating_sub(before);
        println!("{what}: {grown} KiB more, p99 {calm:.1?} calm and {attacked:.1?} attacked");
        assert!(grown <= GROWTH, "{what}: {grown} KiB");
        let bound = UNNOTICED.max(calm * 2);
        assert!(
            attacked <= bound,
            "{what}: p99 {calm:?} became {attacked:?}"
        );
    }
}

/// What a server sends on the first stream of a connection, one step after another.
const ORIGIN_ATTACKS: [(&str, Attack); 11] = [
    ("ping", |_| frame(6, 0, 0, &[0; 8])),
    ("settings", |_| frame(4, 0, 0, b"")),
    // 103, as often as it likes.
    ("interim responses", |_| frame(1, 4, 1, b"\x08\x03103")),
    ("continuation", |n| match n {
        0 => frame(1, 0, 1, b"\x88"),
        _ => frame(9, 0, 1, b"\x00\x01x\x01y"),
    }),
    ("empty data", |n| match n {
        0 => frame(1, 4, 1, b"\x88"),
        _ => frame(0, 0, 1, b""),
    }),
    // A frame of nothing but padding.
    ("padding", |n| match n {
        0 => frame(1, 4, 1, b"\x88"),
        _ => frame(0, 8, 1, &[&[255][..], &[0; 255]].concat()),
    }),
    ("reset", |_| frame(3, 0, 1, &[0, 0, 0, 8])),
    ("priority", |_| frame(2, 0, 1, &[0; 5])),
    ("goaway", |_| {
        frame(7, 0, 0, &[0x7f, 255, 255, 255, 0, 0, 0, 0])
    }),
    ("push promise", |n| {
        let promised = (2 * n + 2).to_be_bytes();
        frame(5, 4, 1, &[&promised[..], b"\x82\x86\x84\x41\x01a"].concat())
    }),
    ("header table", |_| {
        let mut block = b"\x88\x40\x01x\x7f\xe1\x1e".to_vec();
        block.extend(vec![b'y'; 4000]);
        block.extend(vec![0xbe; 2000]);
        frame(1, 4, 1, &block)
    }),
];

/// A server that attacks each client once its request is there.
fn attacking_origin(step: Attack) -> Origin {
    Origin::raw(move |mut stream| {
        let mut reader = stream.try_clone().expect("a handle");
        let (mut received, mut piece) = (Vec::new(), [0; 16 * 1024]);
        while !has_request(&received) {
            match reader.read(&mut piece) {
                Ok(count @ 1..) => received.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        std::thread::spawn(move || while matches!(reader.read(&mut piece), Ok(1..)) {});
        let mut sent = stream.write_all(&frame(4, 0, 0, b""));
        let mut number = 0;
        while sent.is_ok() && number < 5_000 {
            sent = stream.write_all(&step(number));
            number += 1;
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    })
}

/// Whether the preface and a whole HEADERS frame are there.
fn has_request(received: &[u8]) -> bool {
    let mut frames = received.get(24..).unwrap_or_default();
    while let [a, b, c, kind, ..] = *frames {
        let whole = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        if frames.len() >= whole && kind == 1 {
            return true;
        }
        frames = frames.get(whole..).unwrap_or_default();
    }
    false
}

#[test]
fn an_origin_that_floods_costs_a_bounded_memory_and_others_go_on() {
    let backend = Backend::named("a");
    for (what, step) in ORIGIN_ATTACKS {
        let origin = attacking_origin(step);
        let route = format!(
            "[[site.route]]\npath = \"/flood\"\nbackends = [\"h2c://127.0.0.1:{}\"]\n",
            origin.port()
        );
        let scene = Scene::new(&[&backend], "", &route);
        let (calm, before) = measure(&scene);
        let stop = AtomicBool::new(false);
        let (attacked, most) = std::thread::scope(|scope| {
            for _ in 0..ATTACKERS {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut client = scene.client();
                        let _ = client.try_request("GET /flood HTTP/1.1\r\nHost: app.test\r\n\r\n");
                    }
                });
            }
            let measured = measure(&scene);
            stop.store(true, Ordering::Relaxed);
            // What still waits for its answer ends with the connection that attacks.
            drop(origin);
            measured
        });
        let grown = most.saturating_sub(before);
        println!("{what}: {grown} KiB more, p99 {calm:.1?} calm and {attacked:.1?} attacked");
        assert!(grown <= GROWTH, "{what}: {grown} KiB");
        assert!(attacked <= ANSWERED, "{what}: p99 became {attacked:?}");
    }
}

/// Streams of one client that never opens a window.
const STALLED_STREAMS: u32 = 50;

/// Asks for as many bodies as there are streams, takes no byte of any, and reads until the connection ends. Returns how many
/// streams were ended by a reset.
fn stall(site: SocketAddr) -> usize {
    let mut stream = privet_tests::client::connect(site);
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0.
    sent.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for n in 0..STALLED_STREAMS {
        sent.extend(frame(1, 5, 2 * n + 1, &head()));
    }
    stream.write_all(&sent).expect("it is open");
    let (mut frames, mut resets) = (Vec::new(), 0);
    let mut piece = [0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        frames.extend_from_slice(&piece[..count]);
        while let [a, b, c, kind, ..] = frames[..] {
            let whole = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
            if frames.len() < whole {
                break;
            }
            assert_ne!(kind, 0, "DATA without a window");
            resets += usize::from(kind == 3);
            frames.drain(..whole);
        }
        if resets == STALLED_STREAMS as usize {
            break;
        }
    }
    resets
}

#[test]
fn closed_windows_cost_a_bounded_memory_and_their_streams_end_when_nothing_moves() {
    let backend = Backend::streaming(|stream, head| {
        if head.contains(" /small ") {
            return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")?;
        let piece = vec![b'x'; 64 * 1024];
        loop {
            stream.write_all(&piece)?;
        }
    });
    let limits = "[listen.limits]\nidle_timeout = \"4s\"\n";
    let scene = Scene::new(&[&backend], "", limits);
    let mut client = scene.client();
    assert_eq!(client.get("/small").status, 200);
    let before = own_memory(scene.privet.pid());
    let (most, ended) = std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..ATTACKERS)
            .map(|_| scope.spawn(|| stall(scene.listen)))
            .collect();
        let mut most = 0;
        while !attackers.iter().all(|attacker| attacker.is_finished()) {
            assert_eq!(client.get("/small").status, 200);
            most = most.max(own_memory(scene.privet.pid()));
        }
        let ended = attackers
            .into_iter()
            .map(|attacker| attacker.join().expect("no panic"));
        (most, ended.collect::<Vec<_>>())
    });
    let grown = most.saturating_sub(before);
    println!("closed windows: {grown} KiB more, streams reset: {ended:?}");
    assert!(grown <= GROWTH, "{grown} KiB");
    privet_tests::wait::until("no request is in flight", || {
        scene.backend(&backend.url())["in_flight"] == 0
    });
}
