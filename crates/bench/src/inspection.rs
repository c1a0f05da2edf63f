//! What inspected HTTPS costs, beside Squid with `ssl_bump` and mitmproxy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::peers::{Squid, open_folder, write};
use privet_tests::privet::Setup;
use privet_tests::{CommandOutput, Privet, Running, await_port, program, reserve};
use tempfile::TempDir;

use super::proxies::{self, MeasuredProxy};
use super::report::Figures;
use super::runs::{LOAD_CORE, RUNS, failed, interleave};
use super::sites::output;
use super::{bounds, cost};

/// Requests of one run.
const REQUESTS: usize = 2000;
/// Hosts of one run.
const HOSTS: usize = 200;
/// Groups of hosts: each run of each proxy takes another, so that no host was seen before.
const GROUPS: usize = 16;

/// The authority of the origin, and a certificate for each group of hosts.
const CERTIFICATES: &str = "set -e
    p256='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
    openssl req -x509 $p256 -keyout ca.key -out ca.pem -subj '/CN=origins of a bench' -days 90 -addext basicConstraints=critical,CA:TRUE
    openssl req $p256 -keyout leaf.key -out leaf.csr -subj /CN=origin
    for group in $(seq 0 $1); do
        names=DNS:localhost
        for host in $(seq 1 $2); do names=$names,IP:127.0.$group.$host; done
        printf \"subjectAltName=$names\\nbasicConstraints=CA:FALSE\\n\" > ext
        openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf$group.pem -days 30 -extfile ext
    done";

/// A proxy that inspects, and the authority that its clients trust.
struct Inspecting {
    proxy: MeasuredProxy,
    authority: PathBuf,
}

struct Scene {
    all: Vec<Inspecting>,
    port: u16,
    /// The next group of hosts.
    group: AtomicUsize,
    _origin: Running,
    _folder: TempDir,
}

impl Scene {
    fn start() -> Result<Self, String> {
        let folder = open_folder("inspection-");
        let mut make = Command::new("sh");
        make.args(["-c", CERTIFICATES, "sh"]);
        make.args([GROUPS.to_string(), HOSTS.to_string()]);
        make.current_dir(folder.path());
        CommandOutput::of(make).good();
        let (origin, port) = origin(folder.path()).ok_or("nginx is not installed")?;
        let trust = folder.path().join("ca.pem");
        let mut all = vec![privet(bounds::PRIVET, &trust, &Setup::default())];
        match proxies::other_build() {
            Some(binary) => {
                let setup = Setup {
                    binary: Some(binary.clone()),
                    ..Setup::default()
                };
                all.push(privet(&binary.display().to_string(), &trust, &setup));
            }
            None => all.extend([squid(&trust), mitmproxy(&trust)].into_iter().flatten()),
        }
        Ok(Self {
            all,
            port,
            group: AtomicUsize::new(0),
            _origin: origin,
            _folder: folder,
        })
    }

    /// Microseconds of processor time for each of the responses that `url` asks for.
    fn runs(
        &self,
        count: usize,
        url: impl Fn() -> String,
        args: &[&str],
    ) -> Result<Vec<(String, Vec<f64>)>, String> {
        let (proxies, authorities): (Vec<&MeasuredProxy>, Vec<&PathBuf>) = self
            .all
            .iter()
            .map(|one| (&one.proxy, &one.authority))
            .unzip();
        let measure = |proxy: &MeasuredProxy| {
            let at = proxies.iter().position(|other| other.pid == proxy.pid);
            let trust = at
                .and_then(|at| authorities.get(at))
                .ok_or("no authority")?;
            let fetch = |url: &str, args: &[&str]| fetch(proxy, trust, url, args);
            fetch(&format!("https://localhost:{}/", self.port), &[])?;
            let before = cost::cpu(proxy.pid);
            let codes = fetch(&url(), args)?;
            match codes.lines().filter(|code| *code == "200").count() {
                good if good == count => Ok((cost::cpu(proxy.pid) - before) * 1e6 / count as f64),
                good => Err(failed(proxy, &format!("{good} of {count}"))),
            }
        };
        interleave(&proxies, RUNS, measure)
    }
}

/// Fetches by curl, and returns the status codes.
fn fetch(proxy: &MeasuredProxy, trust: &Path, url: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("curl");
    command.args([
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}\\n",
        "--http1.1",
    ]);
    command.args(["--noproxy", "", "--proxy"]);
    command.arg(format!("http://{}", proxy.address));
    command.arg("--cacert").arg(trust).args(args).arg(url);
    output(command)
}

/// nginx with a body of 1 KiB at each address of loopback, on the load's core.
fn origin(folder: &Path) -> Option<(Running, u16)> {
    let (nginx, address, at) = (program("nginx")?, reserve(), folder.display());
    let port = address.port();
    let text = format!(
        "daemon off; worker_processes 1; pid {at}/pid; error_log /dev/null crit; user root;\n\
         events {{ worker_connections 4000; }}\n\
         http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 300s;\n\
         map $server_addr $leaf {{ ~^127\\.0\\.(?<group>\\d+)\\. $group; }}\n\
         server {{ listen 0.0.0.0:{port} ssl; ssl_certificate {at}/leaf$leaf.pem; ssl_certificate_key {at}/leaf.key;\n\
         location / {{ return 200 \"{}\"; }} }} }}\n",
        "x".repeat(1024)
    );
    let config = write(folder, "nginx.conf", &text);
    let mut command = Command::new("taskset");
    command.args(["-c", &LOAD_CORE.to_string()]).arg(nginx);
    command.arg("-c").arg(config);
    let running = Running::start("nginx", command);
    await_port(address, "nginx");
    Some((running, port))
}

fn privet(name: &str, trust: &Path, setup: &Setup) -> Inspecting {
    let hosts: Vec<String> = (1..=GROUPS)
        .flat_map(|group| (1..=HOSTS).map(move |host| format!("\"127.0.{group}.{host}\"")))
        .collect();
    let config = format!(
        "[inspect]\nenabled = true\ntrust = [\"{}\"]\nhosts = [\"localhost\", {}]\n",
        trust.display(),
        hosts.join(", ")
    );
    let privet = Privet::start_as(&config, setup);
    let pem = privet.cli(&["inspect", "ca"]).good();
    let authority = write(privet.sandbox.dir(), "inspection-ca.pem", &pem);
    Inspecting {
        proxy: proxies::measured(name, privet.proxy(), privet.pid(), privet),
        authority,
    }
}

/// Squid that was built with OpenSSL (Debian's `squid-openssl`).
fn squid(trust: &Path) -> Option<Inspecting> {
    let program = program("squid")?;
    let built = Command::new(&program).arg("-v").output().ok()?;
    let helper = [
        program.parent()?.join("../lib/squid/security_file_certgen"),
        "/usr/lib/squid/security_file_certgen".into(),
    ];
    let helper = helper.into_iter().find(|file| file.is_file());
    let (true, Some(helper)) = (
        String::from_utf8_lossy(&built.stdout).contains("--with-openssl"),
        helper,
    ) else {
        privet_tests::missing("squid has no ssl_bump (package squid-openssl)");
        return None;
    };
    let address = reserve();
    let authority = open_folder("squid-ca-");
    let mut make = Command::new("sh");
    make.args([
        "-c",
        "set -e
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -subj '/CN=Squid of a bench' \
            -days 90 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
         cat ca.pem ca.key > both.pem; \"$1\" -c -s \"$PWD/db\" -M 16MB; chmod -R a+rwX .",
        "sh",
    ]);
    make.arg(&helper).current_dir(authority.path());
    CommandOutput::of(make).good();
    let at = authority.path().display().to_string();
    let squid = Squid::with_lines(&|_| {
        format!(
            "http_port {address} ssl-bump tls-cert={at}/both.pem generate-host-certificates=on dynamic_cert_mem_cache_size=16MB\n\
             sslcrtd_program {} -s {at}/db -M 16MB\nsslcrtd_children 1\n\
             tls_outgoing_options cafile={}\nssl_bump bump all\n",
            helper.display(),
            trust.display()
        )
    })?;
    await_port(address, "squid");
    let pid = squid.running.pid();
    Some(Inspecting {
        authority: authority.path().join("ca.pem"),
        proxy: proxies::measured("Squid (ssl_bump)", address, pid, (squid, authority)),
    })
}

fn mitmproxy(trust: &Path) -> Option<Inspecting> {
    let (program, address, folder) = (program("mitmdump")?, reserve(), open_folder("mitmproxy-"));
    let at = folder.path();
    let mut command = Command::new(program);
    command.args(["-q", "--listen-host", "127.0.0.1", "--listen-port"]);
    command.arg(address.port().to_string());
    let options = [
        format!("confdir={}", at.display()),
        format!("ssl_verify_upstream_trusted_ca={}", trust.display()),
    ];
    for option in options {
        command.args(["--set", &option]);
    }
    let authority = at.join("mitmproxy-ca-cert.pem");
    let proxy = proxies::started_in("mitmproxy", address, command, folder);
    fs::metadata(&authority).ok()?;
    Some(Inspecting { proxy, authority })
}

pub fn requests() -> Result<Figures, String> {
    let scene = Scene::start()?;
    let url = || format!("https://localhost:{}/[1-{REQUESTS}]", scene.port);
    let runs = scene.runs(REQUESTS, url, &["-Z", "--parallel-max", "16"])?;
    Ok(Figures {
        row: "inspect-request",
        title: "Inspected HTTPS, HTTP/1.1 keep-alive, 16 connections, 1 KiB",
        unit: "CPU µs per request",
        note: ": curl, 2,000 requests a run.",
        runs,
    })
}

pub fn hosts() -> Result<Figures, String> {
    let scene = Scene::start()?;
    let url = || {
        let group = 1 + scene.group.fetch_add(1, Ordering::Relaxed) % GROUPS;
        format!("https://127.0.{group}.[1-{HOSTS}]:{}/", scene.port)
    };
    let runs = scene.runs(HOSTS, url, &[])?;
    Ok(Figures {
        row: "inspect-host",
        title: "Inspected HTTPS, the first request to a host",
        unit: "CPU µs each",
        note: ": curl, 200 hosts a run: a TLS handshake with the host, a certificate for it, a TLS handshake with the client.",
        runs,
    })
}
