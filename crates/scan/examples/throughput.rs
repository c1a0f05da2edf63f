//! How fast bodies are judged, for each second of one core's time:
//! `cargo run --release -p privet-scan --example throughput -- 'rules/*.yar'`.

#![expect(clippy::print_stdout, reason = "what it measured")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use privet_scan::{Body, Direction, Message, Scanner, Settings, Verdict};
use rustix::time::{ClockId, clock_gettime};

fn body(len: usize) -> Body {
    // Neither one value nor noise: words, as in text.
    let words = [
        "the ", "quick ", "brown ", "fox ", "GET ", "0x90 ", "\n", "<a>",
    ];
    let mut seed = 7_u32;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(words[(seed >> 24) as usize % words.len()].as_bytes());
    }
    bytes.truncate(len);
    Body {
        bytes: Bytes::from(bytes),
        codings: Vec::new(),
        message: Message {
            direction: Direction::Download,
            method: "GET".to_owned(),
            url: "http://a.test/".to_owned(),
            status: 200,
            media_type: "application/octet-stream".to_owned(),
            client: None,
        },
    }
}

/// The time of all cores that this process has used.
fn core_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rules: Vec<String> = std::env::args().skip(1).collect();
    let settings = Settings {
        key: 0,
        rules,
        clamd: None,
        icap: None,
        max_body: 1 << 30,
        holds_all: false,
        memory: 1 << 30,
        spool: None,
        block_oversize: false,
        block_on_error: true,
        block_unscannable: true,
    };
    let scanner = Scanner::new(settings, None);
    for (count, len) in [(1, 100 << 20), (1000, 20 << 10)] {
        let body = body(len);
        let (started, used) = (Instant::now(), core_time());
        for _ in 0..count {
            let verdict = scanner.scan(body.clone()).await;
            assert_eq!(verdict, Verdict::Clean);
        }
        let used = core_time() - used;
        let mib = (count * len) as f64 / (1 << 20) as f64;
        println!(
            "{count} of {len} bytes: {:.0} MiB/s a core, {:.0} µs a body; {:.2} s in all",
            mib / used.as_secs_f64(),
            used.as_secs_f64() * 1e6 / count as f64,
            started.elapsed().as_secs_f64()
        );
    }
}
