//! Sites through the built program: hosts, balancing, health, routes, limits, rewriting, retries and reloads.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use privet_tests::backend::{SiteAnswer, reply};
use privet_tests::peers::Certificate;
use privet_tests::privet::Setup;
use privet_tests::wait::until;
use privet_tests::{Backend, Privet, Running, SiteClient, await_port, program, require, reserve};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A site "app" for app.test on its own listener. `rest`: further keys and tables of the site.
fn config(listen: SocketAddr, backends: &[(String, u32)], keys: &str, tables: &str) -> String {
    let mut text = format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\", \"127.0.0.1\", \"::1\"]\n{keys}\n"
    );
    for (url, weight) in backends {
        text.push_str(&format!(
            "[[site.backend]]\nurl = \"{url}\"\nweight = {weight}\n"
        ));
    }
    text + tables
}

struct Scene {
    privet: Privet,
    listen: SocketAddr,
}

impl Scene {
    fn new(backends: &[&Backend], keys: &str, tables: &str) -> Self {
        let weighted: Vec<_> = backends.iter().map(|backend| (backend.url(), 1)).collect();
        Self::weighted(&weighted, keys, tables)
    }

    fn weighted(backends: &[(String, u32)], keys: &str, tables: &str) -> Self {
        let listen = reserve();
        let privet = Privet::start(&config(listen, backends, keys, tables));
        Self { privet, listen }
    }

    fn client(&self) -> SiteClient {
        SiteClient::connect(self.listen, "app.test")
    }

    fn get(&self, path: &str) -> SiteAnswer {
        self.client().get(path)
    }

    /// The backend with this URL, as the API shows it.
    fn backend(&self, url: &str) -> Value {
        let (status, sites) = self.privet.api("GET", "sites", None);
        assert_eq!(status, 200, "{sites}");
        backend_of(&sites, url)
    }

    fn await_state(&self, backend: &Backend, state: &str) {
        let url = backend.url();
        self.privet
            .await_api("sites", |sites| backend_of(sites, &url)["state"] == state);
    }
}

fn backend_of(sites: &Value, url: &str) -> Value {
    let routes = sites["sites"][0]["routes"].as_array().into_iter().flatten();
    let mut backends = routes.flat_map(|route| route["backends"].as_array().into_iter().flatten());
    let found = backends.find(|backend| backend["url"] == url);
    found
        .unwrap_or_else(|| panic!("no backend {url}: {sites:#}"))
        .clone()
}

#[test]
fn a_host_that_no_site_has_is_misdirected() {
    let backend = Backend::named("a");
    let scene = Scene::new(&[&backend], "", "");
    for host in [
        "other.test",
        "app.test.evil",
        "localhost",
        "127.0.0.2",
        "xapp.test",
    ] {
        let answer = SiteClient::connect(scene.listen, host).get("/");
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
    }
    assert_eq!(backend.requests(), 0);
    for host in [
        "app.test",
        "APP.test",
        "app.test.",
        "app.test:81",
        "127.0.0.1",
        "[::1]",
        "[::1]:8080",
    ] {
        let answer = SiteClient::connect(scene.listen, host).get("/x");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "a GET /x"),
            "{host}"
        );
    }
    // The URL counts and not the field, as RFC 9112 section 3.2.2 wants.
    let text = "GET http://other.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n";
    assert_eq!(scene.client().request(text).status, 421);
    let text = "GET http://app.test/y HTTP/1.1\r\nHost: other.test\r\n\r\n";
    assert_eq!(scene.client().request(text).body, "a GET /y");
    let heads = backend.heads();
    assert!(
        heads
            .last()
            .is_some_and(|head| head.contains("\r\nHost: app.test\r\n")),
        "{heads:?}"
    );
}

#[test]
fn sites_share_a_listener_and_are_told_apart_by_host() {
    let (first, second) = (Backend::named("first"), Backend::named("second"));
    let listen = reserve();
    let site = |name: &str, host: &str, backend: &Backend| {
        format!(
            "[[site]]\nname = \"{name}\"\nlisten = [\"{listen}\"]\nhosts = [\"{host}\"]\n[[site.backend]]\nurl = \"{}\"\n",
            backend.url()
        )
    };
    let text = site("one", "one.test", &first) + &site("two", "*.two.test", &second);
    let _privet = Privet::start(&text);
    let get = |host: &str| SiteClient::connect(listen, host).get("/");
    assert_eq!(get("one.test").body, "first GET /");
    assert_eq!(get("a.two.test").body, "second GET /");
    assert_eq!(get("a.b.two.test").body, "second GET /");
    assert_eq!(get("two.test").status, 421);
}

#[test]
fn round_robin_follows_the_weights_exactly() {
    let (heavy, light) = (Backend::named("heavy"), Backend::named("light"));
    let backends = [(heavy.url(), 3), (light.url(), 1)];
    // One thread, so that there is one turn.
    let listen = reserve();
    let setup = Setup {
        prefix: ["taskset", "-c", "0"].map(str::to_owned).into(),
        ..Setup::default()
    };
    require!(program("taskset"));
    let text = config(listen, &backends, "balance = \"round-robin\"", "");
    let _privet = Privet::start_as(&text, &setup);
    let mut client = SiteClient::connect(listen, "app.test");
    for _ in 0..80 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!((heavy.requests(), light.requests()), (60, 20));
}

#[test]
fn a_busy_or_slow_backend_gets_fewer_requests() {
    for balance in ["least-connections", "least-time"] {
        let (quick, slow) = (Backend::named("quick"), Backend::named("slow"));
        slow.set_delay(Duration::from_millis(150));
        let scene = Scene::new(&[&quick, &slow], &format!("balance = \"{balance}\""), "");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut client = scene.client();
                    for _ in 0..40 {
                        assert_eq!(client.get("/").status, 200);
                    }
                });
            }
        });
        let (quick, slow) = (quick.requests(), slow.requests());
        assert_eq!(quick + slow, 160);
        assert!(
            slow > 0 && quick > 2 * slow,
            "{balance}: {quick} and {slow}"
        );
    }
}

#[test]
fn a_hash_keeps_a_key_at_its_backend_and_moves_few_when_one_goes() {
    let backends: Vec<Backend> = (0..4).map(|n| Backend::named(&format!("b{n}"))).collect();
    let all: Vec<&Backend> = backends.iter().collect();
    let keys = "balance = \"hash\"\nhash_on = \"header:X-Tenant\"";
    let scene = Scene::new(&all, keys, "");
    let mut client = scene.client();
    let mut place = |key: usize| {
        let text = format!("GET / HTTP/1.1\r\nHost: app.test\r\nX-Tenant: t{key}\r\n\r\n");
        client.request(&text).body
    };
    let before: Vec<String> = (0..200).map(&mut place).collect();
    assert_eq!(before, (0..200).map(&mut place).collect::<Vec<_>>());
    for backend in &backends {
        assert!(backend.requests() > 40, "{}", backend.requests());
    }
    let gone = &backends[0];
    scene
        .privet
        .cli(&["sites", "drain", "app", &gone.url()])
        .good();
    let after: Vec<String> = (0..200).map(&mut place).collect();
    let moved = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after);
    let of_gone = before.iter().filter(|body| body.starts_with("b0")).count();
    assert_eq!(
        moved.count(),
        of_gone,
        "only the keys of the drained backend move"
    );
    assert!(of_gone <= 200 / 4 + 20, "{of_gone}");
}

#[test]
fn an_unhealthy_backend_gets_no_requests_until_it_is_healthy_again() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let health = "[site.health]\npath = \"/healthz\"\ninterval = \"100ms\"\ntimeout = \"2s\"\n";
    let scene = Scene::new(&[&a, &b], "balance = \"round-robin\"", health);
    scene.await_state(&a, "healthy");
    scene.await_state(&b, "healthy");
    b.set_healthy(false);
    scene.await_state(&b, "unhealthy");
    let check = scene.backend(&b.url())["last_check"].clone();
    assert_eq!(
        (&check["ok"], &check["status"]),
        (&json!(false), &json!(503)),
        "{check}"
    );
    let before = b.requests();
    let mut client = scene.client();
    for _ in 0..20 {
        assert!(client.get("/").body.starts_with("a "));
    }
    assert_eq!(b.requests(), before);
    b.set_healthy(true);
    scene.await_state(&b, "healthy");
    for _ in 0..20 {
        assert_eq!(client.get("/").status, 200);
    }
    assert!(b.requests() > before);
    let history = scene.backend(&b.url())["history"].clone();
    let states: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["state"].as_str())
        .collect();
    assert_eq!(states, ["healthy", "unhealthy", "healthy"], "{history}");
}

#[test]
fn routes_go_by_the_longest_prefix_and_ambiguous_paths_are_refused() {
    let (own, fixed, api) = (
        Backend::named("own"),
        Backend::named("static"),
        Backend::named("api"),
    );
    let tables = format!(
        "[[site.route]]\npath = \"/static/\"\nbackends = [\"{}\"]\n\
         [[site.route]]\npath = \"/api\"\nstrip_prefix = true\nbackends = [\"{}\"]\n",
        fixed.url(),
        api.url()
    );
    let scene = Scene::new(&[&own], "", &tables);
    let mut client = scene.client();
    for (path, body) in [
        ("/", "own GET /"),
        ("/static", "own GET /static"),
        ("/static/a?b", "static GET /static/a?b"),
        ("/static/a%2Fb", "static GET /static/a%2Fb"),
        ("/api", "api GET /"),
        ("/api?q=1", "api GET /?q=1"),
        ("/api/v1//x", "api GET /v1//x"),
        ("/api//evil.test/", "api GET /evil.test/"),
        ("/apis", "own GET /apis"),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    let before = own.requests() + fixed.requests() + api.requests();
    for path in [
        "/static/../x",
        "/static/%2e%2e/x",
        "/static/..%2fx",
        "/x/../static/y",
        "/../x",
        "/%61pi/x",
    ] {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    assert_eq!(own.requests() + fixed.requests() + api.requests(), before);
    let heads = api.heads();
    assert!(
        heads[0].contains("\r\nX-Forwarded-Prefix: /api\r\n"),
        "{}",
        heads[0]
    );
}

#[test]
fn limits_of_rate_body_and_head_are_kept() {
    let backend = Backend::named("a");
    let keys =
        "limit = { requests_per_second = 1, burst = 5, body = \"1KiB\", header_bytes = \"2KiB\" }";
    let scene = Scene::new(&[&backend], keys, "");
    let statuses: Vec<u16> = (0..12).map(|_| scene.get("/").status).collect();
    assert_eq!(statuses[..5], [200; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let refused = scene.get("/");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");

    let keys = "limit = { body = \"1KiB\", header_bytes = \"2KiB\" }";
    let scene = Scene::new(&[&backend], keys, "");
    let before = backend.requests();
    let post = |length: usize| {
        let body = "x".repeat(length);
        let text =
            format!("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n{body}");
        scene.client().request(&text)
    };
    assert_eq!(post(1024).status, 200);
    assert_eq!(post(1025).status, 413);
    let chunks = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    let chunked = |count: usize| {
        let body = chunks.repeat(count);
        let text = format!(
            "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"
        );
        scene.client().request(&text)
    };
    assert_eq!(chunked(1).status, 200);
    assert_eq!(chunked(2).status, 413);
    let long = format!(
        "GET / HTTP/1.1\r\nHost: app.test\r\nX-Long: {}\r\n\r\n",
        "x".repeat(2100)
    );
    assert_eq!(scene.client().request(&long).status, 431);
    assert_eq!(backend.requests(), before + 2);
}

#[test]
fn clients_outside_allow_or_inside_deny_are_refused() {
    let backend = Backend::named("a");
    for (keys, status) in [
        ("allow = [\"127.0.0.0/8\"]", 200),
        ("allow = [\"192.0.2.0/24\"]", 403),
        ("deny = [\"127.0.0.1/32\"]", 403),
        ("allow = [\"127.0.0.0/8\"]\ndeny = [\"127.0.0.1/32\"]", 403),
    ] {
        let scene = Scene::new(&[&backend], keys, "");
        let text = "GET / HTTP/1.1\r\nHost: app.test\r\nAccept: application/json\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
        let answer = scene.client().request(text);
        assert_eq!(answer.status, status, "{keys}");
        if status == 403 {
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body["status"], 403);
        }
    }
}

#[test]
fn backends_learn_who_asks_and_clients_not_who_answers() {
    let backend = Backend::answering(|stream, head, _| {
        let own = stream.local_addr()?;
        let fields = format!(
            "Server: Apache/2.4 (Debian)\r\nX-Powered-By: PHP/8\r\nVia: 1.1 inner\r\nX-AspNet-Version: 4\r\n\
             Location: http://{own}/next?x\r\nContent-Location: http://{own}/doc\r\nRefresh: 3; url=http://{own}/r\r\n\
             Link: <http://{own}/s.css>; rel=preload\r\nAlt-Svc: h2=\"{own}\"\r\n\
             Set-Cookie: a=b; Domain=127.0.0.1; Path=/\r\nX-Request-Id: 7\r\n"
        );
        reply(stream, "200 OK", &fields, head.as_bytes())
    });
    let scene = Scene::new(&[&backend], "", "");
    let answer = scene.client().request(
        "GET / HTTP/1.1\r\nHost: app.test:8443\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
         X-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Own: kept\r\n\r\n",
    );
    let port = backend.address.port().to_string();
    assert!(!answer.head.contains(&port), "{}", answer.head);
    for absent in [
        "server",
        "x-powered-by",
        "via",
        "x-aspnet-version",
        "alt-svc",
    ] {
        assert_eq!(answer.field(absent), None, "{}", answer.head);
    }
    for (name, value) in [
        ("location", "http://app.test:8443/next?x"),
        ("content-location", "http://app.test:8443/doc"),
        ("refresh", "3; url=http://app.test:8443/r"),
        ("link", "<http://app.test:8443/s.css>; rel=preload"),
        ("set-cookie", "a=b; Path=/"),
        ("x-request-id", "7"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{}", answer.head);
    }
    let seen = &answer.body;
    for line in [
        "\r\nHost: app.test:8443\r\n",
        "\r\nX-Forwarded-For: 127.0.0.1\r\n",
        "\r\nX-Forwarded-Proto: http\r\n",
        "\r\nX-Forwarded-Host: app.test:8443\r\n",
        "\r\nForwarded: for=127.0.0.1;host=\"app.test:8443\";proto=http\r\n",
        "\r\nX-Own: kept\r\n",
        "\r\nVia: 1.1 ",
    ] {
        assert!(seen.contains(line), "{line:?} in {seen}");
    }
    assert!(
        !seen.contains("6.6.6.6") && !seen.contains("X-Hop"),
        "{seen}"
    );
}

#[test]
fn error_pages_name_no_backend() {
    let dead = reserve();
    let broken =
        Backend::answering(|stream, _, _| stream.write_all(b"nonsense from 10.9.8.7\r\n\r\n"));
    for url in [format!("http://{dead}"), broken.url()] {
        let port = url.rsplit(':').next().unwrap().to_owned();
        let scene = Scene::weighted(&[(url, 1)], "", "");
        for accept in ["text/html", "application/json"] {
            let text = format!("GET / HTTP/1.1\r\nHost: app.test\r\nAccept: {accept}\r\n\r\n");
            let answer = scene.client().request(&text);
            assert_eq!(answer.status, 502, "{answer:?}");
            assert!(
                answer.field("content-type").unwrap().starts_with(accept),
                "{answer:?}"
            );
            let all = answer.head + &answer.body;
            assert!(
                !all.contains(&port) && !all.contains("10.9.8.7") && !all.contains("Privet"),
                "{all}"
            );
        }
    }
    let silent = Backend::named("silent");
    silent.set_delay(Duration::from_secs(5));
    let listen = reserve();
    let limits = "[listen.limits]\nresponse_header_timeout = \"1s\"\n";
    let text = config(listen, &[(silent.url(), 1)], "", "");
    let _privet = Privet::start(&format!(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n{limits}{text}"
    ));
    assert_eq!(SiteClient::connect(listen, "app.test").get("/").status, 504);
}

#[test]
fn connections_are_kept_on_both_sides() {
    let backend = Backend::named("a");
    let scene = Scene::new(&[&backend], "", "");
    let mut client = scene.client();
    for _ in 0..50 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!((backend.requests(), backend.connections()), (50, 1));
}

#[test]
fn a_websocket_passes_both_ways_and_counts_as_in_flight() {
    let backend = Backend::answering(|stream, head, _| {
        assert!(
            head.to_ascii_lowercase()
                .contains("\r\nupgrade: websocket\r\n"),
            "{head}"
        );
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi")?;
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => stream.write_all(&buffer[..read])?,
            }
        }
    });
    let scene = Scene::new(&[&backend], "", "");
    let mut client = scene.client();
    let answer = client.request(
        "GET /socket HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    assert_eq!(answer.status, 101, "{answer:?}");
    let stream = client.stream();
    stream.write_all(b"there").unwrap();
    let mut echoed = Vec::new();
    while echoed.len() < 7 {
        let mut piece = [0; 16];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0);
        echoed.extend_from_slice(&piece[..read]);
        if !echoed.starts_with(b"hi") && echoed == b"there" {
            break;
        }
    }
    assert!(echoed.ends_with(b"there"), "{echoed:?}");
    assert_eq!(scene.backend(&backend.url())["in_flight"], 1);
    drop(client);
    scene.privet.await_api("sites", |sites| {
        backend_of(sites, &backend.url())["in_flight"] == 0
    });
}

#[test]
fn the_first_event_of_a_stream_is_passed_on_at_once() {
    let backend = Backend::answering(|stream, _, _| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        let sent = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_micros();
        let event = format!("data: {sent}\n\n");
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        // The stream stays open until the client goes.
        let _ = stream.read(&mut [0]);
        Err(std::io::ErrorKind::UnexpectedEof.into())
    });
    let scene = Scene::new(&[&backend], "", "");
    let delay = || {
        let mut client = scene.client();
        let stream = client.stream();
        stream
            .write_all(b"GET /events HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .unwrap();
        let mut seen = String::new();
        while !seen.contains("\n\n\r\n") {
            let mut piece = [0; 512];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_micros();
        let sent: u128 = seen
            .split("data: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        now - sent
    };
    // The best of some: the machine may be busy.
    let best = (0..10).map(|_| delay()).min().unwrap();
    assert!(best < 50_000, "{best} µs");
}

/// A backend in a process of its own, which a test can kill.
const CHILD: &str = r#"
import asyncio, sys
async def serve(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    except Exception:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1000)
    async with server: await server.serve_forever()
asyncio.run(main())
"#;

fn start_child(python: &std::path::Path, address: SocketAddr) -> Running {
    let mut command = Command::new(python);
    command.args(["-c", CHILD, &address.port().to_string()]);
    let running = Running::start("backend", command);
    await_port(address, "the backend");
    running
}

#[test]
fn a_backend_killed_under_load_loses_no_idempotent_request() {
    let python = require!(program("python3"));
    let (doomed, other) = (reserve(), reserve());
    let mut doomed_process = start_child(&python, doomed);
    let _other_process = start_child(&python, other);
    let backends = [
        (format!("http://{doomed}"), 1),
        (format!("http://{other}"), 1),
    ];
    let scene = Scene::weighted(&backends, "balance = \"round-robin\"", "");
    let done = AtomicUsize::new(0);
    let failed = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = scene.client();
                    let mut failed = Vec::new();
                    for _ in 0..500 {
                        let answer = client.get("/");
                        if answer.status != 200 {
                            failed.push(answer);
                        }
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                    failed
                })
            })
            .collect();
        until("the load runs", || done.load(Ordering::SeqCst) > 800);
        doomed_process.kill();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(failed.len(), 0, "{:?}", failed.first());
    assert_eq!(done.load(Ordering::SeqCst), 4000);
    let state = scene.backend(&format!("http://{doomed}"))["state"].clone();
    assert_eq!(state, "ejected");
}

#[test]
fn what_is_set_by_hand_holds_over_reloads_and_is_undone() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut scene = Scene::new(&[&a, &b], "balance = \"round-robin\"", "");
    let mut client = scene.client();
    let drained = scene
        .privet
        .cli(&["sites", "drain", "app", &a.url()])
        .good();
    assert!(drained.contains("draining"), "{drained}");
    for _ in 0..10 {
        assert!(client.get("/").body.starts_with("b "));
    }
    let id = scene.backend(&b.url())["id"].as_str().unwrap().to_owned();
    let path = format!("sites/app/backends/{id}");
    let (status, changed) = scene
        .privet
        .api("PATCH", &path, Some(&json!({ "weight": 7 })));
    assert_eq!(
        (status, &changed["weight"], &changed["manual_weight"]),
        (200, &json!(7), &json!(7))
    );
    let stale = scene.privet.etag("sites");
    let (status, _) = scene
        .privet
        .api("PATCH", &path, Some(&json!({ "weight": 8 })));
    assert_eq!(status, 200);
    let (status, _) = scene
        .privet
        .api_if(&stale, "PATCH", &path, Some(&json!({ "weight": 9 })));
    assert_eq!(status, 412);
    for (body, refused) in [
        (json!({ "weight": 1001 }), 422),
        (json!({ "wait": 1 }), 400),
    ] {
        assert_eq!(
            scene.privet.api("PATCH", &path, Some(&body)).0,
            refused,
            "{body}"
        );
    }
    let missing = "sites/app/backends/none";
    assert_eq!(scene.privet.api("PATCH", missing, Some(&json!({}))).0, 404);

    let more = Backend::named("c");
    let backends = [(a.url(), 1), (b.url(), 1), (more.url(), 1)];
    scene.privet.sandbox.write(&config(
        scene.listen,
        &backends,
        "balance = \"round-robin\"",
        "",
    ));
    scene.privet.signal(Signal::HUP);
    scene.privet.await_api("sites", |sites| {
        sites["sites"][0]["routes"][0]["backends"]
            .as_array()
            .is_some_and(|all| all.len() == 3)
    });
    assert_eq!(scene.backend(&a.url())["state"], "draining");
    assert_eq!(scene.backend(&b.url())["manual_weight"], 8);
    let (_, changes) = scene.privet.api("GET", "changes", None);
    let of = |kind: &str| {
        let all = changes["changes"].as_array().unwrap();
        let found = all.iter().find(|change| change["what"][0]["kind"] == kind);
        found.unwrap_or_else(|| panic!("{changes:#}"))["id"].clone()
    };
    let undo = format!("changes/{}/undo", of("backend-draining"));
    let (status, undone) = scene.privet.api("POST", &undo, None);
    assert_eq!(status, 200, "{undone}");
    assert_ne!(scene.backend(&a.url())["state"], "draining");
    let table = scene.privet.cli(&["sites"]).good();
    assert!(
        table.contains("8 (by hand)") && table.contains(&a.url()),
        "{table}"
    );
    assert!(scene.privet.is_running());
}

#[test]
fn reloads_under_load_lose_no_request() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 12_500;
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let health = "[site.health]\npath = \"/healthz\"\ninterval = \"500ms\"\ntimeout = \"5s\"\n";
    let scene = Scene::new(&[&a, &b], "", health);
    let done = Arc::new(AtomicUsize::new(0));
    let failed = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (done, listen) = (done.clone(), scene.listen);
                scope.spawn(move || {
                    let mut client = SiteClient::connect(listen, "app.test");
                    let mut failed = 0;
                    for _ in 0..REQUESTS {
                        let text = "GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n";
                        match client.try_request(text) {
                            Some(answer) if answer.status == 200 => {}
                            _ => {
                                failed += 1;
                                client = SiteClient::connect(listen, "app.test");
                            }
                        }
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                    failed
                })
            })
            .collect();
        let per_reload = CLIENTS * REQUESTS / 21;
        for reload in 1..=20 {
            until("the load runs", || {
                done.load(Ordering::SeqCst) >= reload * per_reload
            });
            let weight = 1 + reload as u32 % 3;
            let mut text = config(scene.listen, &[(a.url(), weight), (b.url(), 1)], "", health);
            if reload % 3 == 0 {
                text.push_str("nonsense = = 1\n");
            }
            scene.privet.sandbox.write(&text);
            scene.privet.signal(Signal::HUP);
        }
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(
        (failed, done.load(Ordering::SeqCst)),
        (0, CLIENTS * REQUESTS)
    );
    assert_eq!(a.requests() + b.requests(), CLIENTS * REQUESTS);
    // The last reload is in force.
    let url = a.url();
    scene
        .privet
        .await_api("sites", |sites| backend_of(sites, &url)["weight"] == 3);
}

#[test]
fn why_explains_a_request_through_a_site() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let tables = format!(
        "[[site.route]]\npath = \"/static/\"\nbackends = [\"{}\"]\n",
        b.url()
    );
    let scene = Scene::new(&[&a], "deny = [\"192.0.2.0/24\"]", &tables);
    let why = |query: &str| {
        let (status, why) = scene.privet.api("GET", &format!("why?{query}"), None);
        assert_eq!(status, 200, "{why}");
        why
    };
    let found = why("target=http://app.test/static/x&site=app");
    assert_eq!(found["outcome"]["action"], "site", "{found:#}");
    assert_eq!(found["outcome"]["outbound"], b.url(), "{found:#}");
    let by_listener = why(&format!("target=http://app.test/&site={}", scene.listen));
    assert_eq!(
        by_listener["outcome"]["outbound"],
        a.url(),
        "{by_listener:#}"
    );
    let unknown = why("target=http://other.test/&site=app");
    assert_eq!(unknown["outcome"]["action"], "block", "{unknown:#}");
    assert!(
        unknown["outcome"]["text"].as_str().unwrap().contains("421"),
        "{unknown:#}"
    );
    let ambiguous = why("target=http://app.test/static/%252e%252e&site=app");
    assert!(
        ambiguous["outcome"]["text"]
            .as_str()
            .unwrap()
            .contains("400"),
        "{ambiguous:#}"
    );
    assert_eq!(
        scene
            .privet
            .api("GET", "why?target=http://app.test/&site=none", None)
            .0,
        404
    );
}

/// A backend that says which fields it got.
fn echo() -> Backend {
    Backend::answering(|stream, head, _| reply(stream, "200 OK", "", head.as_bytes()))
}

#[test]
fn a_site_over_tls_speaks_both_versions_and_refuses_other_names() {
    let certificate = require!(Certificate::new());
    let backend = echo();
    let listen = reserve();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["cert.pem", "key.pem"] {
        std::fs::copy(certificate.both(), file(name)).unwrap();
    }
    let text = format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"localhost\", \"127.0.0.1\"]\n\
         tls = {{ cert = \"{}\", key = \"{}\" }}\n[[site.backend]]\nurl = \"{}\"\n",
        file("cert.pem").display(),
        file("key.pem").display(),
        backend.url()
    );
    let privet = Privet::start(&text);
    let port = listen.port();
    let ca = certificate.ca().display().to_string();
    let get = |version: &str, host: &str| {
        let to = format!("{host}:{port}:127.0.0.1");
        let url = format!("https://{host}:{port}/x");
        privet_tests::curl(&[
            "--cacert",
            &ca,
            version,
            "--resolve",
            &to,
            "-w",
            "\n%{http_version}",
            &url,
        ])
    };
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = get(version, "localhost").good();
        assert!(answer.ends_with(shown), "{answer}");
        assert!(answer.contains("X-Forwarded-Proto: https\r\n"), "{answer}");
        assert!(
            answer.contains(&format!("Host: localhost:{port}\r\n")),
            "{answer}"
        );
    }
    let by_address = format!("https://127.0.0.1:{port}/x");
    privet_tests::curl(&["--cacert", &ca, &by_address]).good();
    // No handshake for a name that no site has.
    assert_eq!(get("--http2", "other.test").code, 35);
    // On a connection for one name a request for another is misdirected.
    let url = format!("https://localhost:{port}/x");
    let args = [
        "--cacert",
        &ca,
        "-H",
        "Host: other.test",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ];
    assert_eq!(privet_tests::curl(&args).good(), "421");

    // A file that cannot be used leaves the certificate in force.
    std::fs::write(file("cert.pem"), "nonsense").unwrap();
    privet.await_api("status", |status| {
        let problems = status["problems"].as_array();
        problems.is_some_and(|all| all.iter().any(|problem| problem["about"] == "site:tls"))
    });
    assert!(get("--http2", "localhost").good().ends_with('2'));
    let file_path = privet.sandbox.config().display().to_string();
    let checked = privet.cli(&["check", "--config", &file_path]);
    assert_eq!(checked.code, 2, "{checked:?}");
    std::fs::copy(certificate.both(), file("cert.pem")).unwrap();
    privet.await_api("status", |status| {
        let problems = status["problems"].as_array();
        problems.is_some_and(|all| all.iter().all(|problem| problem["about"] != "site:tls"))
    });
}

#[test]
fn http2_passes_from_the_client_to_the_backend() {
    let origin = echo();
    let (inner_listen, listen) = (reserve(), reserve());
    let _inner = Privet::start(&config(inner_listen, &[(origin.url(), 1)], "", ""));
    let _outer = Privet::start(&config(
        listen,
        &[(format!("h2c://{inner_listen}"), 1)],
        "",
        "",
    ));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let url = format!("http://app.test:{}/x?y", listen.port());
        let to = format!("app.test:{}:127.0.0.1", listen.port());
        let answer = privet_tests::curl(&[version, "--resolve", &to, "-d", "body", &url]).good();
        assert!(answer.starts_with("POST /x?y HTTP/1.1\r\n"), "{answer}");
        assert!(
            answer.to_lowercase().contains("\r\ncontent-length: 4\r\n"),
            "{answer}"
        );
        // The inner site counts the outer one as its client.
        assert_eq!(
            answer.matches("X-Forwarded-For: 127.0.0.1\r\n").count(),
            1,
            "{answer}"
        );
    }
}

#[test]
fn figures_of_sites_are_in_the_metrics() {
    let backend = Backend::named("a");
    let listen = reserve();
    let text = config(listen, &[(backend.url(), 1)], "", "");
    let privet = Privet::start(&format!("{text}[control]\nmetrics = \"$METRICS\"\n"));
    let mut client = SiteClient::connect(listen, "app.test");
    for _ in 0..3 {
        client.get("/");
    }
    let metrics =
        privet_tests::curl(&[&format!("http://{}/metrics", privet.sandbox.metrics)]).good();
    let line = format!(
        "privet_backend_requests_total{{site=\"app\",route=\"\",backend=\"{}\"}} 3",
        backend.url()
    );
    assert!(metrics.contains(&line), "{metrics}");
    assert!(
        metrics.contains("privet_site_responses_total{site=\"app\",class=\"2xx\"} 3"),
        "{metrics}"
    );
}

#[test]
fn a_listener_of_a_site_opens_and_closes_with_a_reload() {
    let backend = Backend::named("a");
    let privet = Privet::start("");
    let listen = reserve();
    privet
        .sandbox
        .write(&config(listen, &[(backend.url(), 1)], "", ""));
    privet.signal(Signal::HUP);
    await_port(listen, "the site");
    assert_eq!(SiteClient::connect(listen, "app.test").get("/").status, 200);
    privet.sandbox.write("");
    privet.signal(Signal::HUP);
    until("the listener closes", || {
        std::net::TcpStream::connect(listen).is_err()
    });
}

#[path = "../../crates/http/tests/common/hostile_heads.rs"]
mod hostile_heads;

/// Whether two readers can understand a head in one way only: lines of visible bytes, one framing, nothing folded.
fn is_legal(head: &str) -> bool {
    let Some(lines) = head.strip_suffix("\r\n\r\n") else {
        return false;
    };
    let mut lines = lines.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let token = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let words: Vec<&str> = first.split(' ').collect();
    let mut framing = 0;
    let mut hosts = 0;
    let clean = lines.all(|line| {
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" | "transfer-encoding" => framing += 1,
            "host" => hosts += 1,
            _ => {}
        }
        token(name)
            && !value
                .bytes()
                .any(|byte| byte < b' ' && byte != b'\t' || byte == 127)
    });
    clean
        && framing <= 1
        && hosts == 1
        && matches!(words[..], [method, target, "HTTP/1.1"] if token(method) && target.starts_with('/')
            && target.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[test]
fn a_site_forwards_nothing_of_a_hostile_request_that_is_illegal() {
    let backend = Backend::named("a");
    let listen = reserve();
    let text = config(listen, &[(backend.url(), 1)], "", "");
    let _privet = Privet::start(&text);
    let port = listen.port().to_string();
    let (mut sent, mut answered) = (0, 0);
    for bytes in hostile_heads::hostile_heads() {
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        // As a proxy's client writes it, and as an origin's.
        let origin_form = whole.replace("http://127.0.0.1:PORT/", "/");
        for text in [
            whole.replace("PORT", &port),
            origin_form.replace("Host: x\r\n", "Host: app.test\r\n"),
        ] {
            let mut stream = privet_tests::client::connect(listen);
            let smuggled = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.write_all(smuggled.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            sent += 1;
            answered +=
                usize::from(answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5"));
            // After a refusal nothing else is answered.
            if answer.starts_with(b"HTTP/1.1 400") {
                let text_of = String::from_utf8_lossy(&answer).into_owned();
                assert!(!text_of.contains("a GET /smuggled"), "{text:?}: {text_of}");
            }
        }
    }
    assert!(sent >= 600 && answered > sent / 2, "{answered} of {sent}");
    let heads = backend.heads();
    assert!(!heads.is_empty(), "nothing reached the backend");
    for head in &heads {
        assert!(is_legal(head), "{head:?}");
    }
}
