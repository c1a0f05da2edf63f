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
    scanner.timeouts.processing = Duration::from_millis(200);
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

/// A clamd of ours, which gets each connection for a body, and a scanner that asks it.
#[cfg(unix)]
fn with_clamd<F>(
    timeouts: ScanTimeouts,
    serve: impl Fn(tokio::net::UnixStream) -> F + Send + 'static,
) -> (tempfile::TempDir, Scanner)
where
    F: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let settings = Settings {
        clamd: Some(Connector::Unix(path)),
        ..settings()
    };
    let mut scanner = Scanner::new(settings, None);
    scanner.timeouts = timeouts;
    *scanner.checked.lock().unwrap() = Some(Instant::now());
    (folder, scanner)
}

fn mebibytes(count: usize) -> Body {
    Body {
        bytes: vec![b'x'; count << 20].into(),
        ..body(b"")
    }
}

/// Takes a body in pieces of 256 KiB and answers at its end. `pause`: before each piece.
#[cfg(unix)]
async fn take_slowly(mut stream: tokio::net::UnixStream, pause: Duration) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut piece = vec![0; 256 * 1024];
    let mut end = Vec::new();
    while !end.ends_with(&[0; 4]) {
        tokio::time::sleep(pause).await;
        let count = stream.read(&mut piece).await.unwrap_or_default();
        if count == 0 {
            return;
        }
        end = [&end, &piece[..count]].concat();
        end.drain(..end.len().saturating_sub(4));
    }
    let _ = stream.write_all(b"1: stream: OK\0").await;
}

const MS: Duration = Duration::from_millis(1);

#[cfg(unix)]
#[tokio::test]
async fn a_slow_scanner_is_waited_for_while_it_takes_more_of_a_large_body() {
    let timeouts = ScanTimeouts {
        io: 2000 * MS,
        processing: 400 * MS,
        per_mib: 2000 * MS,
        turn: 400 * MS,
    };
    let (_folder, scanner) = with_clamd(timeouts, |stream| take_slowly(stream, 20 * MS));
    let started = Instant::now();
    assert_eq!(scanner.scan(mebibytes(6)).await, Verdict::Clean);
    // Longer than a body of no size may take.
    assert!(started.elapsed() > timeouts.processing);
}

#[cfg(unix)]
#[tokio::test]
async fn a_scanner_that_takes_no_more_of_a_body_is_given_up_long_before_its_time_is_over() {
    let timeouts = ScanTimeouts {
        io: 200 * MS,
        per_mib: 60_000 * MS,
        ..ScanTimeouts::default()
    };
    let (_folder, scanner) = with_clamd(timeouts, |mut stream| async move {
        use tokio::io::AsyncReadExt;
        let mut piece = vec![0; 2 << 20];
        let _ = stream.read_exact(&mut piece).await;
        std::future::pending::<()>().await;
    });
    let Verdict::Error(why) = scanner.scan(mebibytes(6)).await else {
        panic!("no answer is no verdict");
    };
    assert_eq!(&*why, "clamd: it stopped taking the body");
}

#[cfg(unix)]
#[tokio::test]
async fn a_scanner_that_takes_a_body_byte_by_byte_is_given_up_when_its_time_is_over() {
    let timeouts = ScanTimeouts {
        io: 60_000 * MS,
        processing: 200 * MS,
        per_mib: 50 * MS,
        turn: 200 * MS,
    };
    let (_folder, scanner) = with_clamd(timeouts, |stream| take_slowly(stream, 500 * MS));
    let Verdict::Error(why) = scanner.scan(mebibytes(6)).await else {
        panic!("no answer is no verdict");
    };
    assert_eq!(&*why, "clamd: no answer in time");
}

#[tokio::test]
async fn bodies_that_find_no_turn_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yar");
    std::fs::write(&file, "rule Any { strings: $a = \"any\" condition: $a }").unwrap();
    let settings = Settings {
        rules: vec![file.display().to_string()],
        ..settings()
    };
    let mut scanner = Scanner::new(settings, None);
    scanner.timeouts.turn = 50 * MS;
    assert_eq!(scanner.scan(body(b"x")).await, Verdict::Clean);
    let cores = u32::try_from(scanner.blocking.available_permits()).unwrap();
    let all = scanner.blocking.clone().acquire_many_owned(cores).await;
    let Verdict::Error(why) = scanner.scan(body(b"x")).await else {
        panic!("it was not looked at");
    };
    assert_eq!(&*why, "yara: too many bodies wait for their verdict");
    drop(all);
    assert_eq!(scanner.scan(body(b"x")).await, Verdict::Clean);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_version_is_noticed_where_nothing_is_scanned() {
    let (_folder, scanner) = with_clamd(ScanTimeouts::default(), |mut stream| async move {
        use tokio::io::AsyncWriteExt;
        let _ = stream.write_all(b"ClamAV 9.9.9/1\0").await;
    });
    let scanner = Arc::new(scanner);
    let before = scanner.generation();
    scanner.check_in_background();
    assert_eq!(scanner.generation(), before, "it was asked lately");
    *scanner.checked.lock().unwrap() = None;
    scanner.check_in_background();
    let changed = async {
        while scanner.generation() == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), changed).await.unwrap();
}
