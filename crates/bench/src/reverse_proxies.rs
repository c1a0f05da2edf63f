//! Starts the measured reverse proxies: the same two backends, one worker, no access log.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use privet_tests::peers::{Certificate, open_folder, write};
use privet_tests::privet::Setup;
use privet_tests::{Privet, program, reserve};

use super::proxies::{self, MeasuredProxy};

/// What a reverse proxy is measured with.
pub struct Scene<'a> {
    pub backends: [SocketAddr; 2],
    /// Serve TLS, HTTP/2 included, with this certificate.
    pub certificate: Option<&'a Certificate>,
    pub cache: Store,
}

/// Where responses are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Nowhere,
    Memory,
    /// In files, whose pages the system has in memory.
    Disk,
}

impl Store {
    fn is_used(self) -> bool {
        self != Self::Nowhere
    }
}

impl Scene<'_> {
    /// Privet, and the peers that are installed and can do what is measured.
    pub fn proxies(&self) -> Vec<MeasuredProxy> {
        if let Some(other) = proxies::other_build() {
            let setup = Setup {
                binary: Some(other.clone()),
                ..Setup::default()
            };
            let name = other.display().to_string();
            return vec![
                self.privet("Privet", &Setup::default()),
                self.privet(&name, &setup),
            ];
        }
        // The others keep their caches in memory.
        let in_memory = self.cache != Store::Disk;
        let peers = [
            self.nginx(),
            in_memory.then(|| self.haproxy()).flatten(),
            // Its cache is a separate build.
            (!self.cache.is_used()).then(|| self.caddy()).flatten(),
            // It serves no TLS.
            (in_memory && self.certificate.is_none())
                .then(|| self.varnish())
                .flatten(),
        ];
        std::iter::once(self.privet("Privet", &Setup::default()))
            .chain(peers.into_iter().flatten())
            .collect()
    }

    fn privet(&self, name: &str, setup: &Setup) -> MeasuredProxy {
        let address = reserve();
        let [one, two] = self.backends;
        let tls = self.certificate.map_or_else(String::new, |certificate| {
            let file = certificate.both().display().to_string();
            format!("tls = {{ cert = \"{file}\", key = \"{file}\" }}\n")
        });
        let cache = self.cache.is_used();
        let (memory, disk) = match self.cache {
            Store::Nowhere | Store::Memory => ("256MiB", "0"),
            // The object does not fit.
            Store::Disk => ("2MiB", "512MiB"),
        };
        let text = format!(
            "[cache]\nenabled = {cache}\nmemory = \"{memory}\"\ndisk = \"{disk}\"\n\
             [[site]]\nname = \"site\"\nlisten = [\"{address}\"]\nhosts = [\"localhost\", \"127.0.0.1\"]\n\
             balance = \"round-robin\"\ncache = {cache}\n{tls}\
             [[site.backend]]\nurl = \"http://{one}\"\n[[site.backend]]\nurl = \"http://{two}\"\n"
        );
        let privet = Privet::start_as(&text, setup);
        proxies::measured(name, address, privet.pid(), privet)
    }

    fn nginx(&self) -> Option<MeasuredProxy> {
        let program = program("nginx")?;
        let (address, folder) = (reserve(), open_folder("nginx-"));
        let at = folder.path().display();
        let [one, two] = self.backends;
        let (tls, certificate) = match self.certificate {
            Some(certificate) => {
                let file = certificate.both().display().to_string();
                let lines = format!("ssl_certificate {file}; ssl_certificate_key {file};");
                (" ssl http2", lines)
            }
            None => ("", String::new()),
        };
        let cache = if self.cache.is_used() {
            "proxy_cache c;"
        } else {
            ""
        };
        let text = format!(
            "daemon off; worker_processes 1; pid {at}/pid; error_log /dev/null crit; user root;\n\
             worker_rlimit_nofile 20000; events {{ worker_connections 19000; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 300s;\n\
             open_file_cache max=1000; proxy_cache_path {at}/cache keys_zone=c:16m max_size=512m;\n\
             upstream b {{ server {one}; server {two}; keepalive 128; keepalive_requests 100000000; }}\n\
             server {{ listen {address}{tls}; {certificate} location / {{ proxy_pass http://b; {cache}\n\
             proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n"
        );
        let config = write(folder.path(), "nginx.conf", &text);
        let mut command = Command::new(program);
        command.arg("-c").arg(config);
        Some(proxies::started_in("nginx", address, command, folder))
    }

    fn haproxy(&self) -> Option<MeasuredProxy> {
        let program = program("haproxy")?;
        let (address, folder) = (reserve(), open_folder("haproxy-"));
        let [one, two] = self.backends;
        let tls = self.certificate.map_or_else(String::new, |certificate| {
            format!(" ssl crt {} alpn h2,http/1.1", certificate.both().display())
        });
        let (cache, rules) = match self.cache.is_used() {
            true => (
                "cache c\n  total-max-size 128\n  max-object-size 4000000\n  max-age 3600\n",
                "  http-request cache-use c\n  http-response cache-store c\n",
            ),
            false => ("", ""),
        };
        // More connections than this need more descriptors than the limit.
        let text = format!(
            "global\n  nbthread 1\n  maxconn 9900\n\
             defaults\n  mode http\n  timeout connect 5s\n  timeout client 300s\n  timeout server 300s\n\
             \x20 timeout http-keep-alive 300s\n  http-reuse always\n\
             {cache}frontend f\n  bind {address}{tls}\n  default_backend b\n\
             backend b\n  balance roundrobin\n{rules}  server one {one}\n  server two {two}\n"
        );
        let config = write(folder.path(), "haproxy.cfg", &text);
        let mut command = Command::new(program);
        command.arg("-db").arg("-q").arg("-f").arg(config);
        Some(proxies::started_in("HAProxy", address, command, folder))
    }

    fn caddy(&self) -> Option<MeasuredProxy> {
        let program = program("caddy")?;
        let (address, folder) = (reserve(), open_folder("caddy-"));
        let [one, two] = self.backends;
        let (scheme, tls) = match self.certificate {
            Some(certificate) => {
                let file = certificate.both().display().to_string();
                ("https", format!("tls {file} {file}"))
            }
            None => ("http", String::new()),
        };
        let text = format!(
            "{{\n  admin off\n  auto_https off\n  log {{\n    level ERROR\n  }}\n}}\n\
             {scheme}://localhost:{port}, {scheme}://127.0.0.1:{port} {{\n  bind 127.0.0.1\n  {tls}\n  reverse_proxy {one} {two}\n}}\n",
            port = address.port()
        );
        let config = write(folder.path(), "Caddyfile", &text);
        let mut command = Command::new(program);
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(config)
            // One thread, as the others have.
            .env("GOMAXPROCS", "1");
        in_own_home(&mut command, folder.path());
        Some(proxies::started_in("Caddy", address, command, folder))
    }

    fn varnish(&self) -> Option<MeasuredProxy> {
        let program = program("varnishd")?;
        let (address, folder) = (reserve(), open_folder("varnish-"));
        let [one, two] = self.backends;
        let pass = if self.cache.is_used() {
            ""
        } else {
            "return (pass);"
        };
        let text = format!(
            "vcl 4.1;\nimport directors;\n\
             backend a {{ .host = \"{}\"; .port = \"{}\"; }}\nbackend b {{ .host = \"{}\"; .port = \"{}\"; }}\n\
             sub vcl_init {{ new d = directors.round_robin(); d.add_backend(a); d.add_backend(b); }}\n\
             sub vcl_recv {{ set req.backend_hint = d.backend(); {pass} }}\n",
            one.ip(),
            one.port(),
            two.ip(),
            two.port()
        );
        let config = write(folder.path(), "site.vcl", &text);
        let mut command = Command::new(program);
        command.args([
            "-F",
            "-T",
            "none",
            "-s",
            "malloc,256m",
            "-p",
            "thread_pools=1",
        ]);
        command.args(["-p", "thread_pool_max=300", "-p", "timeout_idle=300"]);
        command
            .arg("-a")
            .arg(address.to_string())
            .arg("-f")
            .arg(config);
        command.arg("-n").arg(folder.path().join("work"));
        Some(proxies::started_in("Varnish", address, command, folder))
    }
}

/// Keeps the files of a program that writes to its user's home in its own folder.
fn in_own_home(command: &mut Command, folder: &Path) {
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, folder);
    }
}
