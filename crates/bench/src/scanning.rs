//! What scanning costs: Privet with a clamd, beside Squid with c-icap, which asks the same clamd.
//!
//! Large bodies are measured without Squid: the release of Debian 12 (5.7) stops between 1 and 8 MiB of a body that goes to c-icap's
//! `virus_scan`, with a preview and without, with 204 and 206 and without, and waits until its timeout. Privet asks the same
//! c-icap instead, and stands beside itself without scanning.

use std::net::SocketAddr;

use privet_tests::Privet;
use privet_tests::peers::{CIcap, Clamd, Squid};
use privet_tests::privet::Setup;

use super::proxies::{self, MeasuredProxy};
use super::report::Figures;
use super::runs::{RUNS, failed, interleave};
use super::{bounds, cost, load};

const LARGE: usize = 100 * 1024 * 1024;
const SMALL: usize = 20 * 1024;
/// Small bodies of one run.
const BODIES: usize = 1000;
const CLIENTS: usize = 8;
/// As large as the bodies, and more.
const LIMIT: &str = "200M";
const RULE: &str = "rule Bench { strings: $a = \"the payload of a bench\" condition: $a }\n";

/// The proxies, and the scanners that they share.
struct Scene {
    all: Vec<MeasuredProxy>,
    clamd: Clamd,
    c_icap: Option<CIcap>,
}

impl Scene {
    /// Beside Squid.
    fn of_small_bodies() -> Result<Self, String> {
        let mut scene = Self::start()?;
        let squid = scene.c_icap.as_ref().and_then(squid);
        scene.all.extend(squid);
        Ok(scene)
    }

    fn of_large_bodies() -> Result<Self, String> {
        let mut scene = Self::start()?;
        if let Some(c_icap) = &scene.c_icap {
            let asked = format!("icap = \"{}\"", c_icap.url("scan"));
            let name = "Privet with c-icap, which asks the clamd";
            scene.all.push(privet(name, &asked, &Setup::default()));
        }
        if proxies::other_build().is_none() {
            let plain = Privet::start("");
            let (address, pid) = (plain.proxy(), plain.pid());
            let name = "Privet without scanning";
            scene.all.push(proxies::measured(name, address, pid, plain));
        }
        Ok(scene)
    }

    fn start() -> Result<Self, String> {
        let clamd = Clamd::with_limit(LIMIT).ok_or("clamd is not installed")?;
        let asked = format!("clamd = \"{}\"", clamd.address());
        let mut all = vec![privet(bounds::PRIVET, &asked, &Setup::default())];
        if let Some(binary) = proxies::other_build() {
            let setup = Setup {
                binary: Some(binary.clone()),
                ..Setup::default()
            };
            all.push(privet(&binary.display().to_string(), &asked, &setup));
            return Ok(Self {
                all,
                clamd,
                c_icap: None,
            });
        }
        let rules = privet_tests::peers::write(clamd.folder(), "bench.yar", RULE);
        let rules = format!("rules = [\"{}\"]", rules.display());
        all.push(privet(
            "Privet, a YARA rule and no clamd",
            &rules,
            &Setup::default(),
        ));
        let c_icap = CIcap::start(&clamd);
        Ok(Self { all, clamd, c_icap })
    }

    /// Seconds of processor time of a proxy and of all scanners so far: those of the others are idle meanwhile.
    fn cpu(&self, proxy: &MeasuredProxy) -> f64 {
        let c_icap = self.c_icap.as_ref();
        cost::cpu(proxy.pid)
            + cost::cpu(self.clamd.running.pid())
            + c_icap.map_or(0.0, |c_icap| cost::cpu(c_icap.running.pid()))
    }

    /// Seconds of processor time for each of so many bodies.
    fn runs(
        &self,
        origin: SocketAddr,
        bodies: usize,
        clients: usize,
    ) -> Result<Vec<(String, Vec<f64>)>, String> {
        interleave(&self.all, RUNS, |proxy| {
            let before = self.cpu(proxy);
            load::requests(proxy.address, &get(origin), bodies, clients)
                .map_err(|error| failed(proxy, &error))?;
            Ok((self.cpu(proxy) - before) / bodies as f64)
        })
    }
}

fn squid(c_icap: &CIcap) -> Option<MeasuredProxy> {
    let url = c_icap.url("scan");
    let squid = Squid::with_lines(&|_| {
        format!(
            "icap_enable on\nicap_service scan respmod_precache bypass=off {url}\nadaptation_access scan allow all\n\
             icap_preview_enable on\nicap_preview_size 1024\nicap_persistent_connections on\n\
             icap_service_failure_limit -1\nicap_service_revival_delay 1\n"
        )
    })?;
    let (address, pid) = (squid.address, squid.running.pid());
    Some(proxies::measured("Squid with c-icap", address, pid, squid))
}

fn privet(name: &str, scanner: &str, setup: &Setup) -> MeasuredProxy {
    let config = format!("[scan]\nenabled = true\nmax_body = \"200MiB\"\n{scanner}\n");
    let privet = Privet::start_as(&config, setup);
    proxies::measured(name, privet.proxy(), privet.pid(), privet)
}

fn get(origin: SocketAddr) -> String {
    format!("GET http://{origin}/body HTTP/1.1\r\nHost: {origin}\r\nUser-Agent: bench\r\n\r\n")
}

pub fn large() -> Result<Figures, String> {
    Ok(Figures {
        row: "scan-large",
        title: "Scanning a clean download of 100 MiB",
        unit: "CPU s each",
        note: ": processor time of the proxy and of its scanners together.",
        runs: Scene::of_large_bodies()?.runs(load::origin_of(LARGE), 1, 1)?,
    })
}

pub fn small() -> Result<Figures, String> {
    let mut runs = Scene::of_small_bodies()?.runs(load::origin_of(SMALL), BODIES, CLIENTS)?;
    for (_, figures) in &mut runs {
        figures.iter_mut().for_each(|seconds| *seconds *= 1e6);
    }
    Ok(Figures {
        row: "scan-small",
        title: "Scanning clean downloads of 20 KiB",
        unit: "CPU µs each",
        note: ": 1,000 a run, 8 at a time; processor time of the proxy and of its scanners together.",
        runs,
    })
}

pub fn first_byte() -> Result<Figures, String> {
    let (scene, origin) = (Scene::of_large_bodies()?, load::origin_of(LARGE));
    let runs = interleave(&scene.all, RUNS, |proxy| {
        let took = load::first_byte(proxy.address, &get(origin));
        took.map(|took| took.as_secs_f64() * 1e3)
            .map_err(|error| failed(proxy, &error))
    })?;
    Ok(Figures {
        row: "scan-first-byte",
        title: "From the request to the first byte of a scanned download of 100 MiB",
        unit: "ms",
        note: ": the download is clean.",
        runs,
    })
}
