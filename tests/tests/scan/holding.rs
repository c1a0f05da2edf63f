//! Bodies that are withheld: whole where that is asked for, in bounded memory, and on disk beyond it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use privet_tests::Backend;

use crate::support::*;

const MIB: usize = 1 << 20;

#[test]
fn nothing_of_a_body_arrives_before_its_verdict_where_everything_is_held() {
    let origin = origin(|_| None);
    let url = format!("{}/bad/{}", origin.url(), 5 * MIB);
    for keys in [
        "hold = \"all\"\n",
        "[modes.standard]\nscan_hold = \"all\"\n",
    ] {
        let scanning = Scanning::start(keys);
        assert_stopped(&scanning.curl(&url, &[]), "TestPayload");
        let clean = format!("{}/clean/{}", origin.url(), 5 * MIB);
        let clean = scanning.curl(&clean, &["-o", "/dev/null"]);
        assert_eq!(clean.good(), format!("\n200 {}", 5 * MIB));
    }
    // A mode may also ask for less than the section.
    let scanning = Scanning::start("hold = \"all\"\n[modes.standard]\nscan_hold = \"small\"\n");
    let cut = scanning.curl(&url, &["-o", "/dev/null"]);
    assert!(cut.code != 0, "{cut:?}");
}

/// Bytes of memory that only this process has, and its share of others.
fn pss(pid: u32) -> usize {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(path).expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number")
        * 1024
}

/// Sends all but the last byte of each body, and that once `go` is set.
fn origin_that_waits(size: usize) -> (Backend, Arc<(Mutex<bool>, Condvar)>) {
    let go = Arc::new((Mutex::new(false), Condvar::new()));
    let goes = go.clone();
    let origin = Backend::streaming(move |stream, _| {
        use std::io::Write;
        let body = clean(size);
        let head = format!("HTTP/1.1 200 OK\r\n{BINARY}Content-Length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body[..size - 1])?;
        let (ready, told) = &*goes;
        let ready = ready.lock().expect("no test panics with it");
        let wait = told.wait_timeout_while(ready, Duration::from_secs(120), |ready| !*ready);
        drop(wait.expect("no test panics with it"));
        stream.write_all(&body[size - 1..])
    });
    (origin, go)
}

#[test]
fn many_large_bodies_that_are_held_take_little_memory() {
    const COUNT: usize = 48;
    const SIZE: usize = 2 * MIB;
    let (origin, go) = origin_that_waits(SIZE);
    let keys = "hold = \"all\"\nmax_body = \"2MiB\"\nmemory = \"2MiB\"\nspool = \"200MiB\"\n";
    let scanning = Scanning::start(keys);
    let before = pss(scanning.privet.pid());
    std::thread::scope(|clients| {
        let clients: Vec<_> = (0..COUNT)
            .map(|_| {
                let url = format!("{}/large", origin.url());
                clients.spawn(|| {
                    let url = url;
                    scanning.curl(&url, &["--max-time", "120"])
                })
            })
            .collect();
        let all = (COUNT * (SIZE - 1)) as u64;
        scanning.privet.await_api("scan", |state| {
            let bytes = |key: &str| state[key].as_u64().unwrap_or_default();
            bytes("held_bytes") <= 2 << 20 && bytes("held_bytes") + bytes("spooled_bytes") == all
        });
        let used = pss(scanning.privet.pid()).saturating_sub(before);
        // What is on its way while they arrive is some of it.
        assert!(
            used < COUNT * SIZE / 2,
            "{} MiB for {COUNT} bodies of 2 MiB",
            used / MIB
        );
        // The files have no name.
        let spool = scanning.privet.sandbox.dir().join("data/spool");
        let names = std::fs::read_dir(spool).expect("the spool's folder");
        assert_eq!(names.count(), 0);
        *go.0.lock().expect("no test panics with it") = true;
        go.1.notify_all();
        for client in clients {
            let got = client.join().expect("a client").good();
            assert!(got.ends_with(&format!("\n200 {SIZE}")));
            assert!(got.as_bytes().starts_with(&clean(SIZE)));
        }
    });
    let (_, state) = scanning.privet.api("GET", "scan", None);
    assert_eq!(
        (&state["held_bytes"], &state["spooled_bytes"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn without_room_on_error_decides_and_a_mode_without_history_writes_nothing() {
    let origin = origin(|_| None);
    let url = format!("{}/clean/{}", origin.url(), 3 * MIB);
    let small = "hold = \"all\"\nmemory = \"1MiB\"\n";
    for (keys, code, word) in [
        ("spool = \"0\"\n", "403", "error"),
        ("spool = \"2MiB\"\n", "403", "error"),
        (
            "spool = \"0\"\non_error = \"pass\"\n",
            "200",
            "error passed",
        ),
        ("[modes.standard]\nhistory = false\n", "403", "error"),
    ] {
        let scanning = Scanning::start(&format!("{small}{keys}"));
        let got = scanning.curl(&url, &["-o", "/dev/null"]);
        assert!(got.out.contains(&format!("\n{code} ")), "{keys}: {got:?}");
        if keys.starts_with('[') {
            let spool = scanning.privet.sandbox.dir().join("data/spool");
            assert!(!spool.exists());
            continue;
        }
        assert_eq!(
            scanning.row(&format!("/clean/{}", 3 * MIB))["scan"],
            word,
            "{keys}"
        );
    }
    let scanning = Scanning::start(small);
    let got = scanning.curl(&url, &[]).good();
    assert!(got.as_bytes().starts_with(&clean(3 * MIB)));
}
