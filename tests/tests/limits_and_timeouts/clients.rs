//! What one client may take, and what it does not take from others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use privet_tests::client::{connect, read_all, read_head, socks5};
use privet_tests::namespace::{INSIDE, Namespaces, OTHER_HOST, OUTSIDE, RESOLVER};
use privet_tests::privet::Setup;
use privet_tests::{Origin, Privet, curl, require};

/// Waits until a further client is served.
fn await_room(privet: &Privet) {
    let start = Instant::now();
    loop {
        let mut stream = connect(privet.proxy());
        let mut answer = [0; 2];
        if stream.write_all(&[5, 1, 0]).is_ok() && stream.read_exact(&mut answer).is_ok() {
            return;
        }
        assert!(start.elapsed() < privet_tests::TIMEOUT, "no room was made");
    }
}

#[test]
fn connections_that_only_wait_give_way_where_the_limit_is_reached() {
    let origin = Origin::http();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections = 3\n",
    );
    let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
    let idle: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connect(privet.proxy());
            stream.write_all(get.as_bytes()).expect("open");
            assert!(read_head(&mut stream).starts_with("HTTP/1.1 204 "));
            stream
        })
        .collect();
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, "--max-time", "10", &origin.url("/")]).good();
    // One was closed: of the thread that took the new one, that which waited longest. The others are still served.
    let served = idle.into_iter().filter_map(|mut stream| {
        stream.write_all(get.as_bytes()).ok()?;
        let mut status = [0; 13];
        stream.read_exact(&mut status).ok()?;
        Some(status)
    });
    assert_eq!(served.collect::<Vec<_>>(), [*b"HTTP/1.1 204 "; 2]);
}

#[test]
fn a_client_has_so_many_connections_and_others_are_unaffected() {
    let (echo, origin) = (Origin::echo(), Origin::http());
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections_per_client = 4\n",
    );
    let open = || socks5(privet.proxy(), "127.0.0.1", echo.port()).expect("within the limit");
    let mut held: Vec<TcpStream> = (0..4).map(|_| open()).collect();
    for _ in 0..3 {
        let mut further = connect(privet.proxy());
        let _ = further.write_all(&[5, 1, 0]);
        assert_eq!(read_all(&mut further), b"");
    }
    // Another program of the same address.
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, &origin.url("/")]).good();
    let status = privet.api("GET", "status", None).1;
    let problems = status["problems"].to_string();
    assert!(problems.contains("connections_per_client"), "{problems}");
    let log = privet.log();
    assert_eq!(log.matches("has 4 connections open").count(), 1, "{log}");
    // One that ends makes room.
    held.pop();
    await_room(&privet);
}

#[test]
fn clients_on_other_machines_are_counted_by_address() {
    let world = require!(Namespaces::new());
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let port = privet_tests::reserve().port();
    let privet = Privet::start_as(
        &format!(
            "[listen]\nmixed = [\"{INSIDE}:{port}\"]\npac = \"\"\nallow_clients = [\"10.77.0.0/24\"]\n\
             [listen.limits]\nconnections_per_client = 2\n"
        ),
        &setup,
    );
    // For each connection: whether its greeting was answered.
    let script = "
import socket, sys
open = []
for source in sys.argv[3:]:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10, (source, 0))
    open.append(s)
    try:
        s.sendall(bytes([5, 1, 0]))
        print(len(s.recv(2)))
    except OSError:
        print(0)
";
    let port = port.to_string();
    let sources = [
        OUTSIDE, OUTSIDE, OUTSIDE, OTHER_HOST, OTHER_HOST, OTHER_HOST,
    ];
    let fixed = ["python3", "-c", script, INSIDE, &port];
    let args: Vec<&str> = fixed.into_iter().chain(sources).collect();
    let answered = world.run_outside(&args).good();
    let answered: Vec<&str> = answered.lines().collect();
    assert_eq!(answered, ["2", "2", "0", "2", "2", "0"], "{}", privet.log());
}

#[test]
fn slow_names_of_one_client_do_not_stop_the_look_ups_of_another() {
    let world = require!(Namespaces::new());
    // No look-up ends by itself within the test.
    world.write_resolver_options("timeout:30 attempts:2");
    let _names = name_server(&world);
    let web = world.start_outside(
        "web",
        &[
            "python3",
            "-u",
            "-m",
            "http.server",
            "80",
            "--bind",
            OTHER_HOST,
        ],
    );
    web.await_line("Serving HTTP");
    let setup = Setup {
        prefix: world.prefix(),
        ..Default::default()
    };
    let privet = Privet::start_as("", &setup);
    let (host, port) = (
        privet.proxy().ip().to_string(),
        privet.proxy().port().to_string(),
    );
    let script = "
import socket, sys
open = []
for n in range(100):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.sendall(bytes([5, 1, 0])); s.recv(2)
    name = b'slow%d.test' % n
    s.sendall(bytes([5, 1, 0, 3, len(name)]) + name + bytes([0, 80]))
    open.append(s)
print('all are asked for', flush=True)
sys.stdin.read() or open[0].recv(1)
";
    let slow = world.start_inside("slow", &["python3", "-u", "-c", script, &host, &port]);
    slow.await_line("all are asked for");
    let proxy = format!("socks5h://{}", privet.proxy());
    for name in ["good1.test", "good2.test", "good3.test"] {
        let url = format!("http://{name}/");
        let curl = [
            "curl",
            "-q",
            "-sS",
            "--max-time",
            "5",
            "-o",
            "/dev/null",
            "-x",
            &proxy,
            &url,
        ];
        world.run(&curl).good();
    }
    assert!(
        privet.rows("active").is_empty(),
        "the slow names were answered"
    );
}

/// A name server outside that knows names starting with "good" and never answers for others.
fn name_server(world: &Namespaces) -> privet_tests::Running {
    let script = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print('answers names', flush=True)
while True:
    query, client = s.recvfrom(512)
    if query[13:17] != b'good':
        continue
    end = query.index(b'\\0', 12) + 5
    is_a = query[end - 4:end - 2] == b'\\0\\1'
    answer = query[:2] + b'\\x81\\x80' + b'\\0\\1' + (b'\\0\\1' if is_a else b'\\0\\0') + b'\\0' * 4 + query[12:end]
    if is_a:
        answer += b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x05\\0\\4' + socket.inet_aton(sys.argv[2])
    s.sendto(answer, client)
";
    let server = world.start_outside(
        "names",
        &["python3", "-u", "-c", script, RESOLVER, OTHER_HOST],
    );
    server.await_line("answers names");
    server
}

#[test]
fn clients_past_the_connection_limit_are_refused_and_others_unaffected() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nconnections = 3\n",
    );
    let mut open: Vec<TcpStream> = (0..3)
        .map(|_| socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("within the limit"))
        .collect();
    let mut fourth = connect(privet.proxy());
    let _ = fourth.write_all(&[5, 1, 0]);
    let answer = read_all(&mut fourth);
    assert!(answer.is_empty(), "{answer:?}");
    for stream in &mut open {
        let mut bytes = [0; 4];
        stream.write_all(b"ping").expect("it is open");
        stream.read_exact(&mut bytes).expect("it is open");
    }
    open.pop();
    await_room(&privet);
}
