//! `cargo xtask bench`: measures the CPU time and memory of Privet's data plane beside other proxies, in one run.
#![allow(clippy::print_stdout, reason = "a command line tool prints")]

mod bounds;
mod cost;
mod desktop;
mod hostile;
mod inspection;
mod load;
mod million;
mod misses;
mod proxies;
mod report;
mod reverse_proxies;
mod runs;
mod scanning;
mod sites;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use load::Handshake;
use proxies::MeasuredProxy;
use report::Figures;
use runs::{KEPT_CLIENTS, REQUESTS, RUNS, failed, interleave, join};
use xtask::shell::Done;
use xtask::{needs, shell};

const PROXY_CORE: usize = 0;
/// Connections of one run.
const CONNECTS: usize = 6000;
/// Connections before the measurement.
const WARM_UP: usize = 300;
/// Parallel clients that open and close connections.
const CLIENTS: usize = 16;
const BULK_BYTES: u64 = 2 << 30;
const BULK_STREAMS: usize = 16;
const IDLE_TUNNELS: usize = 1000;

type Row = (&'static str, fn() -> Result<Figures, String>);

const ROWS: &[Row] = &[
    ("socks-connect", socks_connect),
    ("http-connect", http_connect),
    ("bulk", bulk),
    ("idle", idle),
    ("http", http),
    ("reverse", sites::requests),
    ("reverse-h2", sites::http2),
    ("tls", sites::handshakes),
    ("reverse-idle", sites::idle),
    ("cache-small", sites::small_hits),
    ("cache-large", sites::large_hits),
    ("cache-disk", sites::hits_from_disk),
    ("cache-miss", misses::row),
    ("scan-large", scanning::large),
    ("scan-small", scanning::small),
    ("scan-first-byte", scanning::first_byte),
    ("inspect-request", inspection::requests),
    ("inspect-host", inspection::hosts),
    ("list", million::row),
    ("hostile", || hostile::row(&http_peers())),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["desktop"] => {
            let done = desktop::rows();
            report::write(&all_rows()).and(done)
        }
        ["desktop", "open"] => desktop::open(desktop::ROUNDS, None),
        ["desktop", "open", folder] => desktop::open(desktop::ROUNDS, Some(Path::new(folder))),
        ["--against", binary, rows @ ..] => against(Path::new(binary), rows),
        rows => beside_others(rows),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The rows of BENCHMARKS.md, in their order.
fn all_rows() -> Vec<&'static str> {
    let rows = ROWS.iter().map(|(name, _)| *name);
    rows.chain(desktop::ROWS).collect()
}

/// Measures these rows, or all of the data plane, beside other proxies, and writes BENCHMARKS.md.
fn beside_others(names: &[&str]) -> Done {
    let rows = chosen(names)?;
    needs::ensure(&[needs::BUILD, needs::TEST, needs::BENCH])?;
    prepare()?;
    for (name, row) in rows {
        println!("\n── {name}");
        row()?.keep()?;
    }
    report::write(&all_rows())
}

/// Measures these rows, or all of the data plane, for this tree's release and for another build of Privet; prints them.
fn against(binary: &Path, names: &[&str]) -> Done {
    let rows = chosen(names)?;
    if !binary.is_file() {
        return Err(format!("{}: no such file", binary.display()));
    }
    needs::ensure(&[needs::BUILD])?;
    prepare()?;
    proxies::compare_with(binary);
    for (name, row) in rows.into_iter().filter(|(name, _)| *name != "list") {
        println!("\n── {name}");
        row()?.print();
    }
    Ok(())
}

/// The rows of these names; all rows if there are none.
fn chosen(names: &[&str]) -> Result<Vec<&'static Row>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !ROWS.iter().any(|(row, _)| row == *name))
    {
        let rows: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "no row {unknown:?}; there are: {}, and, by itself, desktop",
            rows.join(", ")
        ));
    }
    let rows = ROWS.iter();
    Ok(rows
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .collect())
}

/// Builds the release, pins load and proxies to different cores, and raises the limit of open files.
fn prepare() -> Done {
    shell::run(
        "cargo",
        &["build", "--release", "--quiet", "--locked", "-p", "privet"],
    )?;
    // Read by the harness; set before any thread of this process runs.
    privet_tests::privet::use_binary(shell::target_dir().join("release/privet"));
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, most).map_err(|error| format!("descriptors: {error}"))?;
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("needs two cores: one for the proxy, one for the load".into());
    }
    let mut mine = CpuSet::new();
    mine.set(runs::LOAD_CORE);
    sched_setaffinity(None, &mine).map_err(|error| format!("pinning: {error}"))?;
    privet_tests::process::pin_to(PROXY_CORE);
    Ok(())
}

fn socks_peers() -> Vec<MeasuredProxy> {
    if let Some(both) = proxies::two_builds() {
        return both.into();
    }
    let peers = [
        proxies::microsocks(),
        proxies::dante(),
        proxies::fast_socks5(),
    ];
    std::iter::once(proxies::privet())
        .chain(peers.into_iter().flatten())
        .collect()
}

fn http_peers() -> Vec<MeasuredProxy> {
    if let Some(both) = proxies::two_builds() {
        return both.into();
    }
    let peers = [
        proxies::squid(),
        proxies::tinyproxy(),
        proxies::privoxy(),
        proxies::traffic_server(),
    ];
    std::iter::once(proxies::privet())
        .chain(peers.into_iter().flatten())
        .collect()
}

fn socks_connect() -> Result<Figures, String> {
    let runs = interleave(&socks_peers(), RUNS, |proxy| {
        connects(proxy, Handshake::Socks5)
    })?;
    Ok(Figures {
        row: "socks-connect",
        title: "SOCKS5 connect, 64 bytes each way, close",
        unit: "CPU µs each",
        note: ": 6000 a run, 16 at a time.",
        runs,
    })
}

fn http_connect() -> Result<Figures, String> {
    let runs = interleave(&http_peers(), RUNS, |proxy| {
        connects(proxy, Handshake::Connect)
    })?;
    Ok(Figures {
        row: "http-connect",
        title: "HTTP CONNECT, 64 bytes each way, close",
        unit: "CPU µs each",
        note: ": 6000 a run, 16 at a time.",
        runs,
    })
}

fn connects(proxy: &MeasuredProxy, handshake: Handshake) -> Result<f64, String> {
    let origin = load::origin(load::echo_once);
    // Work that a program does once, at its first connections, is not measured.
    load::connects(proxy.address, handshake, origin, WARM_UP, CLIENTS)
        .map_err(|error| failed(proxy, &error))?;
    let before = cost::cpu(proxy.pid);
    load::connects(proxy.address, handshake, origin, CONNECTS, CLIENTS)
        .map_err(|error| failed(proxy, &error))?;
    Ok((cost::cpu(proxy.pid) - before) * 1e6 / CONNECTS as f64)
}

fn bulk() -> Result<Figures, String> {
    let origin = load::origin(load::flood);
    let runs = with_floor(origin, RUNS, |proxy, handshake| {
        let before = cost::cpu(proxy.pid);
        load::bulk(proxy.address, handshake, origin, BULK_BYTES, BULK_STREAMS)
            .map_err(|error| failed(proxy, &error))?;
        Ok((cost::cpu(proxy.pid) - before) * 1e9 / BULK_BYTES as f64)
    })?;
    Ok(Figures {
        row: "bulk",
        title: "Bulk relay through SOCKS5, 16 streams",
        unit: "CPU s per GB",
        note: ": 2 GiB a run, origin to client.",
        runs,
    })
}

fn idle() -> Result<Figures, String> {
    let origin = load::origin(load::echo);
    let mut all: Vec<(String, Vec<f64>)> = Vec::new();
    // Each run starts the programs anew: memory of closed tunnels would be reused.
    for _ in 0..RUNS {
        let runs = with_floor(origin, 1, |proxy, handshake| {
            let before = cost::memory(proxy.pid);
            let tunnels = load::tunnels(proxy.address, handshake, origin, IDLE_TUNNELS);
            let tunnels = tunnels.map_err(|error| failed(proxy, &error))?;
            let grown = cost::memory(proxy.pid) - before;
            drop(tunnels);
            Ok(grown / IDLE_TUNNELS as f64)
        })?;
        join(&mut all, runs);
    }
    Ok(Figures {
        row: "idle",
        title: "Memory of an idle tunnel (SOCKS5)",
        unit: "KiB each",
        note: ": 1000 tunnels that moved 64 bytes each way and then stand; growth of PSS since a fresh start, kernel memory not counted.",
        runs: all,
    })
}

fn http() -> Result<Figures, String> {
    let origin = load::origin(load::http);
    let runs = interleave(&http_peers(), RUNS, |proxy| {
        let request = format!(
            "GET http://{origin}/page HTTP/1.1\r\nHost: {origin}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
        );
        let before = cost::cpu(proxy.pid);
        load::requests(proxy.address, &request, REQUESTS, KEPT_CLIENTS)
            .map_err(|error| failed(proxy, &error))?;
        Ok((cost::cpu(proxy.pid) - before) * 1e6 / REQUESTS as f64)
    })?;
    Ok(Figures {
        row: "http",
        title: "Plain HTTP through the proxy, keep-alive, 64 clients, 1 KiB",
        unit: "CPU µs per request",
        note: ": 32,000 requests a run. tinyproxy keeps no connection and is left out. Three quarters of Privet's time are the kernel's: two reads and two \
            writes a request, as a bare epoll loop makes them.",
        runs,
    })
}

/// SOCKS proxies, and HAProxy without a handshake as the lower bound.
fn with_floor(
    origin: SocketAddr,
    rounds: usize,
    measure: impl Fn(&MeasuredProxy, Handshake) -> Result<f64, String>,
) -> Result<Vec<(String, Vec<f64>)>, String> {
    let mut all = socks_peers();
    // A comparison of two builds needs no lower bound.
    let floor = match proxies::two_builds_wanted() {
        true => None,
        false => proxies::haproxy(origin),
    };
    let floor_at = floor.as_ref().map(|haproxy| haproxy.address);
    all.extend(floor);
    interleave(&all, rounds, |proxy| {
        let handshake = if Some(proxy.address) == floor_at {
            Handshake::None
        } else {
            Handshake::Socks5
        };
        measure(proxy, handshake)
    })
}
