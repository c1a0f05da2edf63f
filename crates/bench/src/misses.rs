//! What a cache costs where it cannot answer: each request asks for another object.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::Privet;
use privet_tests::privet::Setup;

use super::proxies::{self, MeasuredProxy};
use super::report::Figures;
use super::runs::{KEPT_CLIENTS, REQUESTS, RUNS, failed, interleave};
use super::{bounds, cost, load};

const CACHE: &str = "[cache]\nenabled = true\nmemory = \"256MiB\"\ndisk = \"0\"\n";

pub fn row() -> Result<Figures, String> {
    let start = |name: &str, config: &str, setup: &Setup| {
        let privet = Privet::start_as(config, setup);
        proxies::measured(name, privet.proxy(), privet.pid(), privet)
    };
    let all: Vec<MeasuredProxy> = match proxies::other_build() {
        Some(binary) => {
            let setup = Setup {
                binary: Some(binary.clone()),
                ..Setup::default()
            };
            let other = start(&binary.display().to_string(), CACHE, &setup);
            vec![start(bounds::PRIVET, CACHE, &Setup::default()), other]
        }
        None => vec![
            start(bounds::PRIVET, CACHE, &Setup::default()),
            start("Privet without a cache", "", &Setup::default()),
        ],
    };
    let origin = load::cacheable_origin(1024);
    let (address, number) = (origin.address, AtomicUsize::new(0));
    let head = || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Cow::Owned(format!(
            "GET http://{address}/{number} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
        ))
    };
    let runs = interleave(&all, RUNS, |proxy| {
        let before = (cost::cpu(proxy.pid), origin.requests());
        load::different_requests(proxy.address, &head, REQUESTS, KEPT_CLIENTS)
            .map_err(|error| failed(proxy, &error))?;
        match origin.requests() - before.1 {
            REQUESTS => Ok((cost::cpu(proxy.pid) - before.0) * 1e6 / REQUESTS as f64),
            count => Err(format!("{} asked the origin {count} times", proxy.name)),
        }
    })?;
    Ok(Figures {
        row: "cache-miss",
        title: "Cache miss of 1 KiB that is stored in memory, plain HTTP through the proxy, 64 clients",
        unit: "CPU µs per request",
        note: ": 32,000 requests a run, each for another object.",
        runs,
    })
}
