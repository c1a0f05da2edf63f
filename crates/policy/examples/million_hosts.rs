//! Measures a list of 1,000,000 hosts: bytes kept, bytes at the peak, seconds to read, nanoseconds per look-up.
//!
//!     cargo run --release -p privet-policy --example million_hosts [HOSTS]
#![allow(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(
    unsafe_code,
    reason = "an allocator that counts can only be written so"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use privet_config::{
    Config, Fallback, FilterList, ListFormat, ListSource, Mode, Rule, RuleAction, RuleMatch,
};
use privet_policy::{
    Addresses, Host, List, ListReader, Listener, OwnEndpoints, Policy, Program, Protocol, Request,
    Target, decide,
};

const DECISIONS: u32 = 1_000_000;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed unchanged to the system's allocator; only sizes are summed up.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let hosts: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let rss_before = rss();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);

    let start = Instant::now();
    let list = read(hosts);
    let seconds = start.elapsed().as_secs_f64();

    let kept = NOW.load(Ordering::Relaxed) - before;
    let peak = PEAK.load(Ordering::Relaxed) - before;
    println!("hosts                 {}", list.stats().entries);
    println!("seconds               {seconds:.3}");
    println!("bytes kept            {kept} ({:.1} MiB)", mib(kept));
    println!("bytes at the peak     {peak} ({:.1} MiB)", mib(peak));
    println!(
        "resident, more        {:.1} MiB",
        mib(rss().saturating_sub(rss_before))
    );
    println!("ns a look-up (hit)    {:.0}", look_up(&list, hosts, "host"));
    println!(
        "ns a look-up (miss)   {:.0}",
        look_up(&list, hosts, "other")
    );
    decide_once(list);
}

/// Fed in pieces of 64 KiB, as a file is read; the text itself is never held whole.
fn read(hosts: usize) -> List {
    let mut reader = ListReader::new("million", ListFormat::Hosts);
    let mut piece = String::with_capacity(80 << 10);
    for at in 0..hosts {
        let _ = writeln!(piece, "0.0.0.0 host{at}.tracker{}.example", at % 5003);
        if piece.len() > 64 << 10 || at + 1 == hosts {
            reader
                .feed(piece.as_bytes())
                .expect("smaller than the bound");
            piece.clear();
        }
    }
    drop(piece);
    reader.finish().expect("a list")
}

fn look_up(list: &List, hosts: usize, word: &str) -> f64 {
    const LOOKS: usize = 1_000_000;
    let names: Vec<Host> = (0..10_000)
        .map(|n| n * 97 % hosts)
        .map(|at| Host::parse(&format!("{word}{at}.tracker{}.example", at % 5003)).expect("a host"))
        .collect();
    let start = Instant::now();
    for at in 0..LOOKS {
        black_box(list.matches(&names[at % names.len()], None));
    }
    start.elapsed().as_secs_f64() * 1e9 / LOOKS as f64
}

/// A whole decision that every list is asked for, with 10,000 domain rules before it.
fn decide_once(list: List) {
    let config = with_many_rules(list.name());
    let start = Instant::now();
    let policy =
        Policy::compile(&config, &[list.into()], OwnEndpoints::default()).expect("compiles");
    println!(
        "ms to compile 10,000  {:.1}",
        start.elapsed().as_secs_f64() * 1e3
    );
    let target = Target::parse("www.some.site.example:443").expect("a target");
    let request = Request {
        listener: Listener::Mixed,
        client: SocketAddr::from(([127, 0, 0, 1], 1)),
        protocol: Protocol::Connect,
        user: None,
        app: Program::Absent,
        target: &target,
        addresses: Addresses::Unresolved,
        url: None,
        page: None,
        at: SystemTime::UNIX_EPOCH,
    };
    let start = Instant::now();
    for _ in 0..DECISIONS {
        black_box(decide(black_box(&request), &policy));
    }
    println!(
        "ns a decision         {:.0}",
        start.elapsed().as_secs_f64() * 1e9 / f64::from(DECISIONS)
    );
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    black_box(decide(&request, &policy));
    println!(
        "bytes a decision      {}",
        PEAK.load(Ordering::Relaxed) - before
    );
}

/// A configuration with 10,000 rules and one list.
fn with_many_rules(list: &str) -> Config {
    let mut config = Config::parse("", std::path::Path::new("/"))
        .expect("the defaults")
        .config;
    config.modes.insert("measured".into(), Mode::default());
    config.mode = "measured".into();
    config.rules = (0..10_000).map(direct_rule).collect();
    config.filter.lists = vec![FilterList {
        name: list.into(),
        source: ListSource::Url(String::new()),
        format: ListFormat::Hosts,
        enabled: true,
        refresh: std::time::Duration::ZERO,
        probation: Default::default(),
        private_addresses: false,
    }];
    config
}

fn direct_rule(at: usize) -> Rule {
    Rule {
        matcher: RuleMatch {
            domain_suffix: vec![format!("rule{at}.example")],
            ..RuleMatch::default()
        },
        action: RuleAction::Direct,
        fallback: Fallback::None,
        filter: true,
        resolve: true,
        inspect: None,
        scan: None,
        until: None,
        line: at,
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Resident memory; 0 if the kernel does not report it.
fn rss() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse().ok());
    pages.unwrap_or(0usize) * 4096
}
