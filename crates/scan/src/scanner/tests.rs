use bytes::Bytes;

use super::*;
use crate::message::Direction;

fn body(bytes: &'static [u8]) -> Body {
    Body {
        bytes: Bytes::from_static(bytes),
        codings: Vec::new(),
        message: Message {
            direction: Direction::Download,
            method: "GET".to_owned(),
            url: "http://a.test/".to_owned(),
            status: 200,
            media_type: String::new(),
            client: None,
        },
    }
}

fn settings() -> Settings {
    Settings {
        key: 0,
        rules: Vec::new(),
        clamd: None,
        icap: None,
        max_body: 1 << 20,
        holds_all: false,
        memory: 1 << 20,
        spool: None,
        block_oversize: false,
        block_on_error: true,
        block_unscannable: true,
    }
}

#[tokio::test]
async fn nothing_to_judge_by_is_an_error() {
    let scanner = Scanner::new(settings(), None);
    assert!(matches!(scanner.scan(body(b"x")).await, Verdict::Error(_)));
    assert_eq!(scanner.totals().failed, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_scanner_that_hangs_is_named_and_what_is_counted_outlives_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd");
    let _hung = tokio::net::UnixListener::bind(&path).unwrap();
    let with_clamd = || Settings {
        clamd: Some(Connector::Unix(path.clone())),
        ..settings()
    };
    let mut scanner = Scanner::new(with_clamd(), None);
    scanner.limit = Duration::from_millis(200);
    *scanner.checked.lock().unwrap() = Some(Instant::now());
    let Verdict::Error(why) = scanner.scan(body(b"x")).await else {
        panic!("no answer is no verdict");
    };
    assert_eq!(&*why, "clamd: no answer in time");
    let before = scanner.generation();
    let reloaded = Scanner::new(with_clamd(), Some(&scanner));
    assert_eq!(
        (reloaded.totals().failed, reloaded.generation()),
        (1, before)
    );
}
