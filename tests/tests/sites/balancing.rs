//! Which backend a request gets, and what becomes of it when the backend fails.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use privet_tests::privet::Setup;
use privet_tests::wait::until;
use privet_tests::{Backend, Privet, Running, SiteClient, await_port, program, require, reserve};
use serde_json::json;

use crate::support::{Scene, config};

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
fn connections_are_kept_on_both_sides() {
    let backend = Backend::named("a");
    let scene = Scene::new(&[&backend], "", "");
    let mut client = scene.client();
    for _ in 0..50 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!((backend.requests(), backend.connections()), (50, 1));
}

/// A backend in a process of its own, which a test can kill.
const CHILD: &str = r#"
import asyncio, sys
async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split()[0]) if b"content-length:" in head else 0
            body = await reader.readexactly(length)
            status = b"200 OK" if body == b"x" * length else b"400 Changed"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")
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
                    let body = "x".repeat(20_000);
                    let length = body.len();
                    let put = format!(
                        "PUT / HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n{body}"
                    );
                    for number in 0..500 {
                        let answer = match number % 2 {
                            0 => client.get("/"),
                            _ => client.request(&put),
                        };
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
