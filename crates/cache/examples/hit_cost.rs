//! CPU time that the rules of one hit take: reading the request, its key, the variant, freshness and the answer's lines.
//! On Linux: `cargo run --release -p privet-cache --example hit_cost`

#![expect(clippy::print_stdout, reason = "it prints its measurement")]

use std::hint::black_box;
use std::time::Duration;

use privet_cache::rules::storing::store;
use privet_cache::rules::{answer, reuse, vary};
use privet_cache::{FieldLines, Key, KeySecret, Policy, Request, Response, Target, Timestamp};

const ROUNDS: u32 = 2_000_000;

const BROWSER: &[u8] = b"Host: example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nReferer: http://example.com/\r\nCookie: session=0123456789abcdef\r\n\
    Connection: keep-alive\r\nPriority: u=0, i\r\n";

const RESPONSE: &[u8] = b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\nServer: nginx\r\nContent-Type: text/css\r\n\
    Last-Modified: Fri, 01 Jan 2027 08:00:00 GMT\r\nETag: \"659f1a2b-1c3d\"\r\nCache-Control: public, max-age=86400\r\n";

/// Of this thread. A busy machine adds to elapsed time, not to this.
fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = schedstat.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn main() {
    measure("without Vary", b"");
    measure("with Vary: Accept-Encoding", b"Vary: Accept-Encoding\r\n");
    measure(
        "with Vary: Accept-Encoding, Accept-Language",
        b"Vary: Accept-Encoding, Accept-Language\r\n",
    );
}

fn measure(name: &str, vary_line: &[u8]) {
    let now = Timestamp(1_800_000_000);
    let (policy, secret) = (Policy::shared(), KeySecret([7; 16]));
    let target = Target {
        scheme: "http",
        host: "example.com",
        port: 80,
        path_and_query: b"/static/css/site.css?v=3",
    };
    let lines = [RESPONSE, vary_line].concat();
    let response = Response {
        status: 200,
        fields: &FieldLines(&lines),
        body_len: Some(1024),
    };
    let fields = FieldLines(BROWSER);
    let request = Request::new(b"GET", target, &fields);
    let Ok(head) = store(&request, &response, now, now, &policy) else {
        println!("{name}: it is not stored");
        return;
    };
    let mut out = Vec::with_capacity(1024);
    let started = cpu_time();
    for _ in 0..ROUNDS {
        let fields = FieldLines(black_box(BROWSER));
        let request = Request::new(b"GET", target, &fields);
        black_box(Key::new(&secret, "forward", b"", &request));
        let place = vary::select(&request, std::iter::once(&head));
        let reuse = reuse::reuse(&request, &head, now.plus(5));
        let answer = answer::answer(&request, &head, Some(1024));
        out.clear();
        answer::write_lines(&mut out, &head, &answer, Some(1024), head.age(now), None);
        black_box((place, reuse, &out));
    }
    let each = (cpu_time() - started) / ROUNDS;
    println!("{name}: {} ns a hit", each.as_nanos());
}
