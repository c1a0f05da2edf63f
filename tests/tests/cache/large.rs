//! Responses that are larger than the cache's memory, and the one limit of both caches.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use privet_tests::backend::reply;
use privet_tests::privet::Setup;
use privet_tests::{Backend, Privet, SiteClient, client, reserve};

use crate::support::*;

const CHUNK: usize = 64 * 1024;
/// 300 MiB.
const CHUNKS: u64 = 4800;
const CONFIG: &str = "[cache]\nmemory = \"16MiB\"\ndisk = \"1GiB\"\n";
/// What a process may grow by: the cache's memory.
const MOST_GROWTH: u64 = 16 << 20;

/// The chunk with this number: no two are alike.
fn chunk(number: u64) -> Vec<u8> {
    let word = (number + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_le_bytes();
    word.repeat(CHUNK / word.len())
}

fn large_origin() -> Backend {
    Backend::streaming(|stream, _| {
        let len = CHUNKS * CHUNK as u64;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nCache-Control: max-age=600\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        (0..CHUNKS).try_for_each(|number| stream.write_all(&chunk(number)))
    })
}

/// A download that is read step by step.
struct Download {
    stream: TcpStream,
    head: String,
    next: u64,
}

impl Download {
    fn start(privet: &Privet, url: &str) -> Self {
        let mut stream = client::connect(privet.proxy());
        let request = format!("GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.extend(byte);
        }
        Self {
            stream,
            head: String::from_utf8(head).expect("text"),
            next: 0,
        }
    }

    fn read(&mut self, chunks: u64) {
        let mut got = vec![0; CHUNK];
        for _ in 0..chunks {
            self.stream.read_exact(&mut got).expect("a chunk");
            assert!(got == chunk(self.next), "chunk {} is wrong", self.next);
            self.next += 1;
        }
    }

    fn read_all(mut self) -> String {
        self.read(CHUNKS - self.next);
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("its end");
        assert!(rest.is_empty());
        self.head
    }
}

/// Bytes of memory that the process has taken (the anonymous part of its PSS). Its program's pages are shared with those of
/// other tests, which come and go.
fn memory_of(privet: &Privet) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", privet.pid());
    let text = fs::read_to_string(path).expect("Linux has it");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("a number")
        * 1024
}

#[test]
fn a_download_larger_than_memory_is_kept_on_disk_with_bounded_memory() {
    let origin = large_origin();
    let mut privet = Privet::start(CONFIG);
    let url = format!("{}/large", origin.url());
    let before = memory_of(&privet);
    let bounded = |privet: &Privet, when: &str| {
        let grown = memory_of(privet).saturating_sub(before);
        eprintln!("{when}: {} MiB more", grown >> 20);
        assert!(grown < MOST_GROWTH, "{when}: {grown} bytes more");
    };
    let mut first = Download::start(&privet, &url);
    first.read(CHUNKS / 4);
    bounded(&privet, "while it arrives");
    // Another one joins: what it wants is on disk by now, and it is slow.
    let mut second = Download::start(&privet, &url);
    second.read(CHUNKS / 16);
    first.read(CHUNKS / 4);
    bounded(&privet, "with two readers");
    first.read_all();
    second.read_all();
    assert_eq!(origin.requests(), 1);
    privet.await_api("cache", |cache| cache["forward"]["disk"]["entries"] == 1);
    let stored = Download::start(&privet, &url);
    assert!(stored.head.contains("privet; hit; ttl="), "{}", stored.head);
    stored.read_all();
    bounded(&privet, "from disk");
    privet.restart();
    let again = Download::start(&privet, &url);
    assert!(again.head.contains("privet; hit; ttl="), "{}", again.head);
    again.read_all();
    assert_eq!(origin.requests(), 1);
}

/// The first answer checks each block, the later ones come from the file; a purge meanwhile takes nothing from who reads.
#[test]
fn stored_files_arrive_whole_and_in_ranges_also_while_they_are_purged() {
    const LEN: usize = 24 << 20;
    let file = numbers(LEN);
    let origin = ranges_of(file.clone());
    let mut privet = Privet::start(CONFIG);
    let url = format!("{}/file", origin.url());
    client(&privet).get(&url);
    privet.await_api("cache", |cache| cache["forward"]["disk"]["entries"] == 1);
    privet.restart();
    let mut client = client(&privet);
    for _ in 0..3 {
        let whole = client.get(&url);
        assert!(used(&whole).starts_with("hit; ttl="), "{}", whole.head);
        assert!(whole.body == file);
    }
    for (first, last) in [
        (0, 0),
        (65_536, 131_071),
        (1_000_001, 20_000_000),
        (LEN - 5, LEN - 1),
    ] {
        let part = client.with("GET", &url, &format!("Range: bytes={first}-{last}\r\n"));
        assert_eq!(part.status, 206, "{}", part.head);
        assert!(part.body == file[first..=last], "{first}-{last}");
    }
    let mut slow = Download::start(&privet, &url);
    assert!(slow.head.contains("privet; hit; ttl="), "{}", slow.head);
    privet.json(&["cache", "purge", "--all"]);
    let mut got = Vec::new();
    slow.stream.read_to_end(&mut got).expect("to its end");
    assert!(got == file.as_bytes());
    assert_eq!(origin.requests(), 1);
}

/// The writing of the index never returns, as on a disk that is gone without an error.
#[test]
fn a_disk_that_hangs_holds_no_download() {
    let file = numbers(24 << 20);
    let origin = ranges_of(file.clone());
    let privet = Privet::start(CONFIG);
    let pipe = privet.sandbox.dir().join("data/cache/private/index.new");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    let url = format!("{}/file", origin.url());
    for number in 1..3 {
        let whole = client(&privet).get(&url);
        assert!(whole.status == 200 && whole.body == file, "{}", whole.head);
        assert_eq!(origin.requests(), number, "it is not stored");
    }
    let problem = privet.json(&["cache", "stats"]).to_string();
    assert!(problem.contains("does not answer"), "{problem}");
    // The thread that waits goes on, so that the program can end.
    fs::File::open(pipe).expect("the writer waits there");
}

#[test]
fn a_download_that_a_kill_interrupts_leaves_nothing() {
    let origin = large_origin();
    let mut privet = Privet::start(CONFIG);
    let url = format!("{}/large", origin.url());
    let mut interrupted = Download::start(&privet, &url);
    interrupted.read(CHUNKS / 8);
    let disk_of = |cache: &serde_json::Value| cache["forward"]["disk"]["bytes"].as_u64();
    privet.await_api("cache", |cache| {
        disk_of(cache).is_some_and(|bytes| bytes > 0)
    });
    privet.kill_and_restart();
    let status = privet.await_api("cache", |cache| disk_of(cache) == Some(0));
    assert_eq!(status["forward"]["entries"], 0);
    privet_tests::wait::until("its file is removed", || {
        let objects = privet.sandbox.dir().join("data/cache/private/objects");
        let shelves = fs::read_dir(objects).into_iter().flatten().flatten();
        shelves
            .flat_map(|shelf| fs::read_dir(shelf.path()).into_iter().flatten())
            .count()
            == 0
    });
}

#[test]
fn both_caches_share_one_limit_and_a_smaller_one_holds_at_once() {
    let body = vec![b'x'; 100_000];
    let origin = Backend::answering(move |stream, _, _| {
        reply(stream, "200 OK", "Cache-Control: max-age=600\r\n", &body)
    });
    let listen = reserve();
    let config = |memory: &str, disk: &str| {
        format!(
            "[cache]\nmemory = \"{memory}\"\ndisk = \"{disk}\"\n\
             [[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\ncache = true\n\
             [[site.backend]]\nurl = \"{}\"\n",
            origin.url()
        )
    };
    let privet = Privet::start(&config("16MiB", "32MiB"));
    let (mut proxied, mut site) = (client(&privet), SiteClient::connect(listen, "app.test"));
    for number in 0..120 {
        proxied.get(&format!("{}/{number}", origin.url()));
        site.get(&format!("/{number}"));
    }
    let sum = |cache: &serde_json::Value, of: &str| -> u64 {
        let number = |side: &str| cache[side].pointer(of).and_then(serde_json::Value::as_u64);
        number("forward").unwrap_or_default() + number("sites").unwrap_or_default()
    };
    // What leaves memory before it is written is not on disk: how much is there depends on the disk.
    let full = privet.await_api("cache", |cache| sum(cache, "/disk/bytes") > 8 << 20);
    let in_memory = sum(&full, "/memory");
    assert!(in_memory > 8 << 20 && in_memory <= 16 << 20, "{full}");
    for side in ["forward", "sites"] {
        assert_eq!(full[side]["memory_limit"], 16 << 20, "{full}");
        assert_eq!(full[side]["disk"]["limit"], 32 << 20, "{full}");
        assert!(full[side]["memory"].as_u64() > Some(4 << 20), "{full}");
    }
    privet.sandbox.write(&config("4MiB", "8MiB"));
    privet.signal(rustix::process::Signal::HUP);
    privet.await_api("cache", |cache| {
        let limit = |of: &str| sum(cache, of) / 2;
        let limits = (limit("/memory_limit"), limit("/disk/limit"));
        let held = (sum(cache, "/memory"), sum(cache, "/disk/bytes"));
        limits == (4 << 20, 8 << 20) && held.0 <= limits.0 && held.1 <= limits.1
    });
}

/// Numbers of eight digits.
fn numbers(len: usize) -> String {
    (0..len / 8).map(|n| format!("{n:08}")).collect()
}

/// An origin of one file, of which it sends one range where it is asked for that.
fn ranges_of(file: String) -> Backend {
    Backend::answering(move |stream, head, _| {
        let fields = "Cache-Control: max-age=600\r\nETag: \"v1\"\r\n";
        let range = privet_tests::origin::field(head, "range");
        let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let Some((first, last)) = range else {
            return reply(stream, "200 OK", fields, file.as_bytes());
        };
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let (first, last) = (number(first), number(last));
        let content_range = format!(
            "{fields}Content-Range: bytes {first}-{last}/{}\r\n",
            file.len()
        );
        let part = &file.as_bytes()[first..=last];
        reply(stream, "206 Partial Content", &content_range, part)
    })
}

#[test]
fn parts_larger_than_memory_are_kept_on_disk() {
    const PART: usize = 12 << 20;
    let file = numbers(8 * PART);
    let origin = ranges_of(file.clone());
    let privet = Privet::start(CONFIG);
    let url = format!("{}/file", origin.url());
    let range = |first: usize, end: usize| {
        let fields = format!("Range: bytes={first}-{}\r\n", end - 1);
        let part = client(&privet).with("GET", &url, &fields);
        assert_eq!(part.status, 206, "{}", part.head);
        assert!(part.body == file[first..end], "{first}");
        used(&part).to_owned()
    };
    for number in [5, 0, 6, 1] {
        range(number * PART, (number + 1) * PART);
    }
    // All four are in files: the memory is as large as one of them and some more.
    privet.await_api("cache", |cache| {
        let bytes = cache["forward"]["disk"]["bytes"].as_u64();
        bytes.is_some_and(|bytes| bytes >= 4 * PART as u64)
    });
    for (first, end) in [(5 * PART + 1000, 7 * PART), (7, 2 * PART - 7)] {
        let said = range(first, end);
        assert!(said.starts_with("hit; ttl="), "{said}");
    }
    assert_eq!(origin.requests(), 4);
}

#[test]
fn parts_that_are_the_whole_of_a_file_move_to_disk_and_outlive_a_restart() {
    const PART: usize = 2 << 20;
    let file = numbers(4 * PART);
    let origin = ranges_of(file.clone());
    let mut privet = Privet::start(CONFIG);
    let url = format!("{}/file", origin.url());
    let range = |first: usize, last: usize| format!("Range: bytes={first}-{last}\r\n");
    // In the order of a player that seeks.
    for number in [2, 0, 3, 1] {
        let (first, end) = (number * PART, (number + 1) * PART);
        let part = client(&privet).with("GET", &url, &range(first, end - 1));
        assert_eq!(part.status, 206, "{}", part.head);
        assert!(part.body == file[first..end]);
    }
    assert_eq!(origin.requests(), 4);
    privet.await_api("cache", |cache| {
        let memory = cache["forward"]["memory"].as_u64();
        cache["forward"]["disk"]["entries"] == 1 && memory.is_some_and(|bytes| bytes < 1 << 20)
    });
    for restarted in [false, true] {
        if restarted {
            privet.restart();
        }
        let part = client(&privet).with("GET", &url, &range(3_000_000, 5_000_000));
        assert_eq!(part.status, 206, "{}", part.head);
        assert!(part.body == file[3_000_000..=5_000_000]);
        let whole = client(&privet).get(&url);
        assert!(used(&whole).starts_with("hit; ttl="), "{}", whole.head);
        assert!(whole.status == 200 && whole.body == file);
    }
    assert_eq!(origin.requests(), 4);
}

#[test]
fn many_large_responses_on_disk_are_answered_with_few_open_files() {
    const OBJECTS: usize = 40;
    let body = |path: &str| path.repeat(400_000 / path.len());
    let origin = Backend::answering(move |stream, head, _| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        reply(
            stream,
            "200 OK",
            "Cache-Control: max-age=600\r\n",
            body(path).as_bytes(),
        )
    });
    // A response of more than a quarter of the memory is on disk alone.
    let config = "[cache]\nmemory = \"1MiB\"\ndisk = \"64MiB\"\n";
    let privet = Privet::start_as(config, &Setup::open_files(64));
    let ask_all = || {
        (0..OBJECTS).filter(|number| {
            let path = format!("/object/{number}");
            let answer = client(&privet).get(&format!("{}{path}", origin.url()));
            assert_eq!(answer.status, 200, "{}", answer.head);
            assert!(answer.body == body(&path), "{path}");
            used(&answer).starts_with("hit")
        })
    };
    assert_eq!(ask_all().count(), 0);
    privet.await_api("cache", |cache| {
        cache["forward"]["disk"]["entries"] == OBJECTS
    });
    for _ in 0..2 {
        assert_eq!(ask_all().count(), OBJECTS);
    }
    let open = fs::read_dir(format!("/proc/{}/fd", privet.pid())).expect("its files");
    let open = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    let objects = open.filter(|path| path.components().any(|part| part.as_os_str() == "objects"));
    assert!(objects.count() <= 8, "an eighth of its limit");
    assert_eq!(origin.requests(), OBJECTS);
}
