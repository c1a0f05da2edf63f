//! The scanners outside: a real clamd, a real c-icap, and ones that fail.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use privet_tests::peers::clamd::{PAYLOAD as SIGNED, SIGNATURE};
use privet_tests::peers::{CIcap, Clamd};

use crate::support::*;

fn with_clamd(address: &str, more: &str) -> Scanning {
    Scanning::start(&format!("clamd = \"{address}\"\n{more}"))
}

#[test]
fn a_real_clamd_judges() {
    let Some(clamd) = Clamd::start() else { return };
    let origin = origin(|target| match target {
        "/signed" => Some((BINARY, format!("before {SIGNED} after").into_bytes())),
        _ => None,
    });
    let url = |path: &str| format!("{}{path}", origin.url());
    let scanning = with_clamd(&format!("tcp:{}", clamd.tcp), "");
    assert_stopped(&scanning.curl(&url("/signed"), &[]), SIGNATURE);
    let scanning = with_clamd(&clamd.address(), "");
    for _ in 0..3 {
        let clean = scanning.curl(&url("/clean/300000"), &[]).good();
        assert!(clean.ends_with("\n200 300000"));
        assert_stopped(&scanning.curl(&url("/signed"), &[]), SIGNATURE);
    }
    let row = scanning.row("/signed");
    assert_eq!(
        (row["scan_engine"].as_str(), row["scan_rule"].as_str()),
        (Some("clamd"), Some(SIGNATURE))
    );
    // Larger than its StreamMaxLength: it cannot judge.
    let large = scanning.curl(&url("/clean/5000000"), &["-o", "/dev/null"]);
    assert!(large.code != 0, "{large:?}");
    assert_eq!(scanning.row("/clean/5000000")["scan"], "error");
}

#[test]
fn a_real_c_icap_judges_both_directions() {
    let Some(clamd) = Clamd::start() else { return };
    let Some(icap) = CIcap::start(&clamd) else {
        return;
    };
    let origin = origin(|target| match target {
        "/signed" => Some((BINARY, format!("before {SIGNED} after").into_bytes())),
        _ => None,
    });
    let scanning = Scanning::start(&format!("icap = \"{}\"\n", icap.url("scan")));
    let url = |path: &str| format!("{}{path}", origin.url());
    for size in [20, 1024, 1025, 300_000] {
        let clean = scanning.curl(&url(&format!("/clean/{size}")), &[]).good();
        assert!(clean.ends_with(&format!("\n200 {size}")), "{size}");
    }
    assert_stopped(&scanning.curl(&url("/signed"), &[]), SIGNATURE);
    let row = scanning.row("/signed");
    assert_eq!(
        (row["scan_engine"].as_str(), row["scan_rule"].as_str()),
        (Some("icap"), Some(SIGNATURE))
    );
    assert_stopped(&scanning.curl(&url("/upload"), &["-d", SIGNED]), SIGNATURE);
    assert!(
        scanning
            .curl(&url("/upload"), &["-d", "clean"])
            .good()
            .ends_with("\n200 20")
    );
}

#[test]
fn an_icap_service_that_sends_everything_back_finds_nothing() {
    let Some(clamd) = Clamd::start() else { return };
    let Some(icap) = CIcap::start(&clamd) else {
        return;
    };
    let origin = origin(|_| None);
    let scanning = Scanning::start(&format!("icap = \"{}\"\n", icap.url("echo")));
    let url = format!("{}/clean/70000", origin.url());
    assert!(scanning.curl(&url, &[]).good().ends_with("\n200 70000"));
    assert_eq!(scanning.row("/clean/70000")["scan"], "clean");
}

#[test]
fn an_icap_service_that_answers_while_it_receives_is_heard_to_the_end() {
    let Some(clamd) = Clamd::with_limit("16M") else {
        return;
    };
    let percent = "virus_scan.SendPercentData 5\nvirus_scan.StartSendPercentDataAfter 1M\n";
    let Some(icap) = CIcap::with_lines(&clamd, percent) else {
        return;
    };
    const SIZE: usize = 12 << 20;
    let origin = origin(|target| {
        let signed = || [clean(SIZE), SIGNED.as_bytes().to_vec()].concat();
        (target == "/signed").then(|| (BINARY, signed()))
    });
    for service in ["echo", "scan"] {
        let keys = format!("icap = \"{}\"\nhold = \"all\"\n", icap.url(service));
        let scanning = Scanning::start(&keys);
        let url = |path: &str| format!("{}{path}", origin.url());
        let path = format!("/clean/{SIZE}");
        let file = scanning.folder.path().join("clean");
        std::fs::write(&file, clean(SIZE)).expect("the folder takes a file");
        for _ in 0..2 {
            let down = scanning.curl(&url(&path), &["-o", "/dev/null"]).good();
            assert_eq!(down, format!("\n200 {SIZE}"), "{service}");
        }
        let file = file.display().to_string();
        let up = scanning.curl(&url("/upload"), &["-T", &file]).good();
        assert!(up.ends_with("\n200 20"), "{service}: {up}");
        assert_eq!(scanning.row("/upload")["scan"], "clean", "{service}");
        if service == "scan" {
            let stopped = scanning.curl(&url("/signed"), &["-o", "/dev/null"]);
            assert!(stopped.out.contains("\n403 "), "{stopped:?}");
        }
    }
}

/// A clamd of ours. `answer` gets each connection.
fn false_clamd(answer: impl Fn(UnixStream) + Send + Sync + 'static) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("clamd");
    let listener = UnixListener::bind(&path).expect("a new socket");
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
    let address = format!("unix:{}", path.display());
    (folder, address)
}

/// Reads until the end of a stream of chunks, at most.
fn read_body(stream: &mut UnixStream) {
    let mut all = Vec::new();
    let mut buffer = [0; 65536];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        all.extend_from_slice(&buffer[..count]);
        if all.starts_with(b"zVERSION") {
            let _ = stream.write_all(b"ClamAV 9.9.9\0");
            return;
        }
        if all.ends_with(&[0; 4]) {
            return;
        }
    }
}

#[test]
fn a_clamd_that_is_absent_dies_or_lies_is_an_error_that_blocks_or_passes() {
    let origin = origin(|_| None);
    let (_dies_in, dies) = false_clamd(|mut stream| read_body(&mut stream));
    let (_lies_in, lies) = false_clamd(|mut stream| {
        read_body(&mut stream);
        let _ = stream.write_all(b"1: stream: OKAY\0");
    });
    let (_endless_in, endless) = false_clamd(|mut stream| {
        read_body(&mut stream);
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let (_early_in, early) = false_clamd(|mut stream| {
        let _ = stream.write_all(b"1: stream: OK\0");
    });
    let url = format!("{}/clean/900000", origin.url());
    for address in ["unix:/nowhere/clamd", &dies, &lies, &endless, &early] {
        for (on_error, code, word) in [("block", "403", "error"), ("pass", "200", "error passed")] {
            let scanning = with_clamd(address, &format!("on_error = \"{on_error}\"\n"));
            let got = scanning.curl(&url, &[]);
            assert!(
                got.out.contains(&format!("\n{code} ")),
                "{address} {on_error}: {got:?}"
            );
            assert_eq!(scanning.row("/clean/900000")["scan"], word, "{address}");
        }
    }
}

#[test]
fn a_clamd_that_is_slow_is_waited_for() {
    let origin = origin(|_| None);
    let (released, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let (_folder, slow) = false_clamd(move |mut stream| {
        let mut start = [0; 9];
        if stream.read_exact(&mut start).is_err() || start.starts_with(b"zVERSION") {
            let _ = stream.write_all(b"ClamAV 9.9.9\0");
            return;
        }
        read_body(&mut stream);
        let _ = waits.lock().expect("one reader").recv();
        let _ = stream.write_all(b"1: stream: OK\0");
    });
    let scanning = with_clamd(&slow, "");
    let url = format!("{}/clean/100", origin.url());
    let got = std::thread::scope(|scope| {
        let asking = scope.spawn(|| scanning.curl(&url, &[]));
        // The body is there, and nothing of it is passed on.
        privet_tests::wait::until("the body is held", || {
            let (_, state) = scanning.privet.api("GET", "scan", None);
            state["held_bytes"] == 100
        });
        assert!(!asking.is_finished());
        released.send(()).expect("the scanner waits");
        asking.join().expect("curl ends")
    });
    assert!(got.good().ends_with("\n200 100"));
}

/// Takes 16 MiB, a quarter of a MiB after each pause, and finds nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "a slow scanner is what is tested"
)]
fn take_slowly(stream: &mut UnixStream, pause: Duration) {
    let mut piece = vec![0; 256 * 1024];
    for _ in 0..63 {
        std::thread::sleep(pause);
        if stream.read_exact(&mut piece).is_err() {
            return;
        }
    }
    read_body(stream);
    let _ = stream.write_all(b"1: stream: OK\0");
}

#[test]
fn a_clamd_that_hangs_is_given_up_and_one_that_takes_more_and_more_is_not() {
    const SIZE: usize = 16 << 20;
    let origin = origin(|_| None);
    let is_version = |stream: &mut UnixStream| {
        let mut start = [0; 9];
        let _ = stream.read_exact(&mut start);
        let asks = start.starts_with(b"zVERSION");
        if asks {
            let _ = stream.write_all(b"ClamAV 9.9.9\0");
        }
        asks
    };
    let (_silent_in, silent) = false_clamd(move |mut stream| {
        let _ = is_version(&mut stream) || stream.read_to_end(&mut Vec::new()).is_ok();
    });
    let (_stops_in, stops) = false_clamd(move |mut stream| {
        if !is_version(&mut stream) {
            std::thread::park();
        }
    });
    // Longer than a small body may take.
    let pause = Duration::from_millis(360);
    let (_slow_in, slow) = false_clamd(move |mut stream| {
        if !is_version(&mut stream) {
            take_slowly(&mut stream, pause);
        }
    });
    std::thread::scope(|scope| {
        for (address, size, word, why) in [
            (&silent, 100, "error", "clamd: no answer in time"),
            (&stops, SIZE, "error", "clamd: it stopped taking the body"),
            (&slow, SIZE, "clean", ""),
        ] {
            let origin = &origin;
            scope.spawn(move || {
                let scanning = with_clamd(address, "hold = \"all\"\n");
                let started = Instant::now();
                let path = format!("/clean/{size}");
                let got = scanning.curl(&format!("{}{path}", origin.url()), &["-m", "100"]);
                let took = started.elapsed();
                let row = scanning.row(&path);
                assert_eq!(row["scan"], word, "{row}");
                assert!(
                    row["error"].as_str().unwrap_or_default().contains(why),
                    "{row}"
                );
                assert_eq!(got.out.contains("\n200 "), word == "clean");
                assert!(took > Duration::from_secs(20), "{took:?}");
                assert!(took < Duration::from_secs(60), "{took:?}");
            });
        }
    });
}
