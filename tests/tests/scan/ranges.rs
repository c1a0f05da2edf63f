//! Parts of bodies: sent of what was judged whole.

use crate::support::*;

const SIZE: usize = 3 << 20;
const FIELDS: &str = "Content-Type: video/mp4\r\nAccept-Ranges: bytes\r\nETag: \"v1\"\r\nCache-Control: max-age=600\r\n";
/// Of which the film is too large a part to be stored.
const SMALL_CACHE: &str = "[cache]\nenabled = true\nmemory = \"8MiB\"\ndisk = \"0\"\n";
const CACHE: &str = "[cache]\nenabled = true\nmemory = \"64MiB\"\ndisk = \"0\"\n";

fn film() -> privet_tests::Backend {
    origin(|target| match target {
        "/film" => Some((FIELDS, clean(SIZE))),
        "/bad" => Some((FIELDS, bad(SIZE))),
        _ => None,
    })
}

#[test]
fn a_resumed_download_is_completed_from_what_was_judged_whole() {
    let origin = film();
    for cache in ["", CACHE, SMALL_CACHE] {
        let scanning = Scanning::start(cache);
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, whole) in [("/film", true), ("/bad", false)] {
            let file = folder.path().join("file");
            std::fs::write(&file, &clean(SIZE)[..1_000_000]).expect("the folder takes a file");
            let name = file.display().to_string();
            let args = ["-f", "-C", "-", "-o", &name];
            let resumed = scanning.curl(&format!("{}{path}", origin.url()), &args);
            let got = std::fs::read(&file).expect("the file");
            if whole {
                assert!(resumed.out.contains("206 "), "{resumed:?}");
                assert!(got == clean(SIZE), "{} bytes", got.len());
            } else {
                assert!(resumed.code != 0, "{resumed:?}");
                assert_eq!(got.len(), 1_000_000);
                assert_eq!(scanning.row(path)["scan"], "bad");
            }
        }
    }
}

#[test]
fn a_player_gets_the_parts_that_it_asks_for() {
    for (cache, requests) in [("", 6), (CACHE, 1), (SMALL_CACHE, 6)] {
        let origin = film();
        let scanning = Scanning::start(cache);
        let url = format!("{}/film", origin.url());
        let ask = |range: &str| scanning.curl(&url, &["-H", &format!("Range: {range}")]);
        // The first request: the whole, which starts at once.
        let first = ask("bytes=0-").good();
        assert!(first.ends_with(&format!("\n200 {SIZE}")), "{cache}");
        for (range, from, to) in [
            ("bytes=1000000-1000099", 1_000_000, 1_000_100),
            ("bytes=-70", SIZE - 70, SIZE),
            ("bytes=0-1", 0, 2),
        ] {
            let part = ask(range).good();
            let text = String::from_utf8_lossy(&clean(SIZE)[from..to]).into_owned();
            assert_eq!(part, format!("{text}\n206 {}", to - from), "{cache}");
        }
        let behind = ask(&format!("bytes={SIZE}-"));
        assert!(behind.out.ends_with("\n416 0"), "{behind:?}");
        let other = ["-r", "5-9", "-H", "If-Range: \"v0\""];
        let whole = scanning.curl(&url, &other).good();
        assert!(whole.ends_with(&format!("\n200 {SIZE}")), "{cache}");
        assert_eq!(origin.requests(), requests, "{cache}");
        assert_eq!(
            scanning.row("/film")["scan"].as_str().is_some(),
            cache != CACHE
        );
    }
}

#[test]
fn no_part_of_a_bad_body_is_sent() {
    let origin = film();
    for keys in ["", CACHE, SMALL_CACHE, "memory = \"1MiB\"\n"] {
        let scanning = Scanning::start(keys);
        for range in ["0-9", "1000-2000", "-5"] {
            let stopped = scanning.curl(&format!("{}/bad", origin.url()), &["-r", range]);
            assert_stopped(&stopped, "TestPayload");
        }
        let part = scanning.curl(&format!("{}/film", origin.url()), &["-r", "7-13"]);
        assert_eq!(part.good(), "1111111\n206 7");
    }
}

/// `Content-Range` and the bytes of each part of an answer in several.
#[track_caller]
fn parts(answer: &str) -> Vec<(String, String)> {
    let (body, end) = answer.rsplit_once('\n').expect("curl's own line");
    assert_eq!(end, format!("206 {}", body.len()), "{answer:.500}");
    let boundary = body.trim_start().lines().next().expect("a boundary");
    let mut pieces: Vec<&str> = body.split(boundary).skip(1).collect();
    assert_eq!(pieces.pop(), Some("--\r\n"), "{answer:.500}");
    let parts = pieces.into_iter().map(|piece| {
        let (head, bytes) = piece.split_once("\r\n\r\n").expect("a part has a head");
        assert!(head.contains("Content-Type: video/mp4"), "{head}");
        let range = head
            .split("Content-Range: bytes ")
            .nth(1)
            .unwrap_or_default();
        let bytes = bytes
            .strip_suffix("\r\n")
            .expect("a line before the boundary");
        (range.to_owned(), bytes.to_owned())
    });
    parts.collect()
}

#[test]
fn several_parts_are_sent_of_what_was_judged_whole() {
    // The film fits into the memory, or is in the spool.
    for keys in ["", CACHE, SMALL_CACHE, "memory = \"1MiB\"\n"] {
        let origin = film();
        let scanning = Scanning::start(keys);
        let ask = |path: &str, range: &str| {
            let range = format!("Range: bytes={range}");
            scanning.curl(&format!("{}{path}", origin.url()), &["-i", "-H", &range])
        };
        let whole = clean(SIZE);
        let answer = ask("/film", "5-14,1000000-1000099,1000050-1200000,-3").good();
        let (head, answer) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(head.matches("Content-Type: ").count(), 1, "{head}");
        assert!(head.contains("multipart/byteranges; boundary="), "{head}");
        assert!(!head.contains("Content-Range"), "{head}");
        let expected = [(5, 15), (1_000_000, 1_200_001), (SIZE - 3, SIZE)].map(|(from, end)| {
            let text = String::from_utf8_lossy(&whole[from..end]).into_owned();
            (format!("{from}-{}/{SIZE}", end - 1), text)
        });
        assert!(parts(answer) == expected, "{keys}");
        assert_stopped(&ask("/bad", "0-9,2000-2009"), "TestPayload");
        assert_eq!(scanning.row("/bad")["scan"], "bad");
    }
}
