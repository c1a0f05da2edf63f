//! Bodies from origins.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use privet_tests::client::{connect, read_head};
use privet_tests::{Backend, Privet};

use crate::support::*;

#[test]
fn a_clean_body_passes_and_a_bad_one_is_stopped_by_a_page_that_names_rule_and_hash() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let clean = scanning
        .curl(&format!("{}/clean/50000", origin.url()), &[])
        .good();
    assert!(
        clean.ends_with("\n200 50000"),
        "{}",
        &clean[clean.len() - 40..]
    );
    assert!(clean.as_bytes().starts_with(&self::clean(50_000)));
    let bad = scanning.curl(&format!("{}/bad", origin.url()), &[]);
    assert_stopped(&bad, "TestPayload");
    assert!(!bad.out.contains(PAYLOAD), "{bad:?}");
    let row = scanning.row("/bad");
    assert_eq!(row["scan"], "bad");
    assert_eq!(row["scan_engine"], "yara");
    assert_eq!(row["scan_rule"], "TestPayload");
    assert_eq!(row["status"], 403);
    // printf %s "the payload of the test" | sha256sum
    let hash = row["scan_sha256"].as_str().expect("a hash");
    assert_eq!(hash.len(), 64);
    assert!(bad.out.contains(hash), "{bad:?}");
    let row = scanning.row("/clean/50000");
    assert_eq!(row["scan"], "clean");
    assert!(row["scan_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
    for filter in [
        "scan:bad",
        "scan_rule:testpayload",
        "scan_engine:yara",
        &format!("scan_hash:{hash}"),
    ] {
        let found = scanning.privet.json(&["requests", "--filter", filter]);
        assert_eq!(found["total"], 1, "{filter}");
    }
}

#[test]
fn codings_and_archives_are_opened() {
    let inner = zipped("inner.txt", &bad(100));
    let nested = zipped("inner.zip", &inner);
    let script = [b"#!/bin/sh\nexec unzip $0\n".as_slice(), &inner, b"end"].concat();
    let two = [inner, zipped("other.txt", &clean(100))].concat();
    let twice = gzipped(&gzipped(&bad(3000)));
    let once = gzipped(&clean(3000));
    let origin = origin(move |target| match target {
        "/nested.zip" => Some((BINARY, nested.clone())),
        "/script" => Some((BINARY, script.clone())),
        "/two" => Some((BINARY, two.clone())),
        "/twice" => Some(("Content-Encoding: gzip, gzip\r\n", twice.clone())),
        "/once" => Some(("Content-Encoding: gzip\r\n", once.clone())),
        "/broken" => Some(("Content-Encoding: gzip\r\n", clean(50))),
        "/unknown" => Some(("Content-Encoding: compress\r\n", clean(50))),
        _ => None,
    });
    let scanning = Scanning::start("");
    for path in ["/nested.zip", "/script", "/twice"] {
        let stopped = scanning.curl(&format!("{}{path}", origin.url()), &[]);
        assert_stopped(&stopped, "TestPayload");
    }
    let once = scanning
        .curl(&format!("{}/once", origin.url()), &["--compressed"])
        .good();
    assert!(once.as_bytes().starts_with(&clean(3000)));
    for path in ["/broken", "/two", "/unknown"] {
        let failed = scanning.curl(&format!("{}{path}", origin.url()), &[]);
        assert!(failed.out.contains("\n403 "), "{failed:?}");
        assert_eq!(scanning.row(path)["scan"], "error");
    }
}

#[test]
fn a_bomb_is_an_error() {
    let bomb = gzipped(&vec![0; 200 << 20]);
    assert!(bomb.len() < 1 << 20);
    let origin = origin(move |target| match target {
        "/coding" => Some(("Content-Encoding: gzip\r\n", bomb.clone())),
        "/file.gz" => Some((BINARY, bomb.clone())),
        _ => None,
    });
    let scanning = Scanning::start("");
    for path in ["/coding", "/file.gz"] {
        let stopped = scanning.curl(&format!("{}{path}", origin.url()), &[]);
        assert!(
            stopped.out.contains("too many times its size"),
            "{stopped:?}"
        );
        assert_eq!(scanning.row(path)["scan"], "error");
    }
}

#[test]
fn the_request_asks_for_the_whole_body_in_codings_that_can_be_removed() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let fields = [
        "-H",
        "Accept-Encoding: gzip, compress, br;q=0.5, dcb, zstd",
        "-r",
        "5-9",
    ];
    let whole = scanning
        .curl(&format!("{}/clean/100", origin.url()), &fields)
        .good();
    // The part is cut out of what was judged whole.
    assert!(whole.ends_with("\n206 5"), "{whole}");
    let head = origin.heads().remove(0).to_lowercase();
    assert!(
        head.contains("accept-encoding: gzip, br;q=0.5, zstd\r\n"),
        "{head}"
    );
    assert!(!head.contains("range:"), "{head}");
    let several = scanning.curl(&format!("{}/clean/100", origin.url()), &["-r", "0-3,10-12"]);
    let several = several.good();
    assert!(several.contains("bytes 10-12/100\r\n"), "{several}");
    assert!(several.contains("\n206 "), "{several}");
    let plain = Privet::start("");
    let proxy = format!("http://{}", plain.proxy());
    let url = format!("{}/clean/100", origin.url());
    let args = [&["-s", "-x", &proxy, &url][..], &fields].concat();
    privet_tests::client::curl(&args).good();
    let head = origin.heads().pop().expect("a request").to_lowercase();
    assert!(
        head.contains("dcb") && head.contains("range: bytes=5-9"),
        "{head}"
    );
}

#[test]
fn a_part_of_a_body_that_nobody_asked_for_is_an_error() {
    let origin = Backend::answering(|stream, _, _| {
        let fields = "Content-Range: bytes 0-4/100\r\n";
        privet_tests::backend::reply(stream, "206 Partial Content", fields, b"01234")
    });
    let scanning = Scanning::start("");
    let stopped = scanning.curl(&format!("{}/part", origin.url()), &[]);
    assert!(
        stopped.out.contains("a part of a body cannot be judged"),
        "{stopped:?}"
    );
}

/// Scanned within the time limit of a body by a debug build too, also beside other programs.
const LARGE_MIB: usize = 24;

/// A body of [`LARGE_MIB`] MiB without an announced length.
fn large(stream: &mut std::net::TcpStream, end: &[u8]) -> std::io::Result<()> {
    start_chunks(stream)?;
    let piece = clean(1 << 20);
    for _ in 0..LARGE_MIB {
        chunk(stream, &piece)?;
    }
    chunk(stream, end)?;
    stream.write_all(b"0\r\n\r\n")
}

#[test]
fn a_large_clean_download_starts_within_a_second_and_a_bad_one_is_cut_off() {
    let origin = Backend::streaming(|stream, head| match head.contains("/bad") {
        true => large(stream, PAYLOAD.as_bytes()),
        false => large(stream, b""),
    });
    let scanning = Scanning::start("max_body = \"200MiB\"\n");
    let started = Instant::now();
    let mut stream = connect(scanning.privet.proxy());
    let ask = format!(
        "GET {}/clean HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        origin.url()
    );
    stream.write_all(ask.as_bytes()).expect("the proxy reads");
    let head = read_head(&mut stream);
    let mut first = [0];
    stream.read_exact(&mut first).expect("the body begins");
    let first_byte = started.elapsed();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(first_byte < Duration::from_secs(1), "{first_byte:?}");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the body ends");
    assert!(rest.ends_with(b"0\r\n\r\n"));
    assert!(rest.len() > LARGE_MIB << 20);
    drop(rest);
    let bad = scanning.curl(&format!("{}/bad", origin.url()), &["-o", "/dev/null"]);
    // The connection is reset: the file is not whole, and curl says so.
    assert!(bad.code != 0, "{bad:?}");
    assert_eq!(scanning.row("/bad")["scan_rule"], "TestPayload");
}

#[test]
fn a_program_is_withheld_whole() {
    let origin = Backend::streaming(|stream, _| {
        start_chunks(stream)?;
        chunk(stream, b"MZ")?;
        for _ in 0..4 {
            chunk(stream, &clean(1 << 20))?;
        }
        chunk(stream, PAYLOAD.as_bytes())?;
        stream.write_all(b"0\r\n\r\n")
    });
    let scanning = Scanning::start("");
    let stopped = scanning.curl(&format!("{}/x", origin.url()), &[]);
    assert_stopped(&stopped, "TestPayload");
}

#[test]
fn larger_bodies_pass_or_are_blocked_as_configured() {
    for (oversize, announced) in [
        ("pass", true),
        ("pass", false),
        ("block", true),
        ("block", false),
    ] {
        let origin = Backend::streaming(move |stream, _| {
            let body = bad(300_000);
            if announced {
                return privet_tests::backend::reply(stream, "200 OK", "", &body);
            }
            start_chunks(stream)?;
            chunk(stream, &body)?;
            stream.write_all(b"0\r\n\r\n")
        });
        let scanning = Scanning::start(&format!(
            "max_body = \"100KiB\"\noversize = \"{oversize}\"\n"
        ));
        let got = scanning.curl(&format!("{}/large", origin.url()), &[]);
        let row = scanning.row("/large");
        if oversize == "pass" {
            assert!(got.out.ends_with("\n200 300000"), "{announced}");
            assert_eq!(row["scan"], "oversize passed");
        } else {
            assert!(
                got.out.contains("larger than is scanned"),
                "{announced} {got:?}"
            );
            assert_eq!(row["scan"], "oversize");
        }
    }
}
