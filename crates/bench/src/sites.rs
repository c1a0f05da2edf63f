//! The rows of the reverse side: requests over HTTP/1.1 and HTTP/2, TLS handshakes, idle clients, cache hits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use privet_tests::peers::Certificate;
use privet_tests::program;

use super::proxies::MeasuredProxy;
use super::report::Figures;
use super::reverse_proxies::{Scene, Store};
use super::runs::{KEPT_CLIENTS, REQUESTS, RUNS, failed, interleave, join};
use super::{cost, load};

/// Idle clients; each holds a descriptor here and one in the proxy.
const IDLE_CLIENTS: usize = 9_800;
const HANDSHAKE_SECONDS: &str = "3";
const KIB: usize = 1024;
const LARGE: usize = 1024 * 1024;
/// Hits of the large object in one run: 2 GiB.
const LARGE_HITS: usize = 2048;

/// The head of a request for this object of the origin.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
}

fn backends() -> [SocketAddr; 2] {
    [load::origin(load::http), load::origin(load::http)]
}

pub fn requests() -> Result<Figures, String> {
    let scene = Scene {
        backends: backends(),
        certificate: None,
        cache: Store::Nowhere,
    };
    let runs = interleave(&scene.proxies(), RUNS, |proxy| {
        hits(proxy, &get("/page"), REQUESTS, KEPT_CLIENTS).map(|cpu| cpu * 1e6 / REQUESTS as f64)
    })?;
    Ok(Figures {
        row: "reverse",
        title: "Reverse proxy, two backends, HTTP/1.1 keep-alive, 64 clients, 1 KiB",
        unit: "CPU µs per request",
        note: ": 32,000 requests a run, one worker each, no access log.",
        runs,
    })
}

/// Seconds of processor time for so many requests, after some that are not measured.
fn hits(proxy: &MeasuredProxy, head: &str, times: usize, clients: usize) -> Result<f64, String> {
    let run = |times| {
        load::requests(proxy.address, head, times, clients).map_err(|error| failed(proxy, &error))
    };
    run(clients)?;
    let before = cost::cpu(proxy.pid);
    run(times)?;
    Ok(cost::cpu(proxy.pid) - before)
}

pub fn http2() -> Result<Figures, String> {
    let certificate = certificate()?;
    let scene = Scene {
        backends: backends(),
        certificate: Some(&certificate),
        cache: Store::Nowhere,
    };
    let load = tool("h2load", "nghttp2-client")?;
    let runs = interleave(&scene.proxies(), RUNS, |proxy| {
        let url = format!("https://localhost:{}/page", proxy.address.port());
        let run = |requests: usize| {
            let mut command = Command::new(&load);
            command.args(["-t1", "-c16", "-m8", "-n", &requests.to_string(), &url]);
            let text = output(command)?;
            let all = format!("{requests} succeeded");
            match text.contains(&all) && text.contains("Application protocol: h2") {
                true => Ok(()),
                false => Err(failed(proxy, &text)),
            }
        };
        run(KEPT_CLIENTS)?;
        let before = cost::cpu(proxy.pid);
        run(REQUESTS)?;
        Ok((cost::cpu(proxy.pid) - before) * 1e6 / REQUESTS as f64)
    })?;
    Ok(Figures {
        row: "reverse-h2",
        title: "Reverse proxy, two backends, HTTP/2 over TLS in front, 16 clients with 8 streams, 1 KiB",
        unit: "CPU µs per request",
        note: ": h2load, 32,000 requests a run; the backends speak HTTP/1.1.",
        runs,
    })
}

pub fn handshakes() -> Result<Figures, String> {
    let certificate = certificate()?;
    let scene = Scene {
        backends: backends(),
        certificate: Some(&certificate),
        cache: Store::Nowhere,
    };
    let openssl = tool("openssl", "openssl")?;
    let runs = interleave(&scene.proxies(), RUNS, |proxy| {
        let before = cost::cpu(proxy.pid);
        let mut command = Command::new(&openssl);
        command.args(["s_time", "-new", "-time", HANDSHAKE_SECONDS, "-connect"]);
        command.arg(format!("localhost:{}", proxy.address.port()));
        let text = output(command)?;
        let count = text
            .lines()
            .find(|line| line.contains(" connections in "))
            .and_then(|line| line.split(' ').next()?.parse::<f64>().ok())
            .filter(|count| *count > 0.0)
            .ok_or_else(|| failed(proxy, &text))?;
        Ok((cost::cpu(proxy.pid) - before) * 1e6 / count)
    })?;
    Ok(Figures {
        row: "tls",
        title: "Full TLS 1.3 handshake (ECDSA P-256, X25519)",
        unit: "CPU µs each",
        note: ": `openssl s_time` for three seconds a run. A million divided by the figure is what one core does in a second.",
        runs,
    })
}

pub fn idle() -> Result<Figures, String> {
    let backends = backends();
    let mut all: Vec<(String, Vec<f64>)> = Vec::new();
    // Each run starts the programs anew: memory of closed connections would be reused.
    for _ in 0..RUNS {
        let scene = Scene {
            backends,
            certificate: None,
            cache: Store::Nowhere,
        };
        let runs = interleave(&scene.proxies(), 1, |proxy| {
            let before = cost::memory(proxy.pid);
            let clients = load::kept_clients(proxy.address, &get("/page"), IDLE_CLIENTS);
            let clients = clients.map_err(|error| failed(proxy, &error))?;
            let grown = cost::memory(proxy.pid) - before;
            drop(clients);
            Ok(grown / IDLE_CLIENTS as f64)
        })?;
        join(&mut all, runs);
    }
    Ok(Figures {
        row: "reverse-idle",
        title: "Memory of an idle keep-alive client of a reverse proxy",
        unit: "KiB each",
        note: ": 9,800 clients that sent one request each and then stand; growth of PSS since a fresh start, kernel memory not counted. What a program reserves at its start for its most connections (nginx) does not show.",
        runs: all,
    })
}

pub fn small_hits() -> Result<Figures, String> {
    let runs = cached(Store::Memory, KIB, REQUESTS, KEPT_CLIENTS, |cpu| {
        cpu * 1e6 / REQUESTS as f64
    })?;
    Ok(Figures {
        row: "cache-small",
        title: "Cache hit of 1 KiB from memory, keep-alive, 64 clients",
        unit: "CPU µs per request",
        note: ": 32,000 requests a run. nginx keeps its cache in files.",
        runs,
    })
}

pub fn large_hits() -> Result<Figures, String> {
    let note = ": 2 GiB a run. nginx keeps its cache in files.";
    let title = "Cache hit of 1 MiB from memory, keep-alive, 8 clients";
    hits_of_a_mebibyte(Store::Memory, "cache-large", title, note)
}

pub fn hits_from_disk() -> Result<Figures, String> {
    let note = ": 2 GiB a run. The object does not fit the memory that Privet may use; the system has the file in its own.";
    let title = "Cache hit of 1 MiB from a file, keep-alive, 8 clients";
    hits_of_a_mebibyte(Store::Disk, "cache-disk", title, note)
}

fn hits_of_a_mebibyte(
    store: Store,
    row: &'static str,
    title: &'static str,
    note: &'static str,
) -> Result<Figures, String> {
    let bytes = (LARGE_HITS * LARGE) as f64;
    let runs = cached(store, LARGE, LARGE_HITS, 8, |cpu| cpu * 1e9 / bytes)?;
    Ok(Figures {
        row,
        title,
        unit: "CPU s per GB",
        note,
        runs,
    })
}

fn cached(
    store: Store,
    size: usize,
    times: usize,
    clients: usize,
    figure: impl Fn(f64) -> f64,
) -> Result<Vec<(String, Vec<f64>)>, String> {
    let origins = [(); 2].map(|()| load::cacheable_origin(size));
    let asked = || -> usize { origins.iter().map(load::CacheableOrigin::requests).sum() };
    let scene = Scene {
        backends: [origins[0].address, origins[1].address],
        certificate: None,
        cache: store,
    };
    interleave(&scene.proxies(), RUNS, |proxy| {
        let before = asked();
        let cpu = hits(proxy, &get("/object"), times, clients)?;
        // The clients of the first round may ask at the same time.
        match asked() - before {
            count if count <= 2 * clients => Ok(figure(cpu)),
            count => Err(format!("{} asked the origin {count} times", proxy.name)),
        }
    })
}

fn certificate() -> Result<Certificate, String> {
    Certificate::new().ok_or_else(|| "openssl is not installed".to_owned())
}

fn tool(name: &str, package: &str) -> Result<PathBuf, String> {
    program(name).ok_or_else(|| format!("{name} is not installed (package {package})"))
}

/// What a load program prints.
pub fn output(mut command: Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match done.status.success() {
        true => Ok(text(&done.stdout)),
        false => Err(format!(
            "{name}: {}{}",
            text(&done.stdout),
            text(&done.stderr)
        )),
    }
}
